//! One client of a host: who it is, the commands that it has run and the ports that
//! it reaches.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use russh::keys::PublicKey;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use super::process::relay;

/// One client's connection.
pub(super) struct Connection {
    client: PublicKey,
    directory: Arc<Path>,
    /// Its commands' `PATH`.
    path: Arc<OsStr>,
    channels: HashMap<ChannelId, Channel<Msg>>,
    /// Commands and forwarded ports: dropped with the connection, and they with it.
    work: JoinSet<()>,
}

impl Connection {
    /// A connection for this client, whose commands run in that directory.
    pub(super) fn new(client: PublicKey, directory: Arc<Path>, path: OsString) -> Self {
        let path = Arc::from(path);
        Self { client, directory, path, channels: HashMap::new(), work: JoinSet::new() }
    }

    /// A new connection of the same client.
    pub(super) fn another(&self) -> Self {
        Self {
            client: self.client.clone(),
            directory: Arc::clone(&self.directory),
            path: Arc::clone(&self.path),
            channels: HashMap::new(),
            work: JoinSet::new(),
        }
    }

    fn spawn(&self, command: &[u8]) -> io::Result<Child> {
        let command = std::str::from_utf8(command).map_err(io::Error::other)?;
        Command::new("sh")
            .args(["-c", command])
            .current_dir(&self.directory)
            .env_clear()
            .env("PATH", &*self.path)
            .env("HOME", &*self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        _user: &str,
        key: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.judge(key.public_key))
    }

    async fn auth_publickey(&mut self, _user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(self.judge(key.public_key))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(channel) = self.channels.remove(&id) else { return session.channel_failure(id) };
        let Ok(child) = self.spawn(command) else { return session.channel_failure(id) };
        session.channel_success(id)?;
        self.work.spawn(async move {
            // Where the channel is gone there is nobody to tell.
            let _ = relay(channel, child).await;
        });
        Ok(())
    }

    /// What `ssh -L` asks for. Only ports of the loopback address are reached.
    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _originator: &str,
        _originator_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        let port = u16::try_from(port).ok().filter(|_| host == "127.0.0.1");
        let Some(port) = port else {
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            return Ok(());
        };
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        };
        let _ = stream.set_nodelay(true);
        reply.accept().await;
        self.work.spawn(async move {
            // Either side may end it.
            let _ = tokio::io::copy_bidirectional(&mut channel.into_stream(), &mut stream).await;
        });
        Ok(())
    }
}

impl Connection {
    fn judge(&self, key: &PublicKey) -> Auth {
        if key.key_data() == self.client.key_data() { Auth::Accept } else { Auth::reject() }
    }
}
