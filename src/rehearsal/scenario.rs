//! What is to be played, as a value.

use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, ValueEnum as _};

use super::arguments::{Approve, Arguments, Contender, Fault, Fork, Mode, Selection};
use super::world::ReviewState;

/// When `race wait` gives up where nobody approves.
const SHORT_DEADLINE: Duration = Duration::from_secs(5);

/// How long a person may take who reviews on the page, until the verdict.
const DEADLINE_BY_HAND: Duration = Duration::from_secs(30 * 60);

/// What a rehearsal takes besides its sessions: starting, deploying, polling, and
/// a machine that is busy with something else.
const MARGIN: Duration = Duration::from_secs(60);

/// What is to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Whether a person reviews, on the page.
    pub by_hand: bool,
    /// What the simulated reviewer answers, in this order.
    pub reviews: Vec<(Contender, ReviewState)>,
    /// How many sessions the testnet must pass.
    pub sessions: u32,
    /// How long a session takes.
    pub session_every: Duration,
    /// When `race wait` gives up.
    pub deadline: Duration,
    /// Where the stand-in of GitHub listens on 127.0.0.1; 0 is any free port.
    pub port: u16,
    /// What goes wrong.
    pub fault: Option<Fault>,
    /// Which workflow is run.
    pub mode: Mode,
    /// Who chooses among the branches.
    pub selection: Selection,
    /// The file that the pull request changes.
    pub change: String,
    /// How long a leg of the soak goes on.
    pub max_runtime: Option<Duration>,
    /// The run is cancelled once it is won.
    pub cancel_after_win: bool,
    /// The file that a push changes once the check is green.
    pub push: Option<String>,
    /// The merge queue takes the pull request once it may be merged.
    pub merge_queue: bool,
    /// How many legs the soak has, where it is shown alone.
    pub legs: Option<u32>,
    /// Where the pull request comes from a fork: which of its runs is reviewed.
    pub fork: Option<Fork>,
}

impl TryFrom<&Arguments> for Scenario {
    type Error = clap::Error;

    fn try_from(arguments: &Arguments) -> Result<Self, clap::Error> {
        let conflict = |message: String| Arguments::command().error(ErrorKind::ArgumentConflict, message);
        let asked = arguments.approve.is_some() || !arguments.reject.is_empty();
        let by_hand = !asked && arguments.fault.is_none() && arguments.legs.is_none();
        if arguments.fork.is_some() && (by_hand || arguments.fault.is_some()) {
            return Err(conflict("`--fork` goes with `--approve` or `--reject`".to_owned()));
        }
        let for_relay = arguments.max_runtime.is_some()
            || arguments.cancel_after_win
            || arguments.fault == Some(Fault::RunCancelled);
        if for_relay && arguments.mode == Mode::Poll {
            return Err(conflict(
                "`--max-runtime`, `--cancel-after-win` and `--fault run-cancelled` go with `--mode relay`"
                    .to_owned(),
            ));
        }
        let reviews = match (arguments.fault, asked) {
            (Some(fault @ (Fault::NoApproval | Fault::BothRejected)), true) => {
                let name = fault.to_possible_value().map(|value| value.get_name().to_owned());
                let name = name.unwrap_or_default();
                return Err(conflict(format!("`--fault {name}` says itself what the reviewer does")));
            }
            (Some(fault), false) => reviews_of(fault),
            (_, true) | (None, false) => reviews_asked_for(arguments),
        };
        for contender in Contender::ALL {
            if reviews.iter().filter(|(reviewed, _)| *reviewed == contender).count() > 1 {
                let name = contender.name();
                return Err(conflict(format!("`{name}` is reviewed more than once")));
            }
        }
        let approved = reviews.iter().any(|(_, state)| *state == ReviewState::Approved);
        let needed = if by_hand {
            DEADLINE_BY_HAND
        } else if approved || arguments.legs.is_some() || arguments.fault == Some(Fault::BothRejected) {
            arguments.session_every * arguments.sessions + MARGIN
        } else if arguments.fault == Some(Fault::UnprotectedEnvironment)
            || arguments.selection == Selection::Auto
        {
            MARGIN
        } else {
            SHORT_DEADLINE
        };
        Ok(Self {
            by_hand,
            reviews,
            sessions: arguments.sessions,
            session_every: arguments.session_every,
            deadline: arguments.deadline.unwrap_or(needed),
            port: arguments.port,
            fault: arguments.fault,
            legs: arguments.legs,
            fork: arguments.fork,
            mode: arguments.mode,
            selection: arguments.selection,
            change: arguments.change.clone(),
            max_runtime: arguments.max_runtime,
            cancel_after_win: arguments.cancel_after_win,
            push: arguments.push.clone(),
            merge_queue: arguments.merge_queue,
        })
    }
}

