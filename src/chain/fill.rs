//! Filling in: where sessions began between two finalized blocks that lie apart.
//! Storage is bisected where the node still has it; further back the chain's own
//! logs of key rotations in the headers tell it, where there are any.

use std::collections::BTreeMap;

use super::client::{Client, Snapshot};
use super::error::ChainError;
use crate::soak::{Block, Boundary, Seen};

/// Blocks that are asked for at once.
const BATCH: usize = 32;
/// Blocks that are read at most: many more than the sessions of any soak need. A node
/// that tells nonsense cannot make it more.
const MOST: usize = 100_000;

/// How often it is begun anew where state goes while it is read.
const ATTEMPTS: usize = 5;

/// A finalized block of which the session is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its height.
    pub number: u64,
    /// The session that it belongs to.
    pub session: u32,
}

impl Known {
    fn of(snapshot: &Snapshot) -> Self {
        Self { number: snapshot.head.number, session: snapshot.head.session }
    }
}

/// What is to be told of the blocks between `from` and `to`, in order: of each
/// session its first block and the one before.
pub(super) async fn fill(client: &mut Client, from: Known, to: &Snapshot) -> Result<Vec<Seen>, ChainError> {
    let mut points = BTreeMap::new();
    let mut told = Vec::new();
    let mut lowest = from;
    for _ in 0..ATTEMPTS {
        if bisect(client, lowest, Known::of(to), &mut points).await? {
            break;
        }
        // The state is gone for some of it, and goes on going. Where does it begin?
        let Some(oldest) = oldest(client, lowest, to).await? else { return Ok(told) };
        let highest = Known::of(&oldest);
        told.extend(rotations(client, lowest, highest).await?);
        lowest = highest;
        points.retain(|number, _| *number >= lowest.number);
        points.insert(lowest.number, oldest);
    }
    points.insert(to.head.number, to.clone());
    let mut before = lowest;
    let mut edges = Vec::new();
    for (number, snapshot) in &points {
        if snapshot.head.session != before.session {
            edges.extend([before.number, *number]);
        }
        before = Known::of(snapshot);
    }
    edges.push(lowest.number);
    edges.sort_unstable();
    edges.dedup();
    for snapshot in edges.iter().filter_map(|number| points.get(number)) {
        if snapshot.head.number == to.head.number {
            break;
        }
        told.push(Seen::Past(snapshot.head));
        told.extend(snapshot.readings.iter().copied().map(Seen::Watched));
    }
    Ok(told)
}

/// Reads blocks between `from` and `to` until each session's first block is among
/// them. `false` when a node no longer has the state of one.
async fn bisect(
    client: &mut Client,
    from: Known,
    to: Known,
    points: &mut BTreeMap<u64, Snapshot>,
) -> Result<bool, ChainError> {
    let mut open = vec![(from, to)];
    while !open.is_empty() && points.len() < MOST {
        open.retain(|(low, high)| high.session > low.session && high.number.saturating_sub(low.number) > 1);
        let batch = open.split_off(open.len().saturating_sub(BATCH));
        let middles: Vec<u64> =
            batch.iter().map(|(low, high)| low.number + (high.number - low.number) / 2).collect();
        for ((low, high), snapshot) in batch.into_iter().zip(read(client, &middles).await?) {
            let Some(snapshot) = snapshot else { return Ok(false) };
            let middle = Known::of(&snapshot);
            points.insert(middle.number, snapshot);
            open.extend([(low, middle), (middle, high)]);
        }
    }
    Ok(true)
}

/// The lowest block above `from` of which the node still has the state.
async fn oldest(client: &mut Client, from: Known, to: &Snapshot) -> Result<Option<Snapshot>, ChainError> {
    let mut gone = from.number;
    let mut kept = to.clone();
    while kept.head.number.saturating_sub(gone) > 1 {
        let middle = gone + (kept.head.number - gone) / 2;
        match read(client, &[middle]).await?.pop() {
            Some(Some(snapshot)) => kept = snapshot,
            Some(None) => gone = middle,
            None => return Ok(None),
        }
    }
    Ok(Some(kept))
}

/// Reads the blocks at these heights: `None` of those whose state is gone.
async fn read(client: &mut Client, numbers: &[u64]) -> Result<Vec<Option<Snapshot>>, ChainError> {
    let hashes = client.hashes_at(numbers).await?;
    if client.forgets() && hashes.contains(&None) {
        return Ok(vec![None; numbers.len()]);
    }
    let missing = |number: u64| ChainError::Shape {
        method: "chain_getBlockHash",
        value: format!("no hash of the finalized block {number}"),
    };
    let blocks = numbers
        .iter()
        .zip(hashes)
        .map(|(number, hash)| Ok(Block { number: *number, hash: hash.ok_or_else(|| missing(*number))? }));
    let blocks: Vec<Block> = blocks.collect::<Result<_, ChainError>>()?;
    let read = client.snapshots(&blocks).await?;
    read.into_iter()
        .map(|snapshot| match snapshot {
            Ok(snapshot) => Ok(Some(snapshot)),
            Err(error) if error.is_discarded() => Ok(None),
            Err(error) => Err(error),
        })
        .collect()
}

/// Where sessions began after `from` and up to `to`, by the logs in the headers.
/// Nothing, where there are not as many logs as sessions.
async fn rotations(client: &mut Client, from: Known, to: Known) -> Result<Vec<Seen>, ChainError> {
    let sessions = to.session.saturating_sub(from.session);
    let numbers: Vec<u64> = (from.number..=to.number).collect();
    if sessions == 0 || numbers.len() > MOST {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let mut before = None;
    for batch in numbers.chunks(BATCH) {
        let hashes: Vec<_> = client.hashes_at(batch).await?.into_iter().flatten().collect();
        for header in client.headers(&hashes).await?.into_iter().flatten() {
            let time = client.time_of(&header);
            if header.rotates() && header.number > from.number {
                let index = from.session.saturating_add(u32::try_from(found.len() + 1).unwrap_or(u32::MAX));
                let after = (header.number.saturating_sub(1), before);
                found.push(Seen::Boundary(Boundary { index, after, block: (header.number, time) }));
            }
            before = time;
        }
    }
    Ok(if u32::try_from(found.len()) == Ok(sessions) { found } else { Vec::new() })
}
