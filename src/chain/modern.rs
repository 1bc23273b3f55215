//! Nodes that have only the methods of the new JSON-RPC (`chainHead_v1`): followed by
//! them, and asked by them what others are asked by the older ones.
//!
//! Source: <https://paritytech.github.io/json-rpc-interface-spec/api/chainHead_v1.html>.

use std::collections::{HashMap, VecDeque};

use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::connection::{Call, Connection};
use super::error::ChainError;
use super::header::{self, Header};
use super::values;

/// Methods that such a node must have.
pub(super) const NEEDED: [&str; 7] = [
    "chainHead_v1_follow",
    "chainHead_v1_header",
    "chainHead_v1_storage",
    "chainHead_v1_unfollow",
    "chainHead_v1_unpin",
    "chainSpec_v1_genesisHash",
    "system_version",
];

/// Finalized blocks that are kept pinned after they were told, so that they can still
/// be read.
const KEPT: usize = 32;
/// Blocks that are not final yet, at most. A node itself allows fewer.
const MOST: usize = 1_024;

const FOLLOW: &str = "chainHead_v1_follow";
const STORAGE: &str = "chainHead_v1_storage";

/// What a node has told since it is followed.
#[derive(Debug, Default)]
pub(super) struct Modern {
    /// How following is named, to ask and to leave.
    subscription: Value,
    /// The last finalized blocks, in the order of their heights.
    finalized: VecDeque<String>,
    /// The height of the last of them.
    height: Option<u64>,
    /// The one that was given out last: all before it is told.
    given: Option<String>,
    best: Option<String>,
    /// The block whose header was asked for last.
    looked_at: Option<(u64, String)>,
    /// What has changed since it was last looked at.
    best_is_new: bool,
    finalized_is_new: bool,
    /// The runtime at the last finalized block, and those of later blocks that change
    /// it.
    runtime: Value,
    upgrades: HashMap<String, Value>,
    /// Blocks to be unpinned.
    done_with: Vec<String>,
    /// Events so far of the operation under way, by the name it has or will have.
    operations: HashMap<String, Operation>,
    /// Whether anything came since the node was last asked for its heads.
    heard: bool,
    stopped: bool,
}

#[derive(Debug, Default)]
struct Operation {
    items: Vec<Value>,
    ended: Option<Result<(), Value>>,
}

impl Modern {
    /// Takes in an event of `chainHead_v1_followEvent`.
    pub(super) fn take(&mut self, event: &Value) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let hashes = |value: &Value| -> Vec<String> {
            value.as_array().map(|all| all.iter().filter_map(text).collect()).unwrap_or_default()
        };
        let runtime = |value: &Value| value.get("spec").cloned();
        match event["event"].as_str().unwrap_or_default() {
            "initialized" => {
                self.finalized = hashes(&event["finalizedBlockHashes"]).into();
                self.runtime = runtime(&event["finalizedBlockRuntime"]).unwrap_or_default();
            }
            "newBlock" => {
                if let (Some(hash), Some(runtime)) =
                    (text(&event["blockHash"]), runtime(&event["newRuntime"]))
                    && self.upgrades.len() < MOST
                {
                    self.upgrades.insert(hash, runtime);
                }
            }
            "bestBlockChanged" => {
                self.best = text(&event["bestBlockHash"]);
                (self.best_is_new, self.heard) = (true, true);
            }
            "finalized" => {
                for hash in hashes(&event["finalizedBlockHashes"]) {
                    self.runtime = self.upgrades.remove(&hash).unwrap_or_else(|| self.runtime.take());
                    self.finalized.push_back(hash);
                    self.height = self.height.and_then(|height| height.checked_add(1));
                }
                let pruned = hashes(&event["prunedBlockHashes"]);
                pruned.iter().for_each(|hash| drop(self.upgrades.remove(hash)));
                self.done_with.extend(pruned);
                (self.finalized_is_new, self.heard) = (true, true);
                self.stopped |= self.done_with.len() > MOST || self.finalized.len() > MOST;
            }
            "operationStorageItems" => {
                let items = event["items"].as_array().cloned().unwrap_or_default();
                self.operation(event).items.extend(items);
            }
            "operationStorageDone" => self.operation(event).ended = Some(Ok(())),
            "operationError" | "operationInaccessible" | "operationWaitingForContinue" => {
                self.operation(event).ended = Some(Err(event.clone()));
            }
            "stop" => self.stopped = true,
            _ => {}
        }
    }

    /// Takes out the blocks that nobody will ask for.
    fn take_done_with(&mut self) -> Vec<String> {
        let told = self.finalized.iter().position(|hash| Some(hash) == self.given.as_ref());
        let many = told.unwrap_or_default().saturating_sub(KEPT);
        self.done_with.extend(self.finalized.drain(..many));
        std::mem::take(&mut self.done_with)
    }

    fn operation(&mut self, event: &Value) -> &mut Operation {
        let id = event["operationId"].as_str().unwrap_or_default();
        // There is one at a time; of another one nobody waits for the end.
        if self.operations.len() > 1 {
            self.operations.clear();
        }
        self.operations.entry(id.to_owned()).or_default()
    }

    /// The finalized block at this height, while it is pinned, or the one whose header
    /// was asked for last.
    fn at(&self, number: u64) -> Option<&String> {
        let finalized = || {
            let below = usize::try_from(self.height?.checked_sub(number)?).ok()?;
            self.finalized.get(self.finalized.len().checked_sub(1)?.checked_sub(below)?)
        };
        let looked_at = || Some(&self.looked_at.as_ref().filter(|(height, _)| *height == number)?.1);
        finalized().or_else(looked_at)
    }
}

