//! The dev chain's JSON-RPC: the legacy methods of a Substrate node, by their real
//! names and with their real shapes.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::blocks::{Blocks, finalized};

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
    "state_getStorage",
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
    blocks: Blocks,
    version: String,
    subscriptions: BTreeMap<String, Subscription>,
    identifiers: fastrand::Rng,
}

struct RpcError(i64, String);

impl Client {
    pub(super) fn new(blocks: Blocks, version: String) -> Self {
        Self { blocks, version, subscriptions: BTreeMap::new(), identifiers: fastrand::Rng::new() }
    }

    /// The answer to one text frame, when `best` is the best block.
    pub(super) fn answer(&mut self, text: &str, best: u32) -> String {
        let Ok(request) = serde_json::from_str::<Value>(text) else {
            return frame(&Value::Null, Err(RpcError(-32700, "Parse error".to_owned())));
        };
        let id = request["id"].clone();
        let Some(method) = request["method"].as_str() else {
            return frame(&id, Err(RpcError(-32600, "Invalid request".to_owned())));
        };
        let none = Vec::new();
        frame(&id, self.call(method, request["params"].as_array().unwrap_or(&none), best))
    }

    fn call(&mut self, method: &str, params: &[Value], best: u32) -> Result<Value, RpcError> {
        let blocks = self.blocks;
        Ok(match method {
            "chain_getBlockHash" => match params.first() {
                None | Some(Value::Null) => json!(blocks.hash(best)),
                Some(Value::Array(numbers)) => {
                    numbers.iter().map(|number| self.hash_at(number, best)).collect()
                }
                Some(number) => self.hash_at(number, best),
            },
            "chain_getFinalizedHead" => json!(blocks.hash(finalized(best))),
            "chain_getHeader" => match params.first().and_then(Value::as_str) {
                None => blocks.header(best),
                Some(hash) => {
                    blocks.number_of(hash, best).map_or(Value::Null, |number| blocks.header(number))
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
                blocks.storage(key, self.block_at(params.get(1), best)?)
            }
            "state_queryStorageAt" => {
                let number = self.block_at(params.get(1), best)?;
                json!([self.change_set(&keys(params.first())?, number)])
            }
            "state_getRuntimeVersion" => json!({
                "specName": "dev-chain", "implName": "dev-chain", "authoringVersion": 1, "specVersion": 1,
                "implVersion": 1, "apis": [], "transactionVersion": 1, "stateVersion": 1,
            }),
            "system_health" => json!({"peers": 0, "isSyncing": false, "shouldHavePeers": false}),
            "system_chain" => json!("Dev chain of the rehearsal"),
            "system_name" => json!("dev-chain"),
            "system_properties" => json!({"ss58Format": 42, "tokenDecimals": 18, "tokenSymbol": "DEV"}),
            "system_version" => json!(self.version),
            "rpc_methods" => json!({"methods": METHODS}),
            _ => return Err(RpcError(-32601, "Method not found".to_owned())),
        })
    }

    /// The notifications that are due when `best` is the best block.
    pub(super) fn notifications(&mut self, best: u32) -> Vec<String> {
        let mut due = Vec::new();
        let mut subscriptions = std::mem::take(&mut self.subscriptions);
        for (id, subscription) in &mut subscriptions {
            match subscription {
                Subscription::NewHeads { next } => {
                    for number in *next..=best {
                        due.push(notification("chain_newHead", id, &self.blocks.header(number)));
                    }
                    *next = best + 1;
                }
                Subscription::FinalizedHeads { last } => {
                    let head = finalized(best);
                    if *last != Some(head) {
                        due.push(notification("chain_finalizedHead", id, &self.blocks.header(head)));
                        *last = Some(head);
                    }
                }
                Subscription::Storage { keys, last } => {
                    let change_set = self.change_set(keys, best);
                    if last.as_ref() != Some(&change_set["changes"]) {
                        due.push(notification("state_storage", id, &change_set));
                        *last = Some(change_set["changes"].clone());
                    }
                }
            }
        }
        self.subscriptions = subscriptions;
        due
    }

    fn subscribe(&mut self, subscription: Subscription) -> Value {
        let id: String = (0..16).map(|_| self.identifiers.alphanumeric()).collect();
        self.subscriptions.insert(id.clone(), subscription);
        Value::String(id)
    }

    fn hash_at(&self, number: &Value, best: u32) -> Value {
        let number = number.as_u64().and_then(|number| u32::try_from(number).ok());
        number.filter(|number| *number <= best).map_or(Value::Null, |number| json!(self.blocks.hash(number)))
    }

    fn block_at(&self, hash: Option<&Value>, best: u32) -> Result<u32, RpcError> {
        let Some(hash) = hash.and_then(Value::as_str) else { return Ok(best) };
        self.blocks.number_of(hash, best).ok_or_else(|| {
            let text = "Client error: UnknownBlock: Header was not found in the database";
            RpcError(4003, format!("{text}: {hash}"))
        })
    }

    fn change_set(&self, keys: &[String], number: u32) -> Value {
        let changes: Vec<Value> =
            keys.iter().map(|key| json!([key, self.blocks.storage(key, number)])).collect();
        json!({"block": self.blocks.hash(number), "changes": changes})
    }
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
