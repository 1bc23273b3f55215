//! What carries JSON-RPC where it is no plain WebSocket: HTTP that is polled, proxies
//! that know no WebSocket, and TLS with certificates that are trusted or not.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use futures::{SinkExt, StreamExt};
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use testnet_deployer::chain::{Endpoint, Limits, Subject, watch};
use testnet_deployer::rehearsal::dev_chain::{DevChain, DevChainOptions};
use testnet_deployer::soak::{Observation, Seen};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::process::Command;
use tokio::sync::{mpsc, watch as signal};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    PATIENCE, assert_exact, code, ended, next, next_head, race, scripted, soak_json, watched,
};

/// What stands before a node.
#[derive(Clone)]
struct Front {
    port: u16,
    /// What a GET is answered with, where it is not let through.
    status: u16,
    /// WebSockets are let through.
    upgrades: signal::Sender<bool>,
    /// How many were.
    upgraded: Arc<AtomicU32>,
    /// How many calls came by POST, with which headers at last.
    calls: signal::Sender<(u32, HeaderMap)>,
    /// What is answered in place of what the node answers.
    instead: Arc<dyn Fn(u32) -> Option<Response> + Send + Sync>,
}

impl Front {
    /// Stands before a node, and answers handshakes with this status.
    async fn before(chain: &DevChain, status: u16) -> Self {
        Self::with(chain, status, |_| None).await
    }

    async fn with(
        chain: &DevChain,
        status: u16,
        instead: impl Fn(u32) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let front = Self {
            port: chain.port(),
            status,
            upgrades: signal::Sender::new(false),
            upgraded: Arc::default(),
            calls: signal::Sender::new(Default::default()),
            instead: Arc::new(instead),
        };
        let (sender, streams) = mpsc::channel(16);
        let fed = Fed { streams, address: listener.local_addr().unwrap() };
        let router = Router::new().fallback(serve).with_state(front.clone());
        tokio::spawn(async move { axum::serve(fed, router).await });
        let own = Self { port: listener.local_addr().unwrap().port(), ..front.clone() };
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (front, sender) = (front.clone(), sender.clone());
                tokio::spawn(async move {
                    let mut first = [0; 3];
                    let _ = stream.peek(&mut first).await;
                    if first == *b"GET" && *front.upgrades.borrow() {
                        front.upgraded.fetch_add(1, Ordering::Relaxed);
                        let mut node = TcpStream::connect(("127.0.0.1", front.port)).await.unwrap();
                        let _ = copy_bidirectional(&mut stream, &mut node).await;
                    } else {
                        let _ = sender.send(stream).await;
                    }
                });
            }
        });
        own
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }
}

/// Connections that come from elsewhere.
struct Fed {
    streams: mpsc::Receiver<TcpStream>,
    address: SocketAddr,
}

impl Listener for Fed {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        match self.streams.recv().await {
            Some(stream) => (stream, self.address),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.address)
    }
}

async fn serve(State(front): State<Front>, method: Method, headers: HeaderMap, body: Bytes) -> Response {
    if method != Method::POST {
        return (StatusCode::from_u16(front.status).unwrap(), "POST is required").into_response();
    }
    let mut count = 0;
    front.calls.send_modify(|(calls, last)| {
        *calls += 1;
        count = *calls;
        *last = headers;
    });
    if let Some(response) = (front.instead)(count) {
        return response;
    }
    let request: Value = serde_json::from_slice(&body).unwrap();
    let url = format!("ws://127.0.0.1:{}", front.port);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    socket.send(Message::text(request.to_string())).await.unwrap();
    let answer = socket.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(!request["method"].as_str().unwrap().contains("subscribe"), "nothing is announced over HTTP");
    ([("content-type", "application/json")], answer.to_string()).into_response()
}

fn quick() -> Limits {
    Limits {
        poll: Duration::from_millis(20),
        first_pause: Duration::from_millis(5),
        upgrade: Duration::from_millis(100),
        ..Limits::default()
    }
}

async fn chain() -> DevChain {
    DevChain::start(DevChainOptions::default()).await.unwrap()
}

/// `race monitor` of one node at this URL.
fn race_at(directory: &Path, chain: &DevChain, url: &str, rest: &str) -> Command {
    let command = race(directory, &[chain], rest);
    let file = directory.join("policies/testnet.toml");
    let policy = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, policy.replace(&chain.url(), url)).unwrap();
    command
}