impl Connection {
    /// Follows the node by the new methods from now on.
    pub(super) async fn follow_anew(&mut self) -> Result<(), ChainError> {
        if let Some(modern) = self.modern.take() {
            self.call_as_it_is("chainHead_v1_unfollow", json!([modern.subscription])).await?.ok();
        }
        self.modern = Some(Box::default());
        let subscription = self.call_as_it_is(FOLLOW, json!([true])).await??;
        let until = Instant::now() + self.request_timeout;
        let height = loop {
            let modern = self.followed()?;
            if let (Some(last), Some(_)) = (modern.finalized.back().cloned(), &modern.best) {
                modern.subscription = subscription.clone();
                let header = self.one("chain_getHeader", &json!([last])).await??;
                let known =
                    Header::read(&header).ok_or_else(|| ChainError::shape("chainHead_v1_header", &header))?;
                // Others may have become final meanwhile.
                let finalized = &self.followed()?.finalized;
                let later = finalized.iter().rev().position(|hash| *hash == last);
                break later.and_then(|later| known.number.checked_add(later as u64));
            }
            self.read_until(FOLLOW, until).await?;
        };
        self.followed()?.height = height;
        Ok(())
    }

    /// Reads until a head is announced, or until that moment.
    pub(super) async fn wait_anew(&mut self, until: Instant) -> Result<(), ChainError> {
        let done_with = self.followed()?.take_done_with();
        if !done_with.is_empty() {
            let unpin = json!([self.followed()?.subscription, done_with]);
            self.call_as_it_is("chainHead_v1_unpin", unpin).await?.ok();
        }
        loop {
            let modern = self.followed()?;
            let (best_is_new, finalized_is_new) =
                (std::mem::take(&mut modern.best_is_new), std::mem::take(&mut modern.finalized_is_new));
            let (best, finalized) = (modern.best.clone(), modern.finalized.back().cloned());
            if finalized_is_new && let Some(hash) = finalized {
                modern.given = Some(hash.clone());
                self.finalized.header = Header::read(&self.one("chain_getHeader", &json!([hash])).await??);
            }
            if best_is_new && let Some(hash) = best {
                // One that was pruned meanwhile is not the best any more.
                let header = self.one("chain_getHeader", &json!([hash])).await?;
                self.best.header = header.ok().as_ref().and_then(Header::read);
            }
            if self.best.header.is_some() || self.finalized.header.is_some() {
                return Ok(());
            }
            match timeout_at(until, self.read()).await {
                Ok(frame) => drop(frame?),
                Err(_) => return Ok(()),
            }
        }
    }

