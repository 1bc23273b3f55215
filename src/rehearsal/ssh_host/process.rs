//! The commands of a host, with their streams on a channel.

use std::io;

use russh::server::Msg;
use russh::{Channel, ChannelMsg};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;

/// Carries the streams of `child` over `channel` until it has ended and said all,
/// or until the channel closes. Then its streams end, and nothing else ends it: so it
/// is with sshd, too.
pub(super) async fn relay(channel: Channel<Msg>, mut child: Child) -> io::Result<()> {
    let (mut incoming, outgoing) = channel.split();
    let mut stdin = child.stdin.take();
    let stdout = copy(child.stdout.take(), outgoing.make_writer());
    let stderr = copy(child.stderr.take(), outgoing.make_writer_ext(Some(1)));
    let ended = async { tokio::join!(stdout, stderr, child.wait()).2 };
    tokio::pin!(ended);
    let status = loop {
        tokio::select! {
            status = &mut ended => break status?,
            message = incoming.wait() => match message {
                Some(ChannelMsg::Data { data }) => {
                    if let Some(pipe) = &mut stdin && pipe.write_all(&data).await.is_err() {
                        stdin = None;
                    }
                }
                Some(ChannelMsg::Eof) => stdin = None,
                Some(ChannelMsg::Close) | None => return Ok(()),
                Some(_) => {}
            }
        }
    };
    use std::os::unix::process::ExitStatusExt;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    let _ = outgoing.exit_status(code.and_then(|code| u32::try_from(code).ok()).unwrap_or(255)).await;
    let _ = outgoing.eof().await;
    let _ = outgoing.close().await;
    Ok(())
}

async fn copy(from: Option<impl tokio::io::AsyncRead + Unpin>, to: impl tokio::io::AsyncWrite) {
    let Some(mut from) = from else { return };
    tokio::pin!(to);
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let written = buffer.get(..count).unwrap_or_default();
        if to.write_all(written).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
}
