//! From a Unix socket to a port of loopback, for a program that reaches a stand-in
//! of GitHub in no other way without TLS.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

/// Forwards what comes to the socket at `path`, for as long as this process lives.
///
/// # Errors
///
/// When the socket cannot be made.
pub(crate) fn forward(path: &Path, to: SocketAddr) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A connection that fails is the waiting program's to complain about.
            thread::spawn(move || join(&stream, to));
        }
    });
    Ok(())
}

/// Copies both ways until both ends are done.
fn join(near: &UnixStream, to: SocketAddr) -> io::Result<()> {
    let far = TcpStream::connect(to)?;
    far.set_nodelay(true)?;
    let (mut from_near, mut to_far) = (near.try_clone()?, far.try_clone()?);
    thread::spawn(move || {
        let copied = io::copy(&mut from_near, &mut to_far);
        copied.and_then(|_| to_far.shutdown(Shutdown::Write))
    });
    io::copy(&mut &far, &mut &*near)?;
    near.shutdown(Shutdown::Write)
}
