//! The dev chain's JSON-RPC: the legacy methods of a Substrate node, by their real
//! names and with their real shapes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::blocks::Blocks;
use super::faults::{Conduct, Fault};

/// `:code`.
const CODE: &str = "0x3a636f6465";

const METHODS: &[&str] = &[
    "chain_getBlockHash",
    "chain_getFinalizedHead",
    "chain_getHeader",
    "chain_subscribeFinalizedHeads",
    "chain_subscribeNewHeads",
    "chain_unsubscribeFinalizedHeads",
    "chain_unsubscribeNewHeads",
    "rpc_methods",
    "state_getRuntimeVersion",
    "state_getKeysPaged",
    "state_getStorage",
    "state_getStorageHash",
    "state_queryStorageAt",
    "state_subscribeStorage",
    "state_unsubscribeStorage",
    "system_chain",
    "system_health",
    "system_name",
    "system_properties",
    "system_version",
];

/// What a client has subscribed to.
#[derive(Clone, Debug)]
enum Subscription {
    NewHeads { next: u32 },
    FinalizedHeads { last: Option<u32> },
    Storage { keys: Vec<String>, last: Option<Value> },
}

/// One client's connection, without its socket: requests in, frames out.
#[derive(Debug)]
pub(super) struct Client {
    subscriptions: BTreeMap<String, Subscription>,
    identifiers: fastrand::Rng,
}

/// What a node sees of the chain.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) blocks: Blocks,
    pub(super) best: u32,
    /// The highest that its best block has been.
    pub(super) top: u32,
}

impl View {
    fn finalized(&self) -> u32 {
        self.blocks.finalized(self.top)
    }
}

struct RpcError(i64, String);

impl Client {
    pub(super) fn new() -> Self {
        Self { subscriptions: BTreeMap::new(), identifiers: fastrand::Rng::new() }
    }

    /// The answer to one text frame of a node that sees this, and behaves like that.
    pub(super) fn answer(&mut self, text: &str, view: &View, conduct: &Conduct) -> String {
        let Ok(request) = serde_json::from_str::<Value>(text) else {
            return frame(&Value::Null, Err(RpcError(-32700, "Parse error".to_owned())));
        };
        let id = request["id"].clone();
        let Some(method) = request["method"].as_str() else {
            return frame(&id, Err(RpcError(-32600, "Invalid request".to_owned())));
        };
        let none = Vec::new();
        frame(&id, self.call(method, request["params"].as_array().unwrap_or(&none), view, conduct))
    }

    fn call(
        &mut self,
        method: &str,
        params: &[Value],
        view: &View,
        conduct: &Conduct,
    ) -> Result<Value, RpcError> {
        let (blocks, best) = (&view.blocks, view.best);
        let padded = conduct.like_chopsticks;
        Ok(match method {
            "chain_getBlockHash" => match params.first() {
                None | Some(Value::Null) => json!(blocks.hash(best)),
                Some(Value::Array(numbers)) => numbers.iter().map(|number| hash_at(number, view)).collect(),
                Some(number) => hash_at(number, view),
            },
            "chain_getFinalizedHead" => json!(blocks.hash(view.finalized())),
            "chain_getHeader" => match params.first().and_then(Value::as_str) {
                None => blocks.header(best, padded),
                Some(hash) => {
                    blocks.number_of(hash, best).map_or(Value::Null, |number| blocks.header(number, padded))
                }
            },
            "chain_subscribeNewHeads" => self.subscribe(Subscription::NewHeads { next: best }),
            "chain_subscribeFinalizedHeads" => self.subscribe(Subscription::FinalizedHeads { last: None }),
            "state_subscribeStorage" => {
                self.subscribe(Subscription::Storage { keys: keys(params.first())?, last: None })
            }
            "chain_unsubscribeNewHeads" | "chain_unsubscribeFinalizedHeads" | "state_unsubscribeStorage" => {
                let id = params.first().and_then(Value::as_str).unwrap_or_default();
                json!(self.subscriptions.remove(id).is_some())
            }
            "state_getStorage" => {
                let key = params.first().and_then(Value::as_str).ok_or_else(no_more_params)?;
                blocks.storage(key, block_at(params.get(1), view)?)
            }
            "state_getStorageHash" => {
                let number = block_at(params.get(1), view)?;
                if params.first() == Some(&json!(CODE)) {
                    json!(blocks.runtime(number).1)
                } else {
                    Value::Null
                }
            }
            "state_getKeysPaged" => {
                let prefix = params.first().and_then(Value::as_str).ok_or_else(no_more_params)?;
                let count = params.get(1).and_then(Value::as_u64).ok_or_else(no_more_params)?;
                let keys = blocks.keys(prefix, block_at(params.get(3), view)?);
                json!(keys.into_iter().take(usize::try_from(count).unwrap_or(usize::MAX)).collect::<Vec<_>>())
            }
            "state_queryStorageAt" => {
                let number = block_at(params.get(1), view)?;
                json!([change_set(&keys(params.first())?, number, blocks)])
            }
            "state_getRuntimeVersion" => json!({
                "specName": "dev-chain", "implName": "dev-chain", "authoringVersion": 1,
                "specVersion": blocks.runtime(block_at(params.first(), view)?).0,
                "implVersion": 1, "apis": [], "transactionVersion": 1, "stateVersion": 1,
            }),
            "system_health" => json!({"peers": 0, "isSyncing": conduct.syncing, "shouldHavePeers": false}),
            "system_chain" => json!("Dev chain of the rehearsal"),
            "system_name" => json!("dev-chain"),
            "system_properties" => json!({"ss58Format": 42, "tokenDecimals": 18, "tokenSymbol": "DEV"}),
            "system_version" => json!(conduct.version),
            "rpc_methods" => json!({"methods": METHODS}),
            _ => return Err(RpcError(-32601, "Method not found".to_owned())),
        })
    }

