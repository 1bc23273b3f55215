//! What is told of the legs: what each counted, how the sessions were found that nobody
//! watched, and whether the chain's own record says the same.

use super::super::dev_chain::DevChain;
use crate::policy::duration::{between, rounded};
use crate::soak::{Checkpoint, SessionReport};

/// What a leg counted.
pub(super) fn counted(before: Option<&Checkpoint>, after: &Checkpoint) -> String {
    let earlier = before.map_or(0, |before| before.counted);
    let more = after.counted.saturating_sub(earlier);
    let range = match (after.baseline, after.sessions.last()) {
        (Some(baseline), Some(last)) => {
            format!("; since the baseline in session {} the chain came to {}", baseline.session, last.index)
        }
        _ => String::new(),
    };
    format!("{more} sessions more, {} of {}{range}", after.counted, after.target)
}

/// How the sessions were found that passed between two legs.
pub(super) fn cut(before: &Checkpoint, after: &Checkpoint, way: &str) -> Option<String> {
    let left = before.legs.last()?.to;
    let came = after.legs.get(before.legs.len())?.from;
    let known = before.sessions.last().map(|session| session.index).or(Some(before.baseline?.session))?;
    let unwatched: Vec<&SessionReport> =
        after.sessions.iter().filter(|session| session.index > known && session.started_at < came).collect();
    let gap = rounded(between(left, came));
    let (Some(first), Some(last)) = (unwatched.first(), unwatched.last()) else {
        return Some(format!("nobody watched for {gap}, and no session began"));
    };
    let exact = unwatched.iter().filter(|session| session.exact).count();
    Some(format!(
        "nobody watched for {gap}; the chain told of the {} sessions {}..{} that began then, by {way}: \
         {exact} with their very first block",
        unwatched.len(),
        first.index,
        last.index
    ))
}

/// Holds what was counted against the chain's own record. In what they differ is the
/// error.
pub(in crate::rehearsal) fn compared(soak: &Checkpoint, chain: &DevChain) -> Result<String, String> {
    let baseline = soak.baseline.ok_or("nothing was counted")?;
    for (session, index) in soak.sessions.iter().zip(baseline.session.saturating_add(1)..) {
        if session.index != index {
            return Err(format!("session {index} is not where it belongs: {} is", session.index));
        }
        let truly = chain.session_at(session.block);
        let before = session.block.checked_sub(1).and_then(|block| chain.session_at(block));
        if truly != Some(index) || before != index.checked_sub(1) || !session.exact {
            return Err(format!("session {index} did not begin in block {}", session.block));
        }
    }
    let listed = u32::try_from(soak.sessions.len()).ok();
    if soak.counted != soak.target || listed != Some(soak.counted) {
        let (counted, target) = (soak.counted, soak.target);
        return Err(format!("{counted} sessions were counted and {listed:?} listed, of {target}"));
    }
    let (first, last) = (soak.sessions.first(), soak.sessions.last());
    let block = |session: Option<&SessionReport>| session.map_or(0, |session| session.block);
    let index = |session: Option<&SessionReport>| session.map_or(0, |session| session.index);
    Ok(format!(
        "the chain's own record says the same: {} sessions, {}..{}, each once, from block {} to block {}, \
         each with the block in which it began",
        soak.counted,
        index(first),
        index(last),
        block(first),
        block(last)
    ))
}