/// The reviews that show a fault at its plainest.
fn reviews_of(fault: Fault) -> Vec<(Contender, ReviewState)> {
    match fault {
        Fault::NoApproval | Fault::UnprotectedEnvironment => Vec::new(),
        Fault::BothRejected => Contender::ALL.map(|one| (one, ReviewState::Rejected)).to_vec(),
        Fault::SessionStall
        | Fault::RunCancelled
        | Fault::DeployStep
        | Fault::DeployCutOff
        | Fault::ApiOutage
        | Fault::RateLimit => {
            vec![(Contender::Testnet, ReviewState::Approved)]
        }
    }
}

fn reviews_asked_for(arguments: &Arguments) -> Vec<(Contender, ReviewState)> {
    let approved: &[Contender] = match arguments.approve {
        Some(Approve::Testnet) => &[Contender::Testnet],
        Some(Approve::Null) => &[Contender::Null],
        Some(Approve::Both) => &Contender::ALL,
        Some(Approve::None) | None => &[],
    };
    let rejected = arguments.reject.iter().map(|one| (*one, ReviewState::Rejected));
    rejected.chain(approved.iter().map(|one| (*one, ReviewState::Approved))).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn scenario(flags: &str) -> Result<Scenario, ErrorKind> {
        let arguments = std::iter::once("rehearse").chain(flags.split_whitespace());
        Arguments::try_parse_from(arguments)
            .and_then(|arguments| Scenario::try_from(&arguments))
            .map_err(|error| error.kind())
    }

    #[test]
    fn flags_become_what_the_reviewer_does() {
        use Contender::{Null, Testnet};
        use ReviewState::{Approved, Rejected};
        for (flags, reviews) in [
            ("--approve testnet", vec![(Testnet, Approved)]),
            ("--approve both", vec![(Testnet, Approved), (Null, Approved)]),
            ("--approve none", vec![]),
            ("--approve null --reject testnet", vec![(Testnet, Rejected), (Null, Approved)]),
            ("--approve none --reject testnet --reject null", vec![(Testnet, Rejected), (Null, Rejected)]),
            ("--fault both-rejected", vec![(Testnet, Rejected), (Null, Rejected)]),
            ("--fault no-approval", vec![]),
            ("--fault unprotected-environment", vec![]),
            ("--fault session-stall", vec![(Testnet, Approved)]),
            ("--fault api-outage --approve null", vec![(Null, Approved)]),
        ] {
            assert_eq!(scenario(flags).map(|scenario| scenario.reviews), Ok(reviews), "{flags}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (flags, kind) in [
            ("--approve testnet --reject testnet", ErrorKind::ArgumentConflict),
            ("--approve none --reject null --reject null", ErrorKind::ArgumentConflict),
            ("--fault both-rejected --approve null", ErrorKind::ArgumentConflict),
            ("--fork", ErrorKind::ArgumentConflict),
            ("--fork --fault deploy-step", ErrorKind::ArgumentConflict),
            ("--fault run-cancelled", ErrorKind::ArgumentConflict),
            ("--approve null --max-runtime 3s", ErrorKind::ArgumentConflict),
            ("--approve testnet --sessions 0", ErrorKind::ValueValidation),
        ] {
            assert_eq!(scenario(flags), Err(kind), "{flags}");
        }
    }

    #[test]
    fn without_a_word_about_reviews_a_person_reviews() {
        for (flags, by_hand) in
            [("", true), ("--sessions 9", true), ("--approve none", false), ("--fault deploy-step", false)]
        {
            assert_eq!(scenario(flags).unwrap().by_hand, by_hand, "{flags}");
        }
    }

    #[test]
    fn the_deadline_follows_from_the_scenario() {
        let deadline = |flags| scenario(flags).unwrap().deadline;
        assert_eq!(deadline(""), DEADLINE_BY_HAND);
        assert_eq!(deadline("--approve none"), SHORT_DEADLINE);
        assert_eq!(deadline("--approve testnet"), Duration::from_secs(20) + MARGIN);
        assert_eq!(deadline("--approve none --deadline 2s"), Duration::from_secs(2));
    }
}
