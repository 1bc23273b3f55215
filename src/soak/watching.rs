//! The rules for watched storage items: what was read -> which session broke which
//! rule, and which sessions nobody could check.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::spans::Spans;
use super::{Hash, Reading, Value};
use crate::policy::{Watch, WatchRule};

/// Sessions whose first value is remembered. Filling in brings them out of order.
const SESSIONS: usize = 32;
/// Blocks whose values are compared between nodes: what one node has filled in
/// another one may do much later.
const BLOCKS: usize = 2048;

/// What a session's first block that was read has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct First {
    block: u64,
    value: Option<Value>,
}

/// What is known of one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Watching {
    /// Sessions that were checked.
    checked: Spans,
    /// Sessions that broke the rule.
    broken: Spans,
    /// What was said of the first session that broke it.
    pub(super) first_break: Option<String>,
    /// The value at the baseline, with its session.
    reference: Option<(u32, Option<Value>)>,
    /// The first values of the last sessions.
    firsts: BTreeMap<u32, First>,
    /// The highest block of each of the last sessions in which nothing was there yet.
    absent: BTreeMap<u32, u64>,
    /// The values of the last blocks by height, as one node told each first.
    #[serde(skip)]
    blocks: BTreeMap<u64, (usize, Option<Hash>)>,
}

/// How many sessions nobody could check, and how many broke the rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) unseen: u32,
    pub(super) broken: u32,
}

impl Watching {
    /// Takes a reading by `node`. `since` is the first session that the rule holds
    /// for, and `last_block` tells a session's last block, where it is known. Tells
    /// what is wrong, where the soak fails by it.
    pub(super) fn take(
        &mut self,
        watch: &Watch,
        node: usize,
        reading: &Reading,
        since: u32,
        last_block: impl Fn(u32) -> Option<u64>,
    ) -> Option<String> {
        let Reading { block, session, value, .. } = *reading;
        if session.saturating_add(1) < since {
            return None;
        }
        let mut found = Vec::new();
        match watch.rule {
            WatchRule::EqualOnAllNodes => found.extend(self.compare(node, reading)),
            WatchRule::ArrivesEverySession => self.arrive(reading, last_block, &mut found),
            WatchRule::StaysEmpty => found.push((
                session,
                value.filter(|value| !value.is_empty()).map_or(Ok(()), |value| {
                    Err(format!(
                        "it has {} bytes at block {}, in session {session}",
                        value.length, block.number
                    ))
                }),
            )),
            WatchRule::NeverChanges => {
                let (known_in, known) = *self.reference.get_or_insert((session, value));
                let told = || {
                    let number = block.number;
                    format!(
                        "at block {number}, in session {session}, it is not what it was in session {known_in}"
                    )
                };
                found.push((session, if known == value { Ok(()) } else { Err(told()) }));
            }
            WatchRule::FollowsSession => found.push((session, self.follow(session, value))),
            WatchRule::ChangesEverySession | WatchRule::GrowsAtMost => {
                self.neighbours(watch, reading, &mut found);
            }
        }
        let mut failed = None;
        for (session, wrong) in found.into_iter().filter(|(session, _)| *session >= since) {
            let wrong = self.settle(watch, session, wrong);
            failed = failed.or(wrong);
        }
        failed
    }

    /// Records what a session has shown, and whether that is too much.
    fn settle(&mut self, watch: &Watch, session: u32, found: Result<(), String>) -> Option<String> {
        self.checked.insert(session);
        let text = found.err()?;
        if !self.broken.insert(session) {
            return None;
        }
        self.first_break.get_or_insert_with(|| text.clone());
        let from = session.saturating_sub(watch.consecutive.saturating_sub(1));
        let in_a_row = self.broken.count(from, session) >= watch.consecutive;
        let too_many = watch.total.is_some_and(|total| self.broken.count(0, u32::MAX) >= total);
        (in_a_row || too_many).then_some(text)
    }

    /// What the sessions from `since` to `last` have come to.
    pub(super) fn tally(&self, watch: &Watch, since: u32, last: u32) -> Tally {
        // Whether an item has arrived is known when the session is over.
        let last = if watch.rule == WatchRule::ArrivesEverySession { last.saturating_sub(1) } else { last };
        let all = last.saturating_add(1).saturating_sub(since);
        let checked = if all == 0 { 0 } else { self.checked.count(since, last) };
        Tally { unseen: all.saturating_sub(checked), broken: self.broken.count(0, u32::MAX) }
    }