    /// The notifications that are due when a node sees this.
    pub(super) fn notifications(&mut self, view: &View, conduct: &Conduct) -> Vec<String> {
        let mut due = Vec::new();
        if conduct.fault == Some(Fault::SilentSubscriptions) {
            return due;
        }
        let (blocks, best) = (&view.blocks, view.best);
        let header = |number| blocks.header(number, conduct.like_chopsticks);
        for (id, subscription) in &mut self.subscriptions {
            match subscription {
                Subscription::NewHeads { next } => {
                    // After a reset or a reorganization it goes on from below.
                    for number in (*next).min(best)..=best {
                        if *next != best + 1 {
                            due.push(notification("chain_newHead", id, &header(number)));
                        }
                    }
                    *next = best + 1;
                }
                Subscription::FinalizedHeads { last } => {
                    let head = view.finalized();
                    if *last != Some(head) {
                        due.push(notification("chain_finalizedHead", id, &header(head)));
                        *last = Some(head);
                    }
                }
                Subscription::Storage { keys, last } => {
                    let change_set = change_set(keys, best, blocks);
                    if last.as_ref() != Some(&change_set["changes"]) {
                        due.push(notification("state_storage", id, &change_set));
                        *last = Some(change_set["changes"].clone());
                    }
                }
            }
        }
        due
    }

    fn subscribe(&mut self, subscription: Subscription) -> Value {
        let id: String = (0..16).map(|_| self.identifiers.alphanumeric()).collect();
        self.subscriptions.insert(id.clone(), subscription);
        Value::String(id)
    }
}

fn hash_at(number: &Value, view: &View) -> Value {
    let number = number.as_u64().and_then(|number| u32::try_from(number).ok());
    let known = number.filter(|number| *number <= view.best);
    known.map_or(Value::Null, |number| json!(view.blocks.hash(number)))
}

/// The block with this hash, as long as its state is kept.
fn block_at(hash: Option<&Value>, view: &View) -> Result<u32, RpcError> {
    let Some(hash) = hash.and_then(Value::as_str) else { return Ok(view.best) };
    let unknown = |what| RpcError(4003, format!("Client error: UnknownBlock: {what} {hash}"));
    let number = view
        .blocks
        .number_of(hash, view.best)
        .ok_or_else(|| unknown("Header was not found in the database:"))?;
    let keep = view.blocks.course.keep_state;
    if keep.is_some_and(|keep| number < view.finalized().saturating_sub(keep)) {
        return Err(unknown("State already discarded for"));
    }
    Ok(number)
}

fn change_set(keys: &[String], number: u32, blocks: &Blocks) -> Value {
    let changes: Vec<Value> = keys.iter().map(|key| json!([key, blocks.storage(key, number)])).collect();
    json!({"block": blocks.hash(number), "changes": changes})
}

fn keys(param: Option<&Value>) -> Result<Vec<String>, RpcError> {
    let keys = param.and_then(Value::as_array).ok_or_else(no_more_params)?;
    Ok(keys.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

fn no_more_params() -> RpcError {
    RpcError(-32602, "Invalid params".to_owned())
}

fn frame(id: &Value, result: Result<Value, RpcError>) -> String {
    match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(RpcError(code, message)) => {
            json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
        }
    }
    .to_string()
}

fn notification(method: &str, id: &str, result: &Value) -> String {
    json!({"jsonrpc": "2.0", "method": method, "params": {"subscription": id, "result": result}}).to_string()
}