#[tokio::test]
async fn a_node_with_an_http_url_is_polled_and_no_session_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let chain = chain().await;
    let front = Front::before(&chain, 405).await;
    let url = front.url("http").replace("127.0.0.1", "user:p%40ss@127.0.0.1");
    let text = code(&ended(race_at(directory.path(), &chain, &url, "target_sessions = 120\n")).await, 0);
    assert!(!text.contains("node 0:"), "{text}");
    assert!(!text.contains("p%40ss"), "{text}");
    assert_exact(&soak_json(directory.path()), 120);
    // Base64 of `user:p@ss`.
    assert_eq!(front.calls.borrow().1["authorization"], "Basic dXNlcjpwQHNz");
    assert_eq!(front.upgraded.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_proxy_that_knows_no_websocket_is_polled_until_it_does() {
    let chain = chain().await;
    for status in [200, 400, 404, 405, 426, 501] {
        let front = Front::before(&chain, status).await;
        let mut observations = watched(front.url("ws"), quick());
        let mut troubles = Vec::new();
        let mut heads = 0;
        while heads < 10 {
            match next(&mut observations).await {
                Seen::Unreachable(trouble) => troubles.push(trouble),
                Seen::Finalized(head) => {
                    assert_eq!(u64::from(head.session), head.number / 4);
                    heads += 1;
                }
                _ => {}
            }
        }
        let refused = format!("refused with HTTP status {status}");
        assert_eq!(troubles.len(), 3, "{troubles:?}");
        assert!(troubles[..2].iter().all(|trouble| *trouble == refused), "{troubles:?}");
        let expected = format!("no WebSocket: {refused}, 3 times in a row; it is polled over HTTP");
        assert_eq!(troubles[2], expected);
        front.upgrades.send_replace(true);
        let polled = async {
            while front.upgraded.load(Ordering::Relaxed) == 0 {
                assert!(!matches!(next(&mut observations).await, Seen::Unreachable(_)), "said once");
            }
            let calls = front.calls.borrow().0;
            for _ in 0..10 {
                next_head(&mut observations).await;
            }
            assert!(front.calls.borrow().0 <= calls, "what can be followed is not polled");
        };
        timeout(PATIENCE, polled).await.unwrap();
    }
}

#[tokio::test]
async fn who_turns_us_away_is_not_polled() {
    let chain = chain().await;
    for status in [401, 403, 429, 502, 503] {
        let front = Front::before(&chain, status).await;
        let mut observations = watched(front.url("ws"), quick());
        for _ in 0..6 {
            let seen = next(&mut observations).await;
            let Seen::Unreachable(trouble) = &seen else { panic!("{seen:?}") };
            assert!(
                trouble.contains(&format!("status {status}")) && !trouble.contains("polled"),
                "{trouble}"
            );
        }
        assert_eq!(front.calls.borrow().0, 0);
    }
}

#[tokio::test]
async fn an_http_node_that_fails_is_out_of_reach_and_comes_back() {
    let chain = chain().await;
    let answers = |call: u32| -> Option<Response> {
        let ok = |body: String| Some(([("connection", "close")], body).into_response());
        match call {
            1 => Some((StatusCode::FORBIDDEN, "").into_response()),
            2 => Some((StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")], "").into_response()),
            3 => ok("x".repeat(5 * 1024 * 1024)),
            4 => ok("<html>".to_owned()),
            5 => ok(r#"{"jsonrpc":"2.0","id":999,"result":{}}"#.to_owned()),
            6 => Some((StatusCode::FOUND, [("location", "http://127.0.0.1:1/")], "").into_response()),
            _ => None,
        }
    };
    let front = Front::with(&chain, 405, answers).await;
    let mut observations = watched(front.url("http"), quick());
    let mut troubles = Vec::new();
    loop {
        match next(&mut observations).await {
            Seen::Unreachable(trouble) => troubles.push((trouble, Instant::now())),
            Seen::Finalized(_) => break,
            _ => {}
        }
    }
    for ((trouble, _), expected) in troubles.iter().zip([
        "refused with HTTP status 403: it does not let in this host name (--rpc-cors)",
        "refused with HTTP status 429: too many connections",
        "HTTP: length limit exceeded",
        "not JSON-RPC",
        "what came was no answer to rpc_methods",
        "refused with HTTP status 302",
    ]) {
        assert!(trouble.contains(expected), "{trouble}: {expected}");
    }
    assert_eq!(troubles.len(), 6, "{troubles:?}");
    let stayed_away = troubles[2].1 - troubles[1].1;
    assert!(stayed_away >= Duration::from_secs(1), "retry-after is obeyed: {stayed_away:?}");
}

#[tokio::test]
async fn nobody_at_the_port_of_an_http_node_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut observations = watched(url, quick());
    let seen = next(&mut observations).await;
    assert!(matches!(&seen, Seen::Unreachable(why) if why.contains("Connection refused")), "{seen:?}");
}

#[tokio::test]
async fn an_http_node_behind_a_tunnel_is_called_by_its_own_name() {
    let directory = tempfile::tempdir().unwrap();
    let chain = chain().await;
    let front = Front::before(&chain, 405).await;
    let path = directory.path().join("tunnel");
    let listener = UnixListener::bind(&path).unwrap();
    let port = front.port;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut node = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut stream, &mut node).await });
        }
    });
    let endpoint = Endpoint::at("http://10.255.255.1:9944").through(Arc::new(move || {
        let path = path.clone();
        Box::pin(async move { Ok(path) })
    }));
    let (sender, mut observations) = mpsc::channel::<Observation>(16);
    tokio::spawn(watch(Subject::at(endpoint, quick()), Timestamp::now, sender));
    next_head(&mut observations).await;
    assert_eq!(front.calls.borrow().1["host"], "localhost:9944");
}

