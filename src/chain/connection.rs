//! One connection to a node: calls with a time limit, and what its subscriptions
//! have announced meanwhile.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::{Instant, error::Elapsed, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;

use super::endpoint::{Endpoint, Protocol};
use super::error::ChainError;
use super::header::Header;
use super::http::Exchange;
use super::modern::Modern;
use super::way::Socket;
use super::wire::{self, Frame};

/// A call: its method and its parameters.
pub(super) type Call = (&'static str, Value);

/// What one subscription to heads has announced. Whose subscription it was, and
/// whether its answer had come, does not matter; only the newest head does.
#[derive(Debug, Default)]
pub(super) struct Announced {
    /// The newest header that nobody has looked at.
    pub(super) header: Option<Header>,
    /// The highest number ever announced over this connection.
    pub(super) highest: Option<u64>,
    /// How it is named, to leave it.
    subscription: Option<Value>,
}

/// Which heads a subscription announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heads {
    Best,
    Finalized,
}

impl Heads {
    /// The methods that subscribe and unsubscribe.
    pub(super) fn methods(self) -> (&'static str, &'static str) {
        match self {
            Self::Best => ("chain_subscribeNewHeads", "chain_unsubscribeNewHeads"),
            Self::Finalized => ("chain_subscribeFinalizedHeads", "chain_unsubscribeFinalizedHeads"),
        }
    }
}

/// What the calls go over.
enum Carrier {
    WebSocket(Box<Socket>),
    Http(Box<Exchange>),
}

/// An open connection. Over HTTP it is one in name only, and announces nothing.
pub(super) struct Connection {
    carrier: Carrier,
    /// Where the node has only the new methods: what it told by them.
    pub(super) modern: Option<Box<Modern>>,
    pub(super) request_timeout: Duration,
    next_id: u64,
    pub(super) best: Announced,
    pub(super) finalized: Announced,
}

impl Connection {
    /// Connects. `connect` is for the way there with TLS and handshake, `request` for
    /// every call.
    pub(super) async fn open(
        endpoint: &Endpoint,
        protocol: Protocol,
        connect: Duration,
        request: Duration,
    ) -> Result<Self, ChainError> {
        let way = endpoint.way(protocol)?;
        let carrier = match protocol {
            Protocol::Http => Carrier::Http(Box::new(Exchange::by(way, connect)?)),
            Protocol::WebSocket => {
                let socket = timeout(connect, way.socket()).await;
                let late = |_: Elapsed| ChainError::ConnectTimedOut(connect);
                Carrier::WebSocket(Box::new(socket.map_err(late)??))
            }
        };
        let (best, finalized) = Default::default();
        Ok(Self { carrier, modern: None, request_timeout: request, next_id: 1, best, finalized })
    }

    /// Whether nothing is announced, so that all must be asked for.
    pub(super) fn is_polled(&self) -> bool {
        matches!(self.carrier, Carrier::Http(_))
    }

    /// Whether there are subscriptions that could fall silent.
    pub(super) fn subscribes(&self) -> bool {
        !self.is_polled() && self.modern.is_none()
    }

    /// Asks to be told of heads, and not by an earlier subscription any more.
    pub(super) async fn subscribe(&mut self, heads: Heads) -> Result<(), ChainError> {
        if !self.subscribes() {
            return Ok(());
        }
        let (subscribe, unsubscribe) = heads.methods();
        if let Some(subscription) = self.announced(heads).subscription.take() {
            match self.call(unsubscribe, json!([subscription])).await {
                Err(error) if !error.answered() => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        let subscription = self.call(subscribe, json!([])).await?;
        self.announced(heads).subscription = Some(subscription);
        Ok(())
    }

    pub(super) fn announced(&mut self, heads: Heads) -> &mut Announced {
        match heads {
            Heads::Best => &mut self.best,
            Heads::Finalized => &mut self.finalized,
        }
    }

    /// Reads until a head is announced, or until that moment.
    pub(super) async fn wait(&mut self, until: Instant) -> Result<(), ChainError> {
        if self.is_polled() {
            sleep_until(until).await;
            return Ok(());
        }
        if self.modern.is_some() {
            return self.wait_anew(until).await;
        }
        while self.best.header.is_none() && self.finalized.header.is_none() {
            match timeout_at(until, self.read()).await {
                Ok(frame) => drop(frame?),
                Err(_) => return Ok(()),
            }
        }
        Ok(())
    }

    /// One call.
    pub(super) async fn call(&mut self, method: &'static str, params: Value) -> Result<Value, ChainError> {
        self.calls(&[(method, params)]).await?.pop().unwrap_or(Err(ChainError::Closed))
    }

    /// Sends the calls together and waits for all their answers, each of which may be
    /// an error of its own.
    pub(super) async fn calls(
        &mut self,
        calls: &[Call],
    ) -> Result<Vec<Result<Value, ChainError>>, ChainError> {
        if self.modern.is_some() { self.calls_anew(calls).await } else { self.calls_as_they_are(calls).await }
    }

    /// Sends these very calls.
    pub(super) async fn calls_as_they_are(
        &mut self,
        calls: &[Call],
    ) -> Result<Vec<Result<Value, ChainError>>, ChainError> {
        let limit = self.request_timeout;
        let until = Instant::now() + limit;
        let method = calls.first().map_or("", |(method, _)| *method);
        let late = |_: Elapsed| ChainError::CallTimedOut { method, limit };
        let first = self.next_id;
        self.next_id += calls.len() as u64;
        let socket = match &mut self.carrier {
            Carrier::Http(exchange) => {
                return timeout_at(until, exchange.calls(first, calls)).await.map_err(late)?;
            }
            Carrier::WebSocket(socket) => socket,
        };
        let sending = async {
            for ((method, params), id) in calls.iter().zip(first..) {
                socket.feed(Message::text(wire::request(id, method, params))).await?;
            }
            socket.flush().await
        };
        timeout_at(until, sending).await.map_err(late)??;
        let mut answers: Vec<Option<_>> = calls.iter().map(|_| None).collect();
        let mut missing = answers.len();
        while missing > 0 {
            let frame = timeout_at(until, self.read()).await.map_err(late)??;
            let Frame::Answer { id, result } = frame else { continue };
            let place = id.checked_sub(first).and_then(|place| usize::try_from(place).ok());
            if let Some(place) = place
                && let (Some((method, _)), Some(answer @ None)) = (calls.get(place), answers.get_mut(place))
            {
                *answer = Some(result.map_err(|error| ChainError::Rpc { method, error }));
                missing -= 1;
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// The next text frame. Reading also answers the node's pings.
    pub(super) async fn read(&mut self) -> Result<Frame, ChainError> {
        let Carrier::WebSocket(socket) = &mut self.carrier else { return Err(ChainError::Closed) };
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame = wire::read(&text).map_err(ChainError::Json)?;
                    if let Frame::Notification { method, result } = &frame {
                        self.take_announcement(method, result);
                    }
                    return Ok(frame);
                }
                Some(Ok(Message::Close(_))) | None => return Err(ChainError::Closed),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }

    fn take_announcement(&mut self, method: &str, result: &Value) {
        let announced = match method {
            "chain_newHead" => &mut self.best,
            "chain_finalizedHead" => &mut self.finalized,
            "chainHead_v1_followEvent" => {
                if let Some(modern) = &mut self.modern {
                    modern.take(result);
                }
                return;
            }
            _ => return,
        };
        let Some(header) = Header::read(result) else { return };
        announced.highest = announced.highest.max(Some(header.number));
        announced.header = Some(header);
    }
}
