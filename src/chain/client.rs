//! What a node is asked, by the methods that old nodes and new ones have.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::connection::{Call, Connection};
use super::error::ChainError;
use super::header::Header;
use super::items::Item;
use super::keys::{CODE, CURRENT_INDEX, NOW};
use super::modern;
use super::values;
use crate::soak::{Block, Hash, Head, Identity, Reading};

/// Methods that a node must have.
const NEEDED: [&str; 4] =
    ["chain_getBlockHash", "chain_getFinalizedHead", "chain_getHeader", "state_getStorage"];

/// A finalized block as it was read: its session and its time, and the watched items.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) head: Head,
    pub(super) readings: Vec<Reading>,
}

/// A connection with what is known of the node behind it.
pub(super) struct Client {
    pub(super) connection: Connection,
    items: Arc<[Item]>,
    /// Several items can be read by one call.
    many: bool,
    /// The hash of a header can be worked out.
    hashes: bool,
    /// How long an Aura slot is, in milliseconds.
    slot: Option<u64>,
}

impl Client {
    /// Looks what the node offers.
    pub(super) async fn over(mut connection: Connection, items: Arc<[Item]>) -> Result<Self, ChainError> {
        let mut many = false;
        match connection.call("rpc_methods", json!([])).await {
            Ok(answer) => {
                let has = |method: &str| {
                    answer["methods"].as_array().is_none_or(|all| all.iter().any(|one| one == method))
                };
                let missing = NEEDED.into_iter().find(|method| !has(method));
                match missing {
                    None => many = has("state_queryStorageAt"),
                    // Following takes announcements.
                    Some(_) if !connection.is_polled() && modern::NEEDED.into_iter().all(has) => {
                        connection.follow_anew().await?;
                    }
                    Some(missing) => return Err(ChainError::Missing(missing)),
                }
            }
            Err(error) if !error.answered() => return Err(error),
            Err(_) => {}
        }
        Ok(Self { connection, items, many, hashes: false, slot: None })
    }

    /// Whether the node keeps of finalized blocks only the last ones.
    pub(super) fn forgets(&self) -> bool {
        self.connection.modern.is_some()
    }

    /// The hash of the chain's first block.
    pub(super) async fn genesis(&mut self) -> Result<Hash, ChainError> {
        let value = self.connection.call("chain_getBlockHash", json!([0])).await?;
        hash("chain_getBlockHash", &value)
    }

    /// What the node runs at a finalized block, and how it is.
    pub(super) async fn identity(&mut self, at: Hash) -> Result<Identity, ChainError> {
        let calls = [
            ("system_version", json!([])),
            ("system_health", json!([])),
            ("state_getRuntimeVersion", json!([at])),
            ("state_getStorageHash", json!([CODE, at])),
        ];
        let mut answers = self.connection.calls(&calls).await?.into_iter();
        let mut next = || answers.next().unwrap_or(Err(ChainError::Closed));
        let (version, health, runtime, code) = (next()?, next()?, next()?, next());
        let wrong = || ChainError::shape("state_getRuntimeVersion", &runtime);
        let spec_version = runtime["specVersion"].as_u64().and_then(|version| u32::try_from(version).ok());
        Ok(Identity {
            version: text(&version).ok_or_else(|| ChainError::shape("system_version", &version))?,
            spec_name: text(&runtime["specName"]).ok_or_else(wrong)?,
            spec_version: spec_version.ok_or_else(wrong)?,
            code_hash: code.ok().as_ref().and_then(values::hash),
            syncing: health["isSyncing"]
                .as_bool()
                .ok_or_else(|| ChainError::shape("system_health", &health))?,
            peers: health["peers"].as_u64().unwrap_or_default(),
        })
    }

    /// The best block, and the hash of the finalized one.
    pub(super) async fn heads(&mut self) -> Result<(Block, Hash), ChainError> {
        let calls = [("chain_getFinalizedHead", json!([])), ("chain_getHeader", json!([]))];
        let answers: Vec<Value> =
            self.connection.calls(&calls).await?.into_iter().collect::<Result<_, _>>()?;
        let [finalized, best] = answers.as_slice() else { return Err(ChainError::Closed) };
        let header = Header::read(best).ok_or_else(|| ChainError::shape("chain_getHeader", best))?;
        let hash = hash("chain_getFinalizedHead", finalized)?;
        Ok((self.block(&header).await?, hash))
    }

    /// The block that this header belongs to.
    pub(super) async fn block(&mut self, header: &Header) -> Result<Block, ChainError> {
        let number = header.number;
        if self.hashes {
            return Ok(Block { number, hash: header.hash() });
        }
        let missing = || ChainError::shape("chain_getBlockHash", &Value::Null);
        let hash = self.hashes_at(&[number]).await?.pop().flatten().ok_or_else(missing)?;
        Ok(Block { number, hash })
    }

    /// The header of the block with this hash.
    pub(super) async fn header(&mut self, hash: Hash) -> Result<Header, ChainError> {
        let value = self.connection.call("chain_getHeader", json!([hash])).await?;
        let header = Header::read(&value).ok_or_else(|| ChainError::shape("chain_getHeader", &value))?;
        self.hashes = header.hash() == hash;
        Ok(header)
    }