    /// Makes calls by the names of the older methods.
    pub(super) async fn calls_anew(
        &mut self,
        calls: &[Call],
    ) -> Result<Vec<Result<Value, ChainError>>, ChainError> {
        let mut answers = Vec::with_capacity(calls.len());
        for (method, params) in calls {
            answers.push(self.one(method, params).await?);
        }
        Ok(answers)
    }

    async fn one(
        &mut self,
        method: &'static str,
        params: &Value,
    ) -> Result<Result<Value, ChainError>, ChainError> {
        let modern = self.followed()?;
        match method {
            "chain_getFinalizedHead" => {
                // What was announced is no answer: it is asked by following anew.
                if !std::mem::take(&mut modern.heard) {
                    Box::pin(self.follow_anew()).await?;
                    self.followed()?.heard = false;
                }
                let modern = self.followed()?;
                modern.given = modern.finalized.back().cloned();
                Ok(Ok(json!(modern.given)))
            }
            "chain_getHeader" => {
                let hash = params.get(0).cloned().unwrap_or_else(|| json!(modern.best));
                let params = json!([modern.subscription, hash]);
                let header = self.call_as_it_is("chainHead_v1_header", params).await?;
                let header = header.map(|header| header::legacy(&header).unwrap_or_default());
                let number = header.as_ref().ok().and_then(|header| values::number(&header["number"]));
                self.followed()?.looked_at = number.zip(hash.as_str().map(str::to_owned));
                Ok(header)
            }
            "chain_getBlockHash" if params[0] == 0 => {
                self.call_as_it_is("chainSpec_v1_genesisHash", json!([])).await
            }
            "chain_getBlockHash" => Ok(Ok(json!(params[0].as_u64().and_then(|number| modern.at(number))))),
            "state_getRuntimeVersion" => Ok(Ok(modern.runtime.clone())),
            "state_getStorage" => self.storage(&params[1], &params[0], "value").await,
            "state_getStorageHash" => self.storage(&params[1], &params[0], "hash").await,
            "state_getKeysPaged" => {
                let found = self.storage(&params[3], &params[0], "closestDescendantMerkleValue").await?;
                Ok(found.map(|value| if value.is_null() { json!([]) } else { json!([value]) }))
            }
            _ => self.call_as_it_is(method, params.clone()).await,
        }
    }

    /// What there is at this key: an operation of its own, which ends by an event.
    async fn storage(
        &mut self,
        hash: &Value,
        key: &Value,
        kind: &str,
    ) -> Result<Result<Value, ChainError>, ChainError> {
        let modern = self.followed()?;
        modern.operations.clear();
        let params = json!([modern.subscription, hash, [{"key": key, "type": kind}], null]);
        let started = match self.call_as_it_is(STORAGE, params).await? {
            Ok(started) => started,
            Err(error) => return Ok(Err(error)),
        };
        let Some(id) = started["operationId"].as_str() else {
            return Ok(Err(ChainError::shape(STORAGE, &started)));
        };
        let until = Instant::now() + self.request_timeout;
        loop {
            let operations = &mut self.followed()?.operations;
            match operations.get_mut(id).map(|operation| (operation.ended.take(), &operation.items)) {
                Some((Some(Ok(())), items)) => {
                    return Ok(Ok(items.first().map(|item| item[kind].clone()).unwrap_or_default()));
                }
                Some((Some(Err(event)), _)) => return Ok(Err(ChainError::shape(STORAGE, &event))),
                Some((None, _)) | None => self.read_until(STORAGE, until).await?,
            }
        }
    }

    async fn read_until(&mut self, method: &'static str, until: Instant) -> Result<(), ChainError> {
        let limit = self.request_timeout;
        let frame = timeout_at(until, self.read()).await;
        frame.map_err(|_| ChainError::CallTimedOut { method, limit })?.map(drop)
    }

    async fn call_as_it_is(
        &mut self,
        method: &'static str,
        params: Value,
    ) -> Result<Result<Value, ChainError>, ChainError> {
        Ok(self.calls_as_they_are(&[(method, params)]).await?.pop().unwrap_or(Err(ChainError::Closed)))
    }

    fn followed(&mut self) -> Result<&mut Modern, ChainError> {
        let modern = self.modern.as_deref_mut().ok_or(ChainError::Closed)?;
        if modern.stopped { Err(ChainError::Stopped) } else { Ok(modern) }
    }
}