/// TLS before that port, with a certificate for `localhost`. Gives the port and the
/// CA's certificate.
pub(crate) async fn tls(port: u16) -> (u16, String) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, format!("CA before port {port}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &ca).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut node = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut node).await;
            });
        }
    });
    (here, ca.pem())
}

#[tokio::test]
async fn tls_is_spoken_with_whom_the_machine_trusts_and_nobody_else() {
    let chain = chain().await;
    let front = Front::before(&chain, 405).await;
    let (websocket, ca_of_websocket) = tls(chain.port()).await;
    let (http, ca_of_http) = tls(front.port).await;
    let directory = tempfile::tempdir().unwrap();
    let trusted = directory.path().join("ca.pem");
    std::fs::write(&trusted, format!("{ca_of_websocket}{ca_of_http}")).unwrap();
    let others = directory.path().join("other.pem");
    std::fs::write(&others, tls(1).await.1).unwrap();
    for (url, ca, name, expected) in [
        (format!("wss://localhost:{websocket}"), &trusted, "websocket", None),
        (format!("https://localhost:{http}"), &trusted, "http", None),
        (format!("wss://localhost:{websocket}"), &others, "unknown", Some("UnknownIssuer")),
        (format!("https://localhost:{http}"), &others, "unknown-http", Some("UnknownIssuer")),
        (format!("wss://127.0.0.1:{websocket}"), &trusted, "name", Some("localhost")),
        (format!("wss://127.0.0.1:{}", chain.port()), &trusted, "plain", Some("no TLS")),
    ] {
        let directory = directory.path().join(name);
        let mut command =
            race_at(&directory, &chain, &url, "target_sessions = 20\nunmeasured_after = \"1s\"\n");
        command.env("SSL_CERT_FILE", ca);
        let output = ended(command).await;
        match expected {
            None => {
                code(&output, 0);
                assert_exact(&soak_json(&directory), 20);
            }
            Some(expected) => {
                let text = code(&output, 21);
                assert!(text.contains(expected), "{name}: {text}");
                let is_untrusted = name != "plain";
                assert_eq!(text.contains("name a file with its certificate in SSL_CERT_FILE"), is_untrusted);
            }
        }
    }
}

#[tokio::test]
async fn a_node_without_the_shared_methods_is_told_with_what_it_lacks() {
    let url = scripted(|method, id, _| {
        assert_eq!(method, "rpc_methods");
        let methods = json!(["chainHead_v1_follow", "chain_getBlockHash", "system_version"]);
        Some(vec![json!({"jsonrpc": "2.0", "id": id, "result": {"methods": methods}}).to_string()])
    })
    .await;
    let mut observations = watched(url, quick());
    let seen = next(&mut observations).await;
    let Seen::Unreachable(trouble) = &seen else { panic!("{seen:?}") };
    assert!(
        trouble.contains("has no chain_getFinalizedHead") && trouble.contains("give the URL"),
        "{trouble}"
    );
}