    /// The headers of these blocks.
    pub(super) async fn headers(&mut self, hashes: &[Hash]) -> Result<Vec<Option<Header>>, ChainError> {
        let calls: Vec<Call> = hashes.iter().map(|hash| ("chain_getHeader", json!([hash]))).collect();
        let answers = self.connection.calls(&calls).await?;
        answers.into_iter().map(|answer| Ok(Header::read(&answer?))).collect()
    }

    /// The hashes at these heights, where there is a block.
    pub(super) async fn hashes_at(&mut self, numbers: &[u64]) -> Result<Vec<Option<Hash>>, ChainError> {
        let calls: Vec<Call> = numbers.iter().map(|number| ("chain_getBlockHash", json!([number]))).collect();
        let answers = self.connection.calls(&calls).await?;
        answers.into_iter().map(|answer| Ok(values::hash(&answer?))).collect()
    }

    /// When the block of this header was made, by its Aura slot.
    pub(super) fn time_of(&self, header: &Header) -> Option<Timestamp> {
        values::milliseconds(header.aura_slot()?.checked_mul(self.slot?)?)
    }

    /// Learns how long a slot is from a block's time and its slot.
    pub(super) fn learn_slot(&mut self, header: &Header, time: Option<Timestamp>) {
        let milliseconds = time.and_then(|time| u64::try_from(time.as_millisecond()).ok());
        // The slot is the time divided by its length, rounded down.
        if let (Some(time), Some(slot)) = (milliseconds, header.aura_slot().filter(|slot| *slot > 0)) {
            self.slot = Some(time / slot);
        }
    }

    /// Reads these blocks, each of which may fail for itself.
    pub(super) async fn snapshots(
        &mut self,
        blocks: &[Block],
    ) -> Result<Vec<Result<Snapshot, ChainError>>, ChainError> {
        let plain: Vec<&str> = [CURRENT_INDEX, NOW]
            .into_iter()
            .chain(self.items.iter().filter(|item| !item.is_prefix).map(|item| &*item.key))
            .collect();
        let prefixes: Vec<&str> =
            self.items.iter().filter(|item| item.is_prefix).map(|item| &*item.key).collect();
        let mut calls: Vec<Call> = Vec::new();
        for Block { hash, .. } in blocks {
            if self.many {
                calls.push(("state_queryStorageAt", json!([plain, hash])));
            } else {
                calls.extend(plain.iter().map(|key| ("state_getStorage", json!([key, hash]))));
            }
            calls
                .extend(prefixes.iter().map(|prefix| ("state_getKeysPaged", json!([prefix, 1, null, hash]))));
        }
        let mut answers = self.connection.calls(&calls).await?.into_iter();
        let mut next = || answers.next().unwrap_or(Err(ChainError::Closed));
        let mut snapshots = Vec::new();
        for block in blocks {
            // All answers of a block are taken, also after one that is an error.
            let stored = if self.many {
                next().and_then(|answer| changes(&answer, &plain))
            } else {
                let each: Vec<Result<Value, ChainError>> = plain.iter().map(|_| next()).collect();
                each.into_iter().collect()
            };
            let entries: Vec<Result<Value, ChainError>> = prefixes.iter().map(|_| next()).collect();
            snapshots
                .push(stored.and_then(|stored| self.snapshot(block, &stored, entries.into_iter().collect())));
        }
        Ok(snapshots)
    }

    fn snapshot(
        &self,
        block: &Block,
        stored: &[Value],
        entries: Result<Vec<Value>, ChainError>,
    ) -> Result<Snapshot, ChainError> {
        let [index, now, items @ ..] = stored else { return Err(ChainError::Closed) };
        let session =
            values::u32_or_absent(index).ok_or_else(|| ChainError::shape("state_getStorage", index))?;
        let head = Head { number: block.number, hash: block.hash, session, time: values::moment(now) };
        let entries = entries?;
        let (mut items, mut entries) = (items.iter(), entries.iter());
        let readings = self.items.iter().filter_map(|item| {
            let value = if item.is_prefix {
                entries.next()?.as_array()?.first().and_then(values::stored)
            } else {
                values::stored(items.next()?)
            };
            Some(Reading { rule: item.rule, block: *block, session, value })
        });
        Ok(Snapshot { head, readings: readings.collect() })
    }
}

/// The values of these keys out of the answer to `state_queryStorageAt`.
fn changes(answer: &Value, keys: &[&str]) -> Result<Vec<Value>, ChainError> {
    let wrong = || ChainError::shape("state_queryStorageAt", answer);
    let changes = answer[0]["changes"].as_array().ok_or_else(wrong)?;
    let value_of = |key: &&str| {
        let change = changes.iter().find(|change| change[0].as_str() == Some(key));
        change.map(|change| change[1].clone()).ok_or_else(wrong)
    };
    keys.iter().map(value_of).collect()
}

fn hash(method: &'static str, value: &Value) -> Result<Hash, ChainError> {
    values::hash(value).ok_or_else(|| ChainError::shape(method, value))
}

/// Text of a bounded length.
fn text(value: &Value) -> Option<String> {
    Some(value.as_str()?.chars().take(200).collect())
}
