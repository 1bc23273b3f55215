//! What became of a deployment: from what became of each host to the verdict, the
//! exit code and the sentence. Only hosts that are all confirmed make it a success.

use serde::{Deserialize, Serialize};

use crate::exit::Exit;

/// What is known of a host at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostState {
    /// Nothing was begun there.
    Untouched,
    /// Its undo stands ready, and runs by itself unless somebody confirms.
    Armed,
    /// It has the new version for good.
    Confirmed,
    /// It is as it was: its undo has run and said so.
    Undone,
    /// Its undo was asked for and did not say that it succeeded.
    NotKnownToBeUndone,
}

impl HostState {
    /// Every state there is.
    pub const ALL: [Self; 5] =
        [Self::Untouched, Self::Armed, Self::Confirmed, Self::Undone, Self::NotKnownToBeUndone];

    /// The word for it, as `deploy.json` has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Untouched => "untouched",
            Self::Armed => "armed",
            Self::Confirmed => "confirmed",
            Self::Undone => "undone",
            Self::NotKnownToBeUndone => "not-known-to-be-undone",
        }
    }
}

/// How a deployment ended as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every host has the new version, confirmed.
    Deployed,
    /// It failed, and every host is as it was.
    RolledBack,
    /// It failed, and of some hosts it is not known that they are as they were.
    NotRolledBack,
    /// A signal stopped us before the end; armed hosts undo by themselves.
    Interrupted,
}

/// A signal that stopped us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// Why a deployment ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// What went wrong, as a fragment of a sentence; nothing where nothing did.
    pub reason: Option<String>,
    /// The exit code of what went wrong. It stands only where no host was touched.
    pub cause: Option<Exit>,
    /// The signal that stopped us.
    pub signal: Option<Signal>,
}

/// What became of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// How the process ends.
    pub exit: Exit,
    /// The verdict for people, with the names of the hosts.
    pub sentence: String,
}

impl Outcome {
    /// What became of a deployment, from the names and states of all of its hosts.
    /// No hosts are no success.
    #[must_use]
    pub fn of(hosts: &[(&str, HostState)], ending: &Ending) -> Self {
        let all = |wanted: &[HostState]| hosts.iter().all(|(_, state)| wanted.contains(state));
        let (verdict, exit) = if !hosts.is_empty() && all(&[HostState::Confirmed]) {
            (Verdict::Deployed, Exit::Done)
        } else if let Some(signal) = ending.signal {
            let exit = match signal {
                Signal::Interrupt => Exit::Interrupted,
                Signal::Terminate => Exit::Terminated,
            };
            (Verdict::Interrupted, exit)
        } else if all(&[HostState::Untouched]) {
            let of_the_cause = ending.cause.filter(|cause| {
                matches!(cause, Exit::Internal | Exit::Invalid | Exit::Refused | Exit::NotFound)
            });
            (Verdict::RolledBack, of_the_cause.unwrap_or(Exit::RolledBack))
        } else if all(&[HostState::Untouched, HostState::Undone]) {
            (Verdict::RolledBack, Exit::RolledBack)
        } else {
            (Verdict::NotRolledBack, Exit::NotRolledBack)
        };
        Self { verdict, exit, sentence: sentence(verdict, hosts, ending) }
    }
}