    /// Looks whether the item has come, or a session is over in which it has not.
    fn arrive(
        &mut self,
        reading: &Reading,
        last_block: impl Fn(u32) -> Option<u64>,
        found: &mut Vec<(u32, Result<(), String>)>,
    ) {
        let Reading { block, session, value, .. } = *reading;
        if value.is_some() {
            self.absent.remove(&session);
            found.push((session, Ok(())));
        } else if self.checked.count(session, session) == 0 {
            let highest = self.absent.entry(session).or_insert(block.number);
            *highest = block.number.max(*highest);
        }
        let over: Vec<u32> = self
            .absent
            .iter()
            .filter(|(session, block)| last_block(**session) == Some(**block))
            .map(|(session, _)| *session)
            .collect();
        for session in over {
            self.absent.remove(&session);
            found.push((session, Err(format!("nothing was there when session {session} ended"))));
        }
        if self.absent.len() > SESSIONS {
            self.absent.pop_first();
        }
    }

    /// Compares a node's value with what another one has told of that block, where one
    /// has.
    fn compare(&mut self, node: usize, reading: &Reading) -> Option<(u32, Result<(), String>)> {
        let number = reading.block.number;
        let digest = reading.value.map(|value| value.digest);
        let (by, known) = *self.blocks.entry(number).or_insert((node, digest));
        if self.blocks.len() > BLOCKS {
            self.blocks.pop_first();
        }
        let told = || format!("nodes differ about it at block {number}");
        (by != node).then(|| (reading.session, if known == digest { Ok(()) } else { Err(told()) }))
    }

    /// Compares the number with what it was at the baseline: it must have grown by as
    /// many as sessions have begun.
    fn follow(&mut self, session: u32, value: Option<Value>) -> Result<(), String> {
        let number = value.and_then(|value| value.number);
        let (known_in, known) = *self.reference.get_or_insert((session, value));
        let known = known.and_then(|value| value.number).unwrap_or_default();
        let due = known.saturating_add(u64::from(session.saturating_sub(known_in)));
        match number {
            Some(number) if number >= due => Ok(()),
            Some(number) => Err(format!("it is {number} in session {session}, and should be {due} or more")),
            None if session == known_in => Ok(()),
            None => Err(format!("nothing is there in session {session}, and it should be {due} or more")),
        }
    }

    /// Compares a session's first value with the nearest ones before and after it.
    fn neighbours(&mut self, watch: &Watch, reading: &Reading, found: &mut Vec<(u32, Result<(), String>)>) {
        let Reading { block, session, value, .. } = *reading;
        if self.firsts.contains_key(&session) {
            return;
        }
        let earlier = self.firsts.range(..session).next_back().map(|(index, first)| (*index, first.value));
        let later = self.firsts.range(session..).next().map(|(index, first)| (*index, first.value));
        if self.firsts.len() >= SESSIONS {
            if earlier.is_none() {
                return;
            }
            self.firsts.pop_first();
        }
        self.firsts.insert(session, First { block: block.number, value });
        let pairs = [
            earlier.map(|earlier| (earlier, (session, value))),
            later.map(|later| ((session, value), later)),
        ];
        for (from, to) in pairs.into_iter().flatten() {
            let broken = if watch.rule == WatchRule::GrowsAtMost {
                grown_too_much(watch, from, to)
            } else {
                (from.1 == to.1)
                    .then(|| format!("it is the same in session {} as in session {}", to.0, from.0))
            };
            match broken {
                Some(broken) => found.push((to.0, Err(broken))),
                // Of sessions that lie apart it is not known whether each was fine.
                None if from.0.checked_add(1) == Some(to.0) => found.push((to.0, Ok(()))),
                None => {}
            }
        }
    }
}

fn grown_too_much(watch: &Watch, from: (u32, Option<Value>), to: (u32, Option<Value>)) -> Option<String> {
    let measure = |value: Option<Value>| value.map_or(0, |value| value.measure());
    let sessions = u64::from(to.0.saturating_sub(from.0));
    let limit = watch.grows_at_most.unwrap_or_default().saturating_mul(sessions);
    let grown = measure(to.1).saturating_sub(measure(from.1));
    (grown > limit)
        .then(|| format!("it grew by {grown} from session {} to session {}, {limit} at most", from.0, to.0))
}
