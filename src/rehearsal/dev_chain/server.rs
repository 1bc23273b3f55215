//! A node's port: handshake, requests, notifications, and what is wrong with them.

use std::net::SocketAddr;

use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::World;
use super::faults::{Conduct, Fault};
use super::rpc::{Client, View};

/// Serves a node's clients until it is aborted.
pub(super) async fn run(
    listener: TcpListener,
    world: watch::Receiver<World>,
    mut conduct: watch::Receiver<Conduct>,
) {
    let Ok(address) = listener.local_addr() else { return };
    let mut listener = Some(listener);
    let mut clients = JoinSet::new();
    loop {
        let refuses = conduct.borrow_and_update().fault == Some(Fault::Refused);
        if refuses {
            listener = None;
            clients.abort_all();
        } else if listener.is_none() {
            listener = bind(address).await;
        }
        tokio::select! {
            changed = conduct.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            accepted = accept(listener.as_ref()) => {
                if let Some(stream) = accepted {
                    clients.spawn(serve(stream, world.clone(), conduct.clone()));
                }
            }
            Some(_) = clients.join_next() => {}
        }
    }
}

async fn bind(address: SocketAddr) -> Option<TcpListener> {
    TcpListener::bind(address).await.ok()
}

async fn accept(listener: Option<&TcpListener>) -> Option<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.ok().map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

/// What a node sees of the world.
fn view(world: &watch::Receiver<World>, conduct: &Conduct) -> View {
    let World { mut blocks, best, top } = world.borrow().clone();
    blocks.fork_from = conduct.fork_from.or(blocks.fork_from);
    blocks.course.breaks = conduct.breaks.or(blocks.course.breaks);
    let behind = conduct.behind;
    View { blocks, best: best.saturating_sub(behind), top: top.saturating_sub(behind) }
}

/// Serves one client until it leaves.
async fn serve(
    mut stream: TcpStream,
    mut world: watch::Receiver<World>,
    mut conduct: watch::Receiver<Conduct>,
) {
    // A node sends its small frames at once, and so must we.
    let _ = stream.set_nodelay(true);
    let fault = conduct.borrow().fault;
    if let Some(Fault::Status(status)) = fault {
        return refuse(&mut stream, status).await;
    }
    while conduct.borrow_and_update().fault == Some(Fault::HalfOpen) {
        if conduct.changed().await.is_err() {
            return;
        }
    }
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
    let mut client = Client::new();
    loop {
        let frames = tokio::select! {
            received = socket.next() => match received {
                Some(Ok(Message::Text(text))) => {
                    let behaves = conduct.borrow().clone();
                    let view = view(&world, &behaves);
                    let answer = client.answer(&text, &view, &behaves);
                    match behaves.fault {
                        Some(Fault::CutFrame) => return cut(socket, &answer).await,
                        Some(Fault::Malformed) => vec!["{\"jsonrpc\":\"2.0\",".to_owned()],
                        Some(Fault::Huge(length)) => vec!["x".repeat(length)],
                        _ => {
                            let mut frames = client.notifications(&view, &behaves);
                            // A subscription's answer comes before its first
                            // notification, but not everywhere.
                            let place = if behaves.like_chopsticks { frames.len() } else { 0 };
                            frames.insert(place, answer);
                            frames
                        }
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
            changed = world.changed() => {
                if changed.is_err() {
                    return;
                }
                world.mark_unchanged();
                let behaves = conduct.borrow().clone();
                let mut frames = client.notifications(&view(&world, &behaves), &behaves);
                if let Some(Fault::Flood(times)) = behaves.fault {
                    frames = frames.iter().flat_map(|frame| std::iter::repeat_n(frame.clone(), times)).collect();
                }
                frames
            }
        };
        while conduct.borrow_and_update().fault == Some(Fault::HalfOpen) {
            if conduct.changed().await.is_err() {
                return;
            }
        }
        if fault != Some(Fault::Lost) && conduct.borrow().fault == Some(Fault::Lost) {
            return std::future::pending().await;
        }
        for frame in frames {
            if socket.feed(Message::text(frame)).await.is_err() {
                return;
            }
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}

/// Ends a handshake with an HTTP status.
async fn refuse(stream: &mut TcpStream, status: u16) {
    let mut head = [0; 4096];
    let _ = stream.read(&mut head).await;
    let answer = format!("HTTP/1.1 {status} Refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Sends the beginning of a frame, and resets the connection.
async fn cut(mut socket: WebSocketStream<TcpStream>, answer: &str) {
    let length = u16::try_from(answer.len()).unwrap_or(u16::MAX).max(126);
    let mut bytes = vec![0x81, 126];
    bytes.extend(length.to_be_bytes());
    bytes.extend(answer.bytes().take(20));
    let stream = socket.get_mut();
    let _ = stream.write_all(&bytes).await;
    let _ = stream.set_zero_linger();
}