/// What happened, then the hosts: those that need somebody first.
fn sentence(verdict: Verdict, hosts: &[(&str, HostState)], ending: &Ending) -> String {
    let names = |wanted: HostState| {
        let names: Vec<&str> =
            hosts.iter().filter(|(_, state)| *state == wanted).map(|(name, _)| *name).collect();
        names.join(", ")
    };
    if verdict == Verdict::Deployed {
        return format!("deployed on {}", names(HostState::Confirmed));
    }
    let mut parts = Vec::new();
    match ending.signal {
        Some(Signal::Interrupt) => parts.push("stopped by SIGINT".to_owned()),
        Some(Signal::Terminate) => parts.push("stopped by SIGTERM".to_owned()),
        None => {}
    }
    parts.extend(ending.reason.clone());
    if hosts.iter().all(|(_, state)| *state == HostState::Untouched) {
        parts.push("no host was touched".to_owned());
        return parts.join("; ");
    }
    if verdict == Verdict::RolledBack {
        parts.push("every host is as it was".to_owned());
    }
    for (state, what) in [
        (HostState::NotKnownToBeUndone, "not known to be undone"),
        (HostState::Armed, "armed, to be undone by themselves"),
        (HostState::Confirmed, "has the new version"),
        (HostState::Undone, "undone"),
        (HostState::Untouched, "not touched"),
    ] {
        let names = names(state);
        if !names.is_empty() {
            parts.push(format!("{what}: {names}"));
        }
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["a", "b", "c"];

    /// Every combination of states of `count` hosts.
    fn combinations(count: usize) -> Vec<Vec<(&'static str, HostState)>> {
        (0..count).fold(vec![Vec::new()], |before, position| {
            let with = |hosts: &Vec<_>| {
                let hosts = hosts.clone();
                HostState::ALL.map(move |state| {
                    let mut hosts = hosts.clone();
                    hosts.push((NAMES[position], state));
                    hosts
                })
            };
            before.iter().flat_map(with).collect()
        })
    }

    fn endings() -> Vec<Ending> {
        let causes =
            [None, Some(Exit::Done), Some(Exit::Refused), Some(Exit::RolledBack), Some(Exit::NotRolledBack)];
        let signals = [None, Some(Signal::Interrupt), Some(Signal::Terminate)];
        let both = causes.iter().flat_map(|cause| signals.iter().map(move |signal| (*cause, *signal)));
        both.map(|(cause, signal)| Ending { reason: Some("it broke".to_owned()), cause, signal }).collect()
    }

    #[test]
    fn every_combination_of_up_to_three_hosts_is_told_honestly() {
        let mut seen = 0;
        for hosts in (0..=3).flat_map(combinations) {
            let any = |state| hosts.iter().any(|(_, one)| *one == state);
            let confirmed = hosts.iter().filter(|(_, state)| *state == HostState::Confirmed).count();
            let deployed = confirmed == hosts.len() && !hosts.is_empty();
            let untouched = hosts.iter().all(|(_, state)| *state == HostState::Untouched);
            let open = any(HostState::Armed) || any(HostState::NotKnownToBeUndone) || confirmed > 0;
            for ending in endings() {
                let outcome = Outcome::of(&hosts, &ending);
                let expected = match (deployed, ending.signal, open) {
                    (true, _, _) => (Verdict::Deployed, Exit::Done),
                    (_, Some(Signal::Interrupt), _) => (Verdict::Interrupted, Exit::Interrupted),
                    (_, Some(Signal::Terminate), _) => (Verdict::Interrupted, Exit::Terminated),
                    (_, None, true) => (Verdict::NotRolledBack, Exit::NotRolledBack),
                    (_, None, false) if untouched && ending.cause == Some(Exit::Refused) => {
                        (Verdict::RolledBack, Exit::Refused)
                    }
                    (_, None, false) => (Verdict::RolledBack, Exit::RolledBack),
                };
                assert_eq!((outcome.verdict, outcome.exit), expected, "{hosts:?} {ending:?}");
                let claims_all = outcome.sentence.contains("every host is as it was")
                    || outcome.sentence.contains("no host was touched");
                assert!(!(claims_all && open), "{hosts:?}: {}", outcome.sentence);
                for (name, state) in &hosts {
                    let named = outcome.sentence.split("; ").any(|part| {
                        part.split_once(": ")
                            .is_some_and(|(_, names)| names.split(", ").any(|one| one == *name))
                    });
                    assert!(deployed || untouched || named, "{name} {state:?}: {}", outcome.sentence);
                }
                seen += 1;
            }
        }
        assert_eq!(seen, (1 + 5 + 25 + 125) * 15);
    }

    #[test]
    fn the_sentence_names_those_first_that_need_somebody() {
        use HostState::{Armed, Confirmed, NotKnownToBeUndone, Undone, Untouched};
        let tell = |hosts: &[(&str, HostState)], signal| {
            let reason = Some("b: step `restart` ended with status 3".to_owned());
            Outcome::of(hosts, &Ending { reason, cause: None, signal }).sentence
        };
        assert_eq!(tell(&[("a", Confirmed), ("b", Confirmed)], None), "deployed on a, b");
        assert_eq!(
            tell(&[("a", Undone), ("b", Undone), ("c", Untouched)], None),
            "b: step `restart` ended with status 3; every host is as it was; undone: a, b; not touched: c"
        );
        assert_eq!(
            tell(&[("a", Undone), ("b", NotKnownToBeUndone), ("c", Confirmed)], None),
            "b: step `restart` ended with status 3; not known to be undone: b; has the new version: c; undone: a"
        );
        assert_eq!(
            tell(&[("a", Armed), ("b", Untouched)], Some(Signal::Terminate)),
            "stopped by SIGTERM; b: step `restart` ended with status 3; armed, to be undone by themselves: a; \
             not touched: b"
        );
        assert_eq!(
            tell(&[("a", Untouched)], None),
            "b: step `restart` ended with status 3; no host was touched"
        );
    }
}
