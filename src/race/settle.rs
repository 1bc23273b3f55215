//! What to write as the commit status: pure, so that many settlers at once come
//! to the same.
//!
//! GitHub keeps every status that was ever set and shows the newest. The one that
//! counts is the *rightful* one: of the newest attempt of the newest run, its
//! first verdict, or its `pending` where it has none. Whoever finds another one on
//! top puts the rightful one back; so it stays, however many write at once.

use super::Outcome;

/// The longest description that GitHub takes, in characters.
const LONGEST: usize = 140;

/// State of a commit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// The race goes on.
    Pending,
    /// Won.
    Success,
    /// Lost.
    Failure,
    /// Void or cancelled.
    Error,
}

impl Mark {
    /// GitHub's word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
        }
    }

    /// The state of that word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Pending, Self::Success, Self::Failure, Self::Error]
            .into_iter()
            .find(|mark| mark.word() == word)
    }

    /// What stands for an outcome; nothing for one that is undecided.
    #[must_use]
    pub const fn of(outcome: Outcome) -> Option<Self> {
        match outcome {
            Outcome::Won => Some(Self::Success),
            Outcome::Lost => Some(Self::Failure),
            Outcome::Void | Outcome::Cancelled => Some(Self::Error),
            Outcome::Undecided => None,
        }
    }
}

/// An attempt of a run. A later one is greater: GitHub numbers runs as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// The run.
    pub run: u64,
    /// Its attempt.
    pub attempt: u64,
}

impl AttemptId {
    /// The attempt in `.../runs/ID/attempts/N`, the target URL of our statuses.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        let (_, rest) = url.rsplit_once("/actions/runs/")?;
        let (run, attempt) = rest.split_once("/attempts/")?;
        Some(Self { run: run.parse().ok()?, attempt: attempt.parse().ok()? })
    }
}

/// A status that is on the commit, of the check's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// GitHub's number for it.
    pub id: u64,
    /// Its state; `None` for one unknown today.
    pub mark: Option<Mark>,
    /// Its line for people.
    pub description: String,
    /// Where its details are.
    pub target_url: String,
}

impl Posted {
    fn attempt(&self) -> Option<AttemptId> {
        AttemptId::of_url(&self.target_url)
    }

    fn says_the_same(&self, other: &Self) -> bool {
        self.mark == other.mark && self.attempt() == other.attempt()
    }
}

/// What to do about the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Set this for our attempt.
    Write(Mark),
    /// Another one is on top of the rightful one: set that again.
    Restore(Posted),
    /// Nothing: this one stands.
    Stands(Posted),
}

/// What is due where `posted` (newest first) is on the commit and our attempt
/// would like to say `wanted`. Of a later attempt, what it says stays; of ours, the
/// first verdict.
#[must_use]
pub fn due(wanted: Mark, ours: AttemptId, posted: &[Posted]) -> Due {
    let latest = posted.iter().filter_map(Posted::attempt).max().filter(|latest| *latest >= ours);
    let Some(rightful) = latest.and_then(|latest| rightful(posted, latest)) else {
        return Due::Write(wanted);
    };
    if wanted != Mark::Pending && latest == Some(ours) && is_pending(rightful) {
        return Due::Write(wanted);
    }
    match posted.first() {
        Some(newest) if newest.says_the_same(rightful) => Due::Stands(rightful.clone()),
        _ => Due::Restore(rightful.clone()),
    }
}

/// The status that counts of an attempt: its first verdict, else its newest.
fn rightful(posted: &[Posted], attempt: AttemptId) -> Option<&Posted> {
    let mut of_attempt = posted.iter().filter(|status| status.attempt() == Some(attempt));
    let newest = of_attempt.clone().next();
    of_attempt.rfind(|status| !is_pending(status) && status.mark.is_some()).or(newest)
}

fn is_pending(status: &Posted) -> bool {
    matches!(status.mark, Some(Mark::Pending) | None)
}

/// A description as GitHub takes it: one line, cut at a character.
#[must_use]
pub fn description(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(LONGEST - 1).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://github.com/o/r/actions/runs";

    /// `7.1 success`: what attempt 1 of run 7 said; newest first.
    fn posted(text: &str) -> Vec<Posted> {
        let all: Vec<&str> = text.split(", ").filter(|one| !one.is_empty()).collect();
        let read = |(index, one): (usize, &&str)| {
            let (attempt, word) = one.split_once(' ').unwrap();
            let target_url = match attempt.split_once('.') {
                Some((run, attempt)) => format!("{URL}/{run}/attempts/{attempt}"),
                None => "https://example.com".to_owned(),
            };
            let id = (all.len() - index) as u64;
            Posted { id, mark: Mark::of_word(word), description: String::new(), target_url }
        };
        all.iter().enumerate().map(read).collect()
    }

    fn told(due: &Due) -> String {
        match due {
            Due::Write(mark) => format!("write {}", mark.word()),
            Due::Restore(status) => format!("restore {}", status.id),
            Due::Stands(status) => format!("stands {}", status.id),
        }
    }

    #[test]
    fn what_is_due_for_every_shape_of_what_is_there() {
        let (open, won, lost) = (Mark::Pending, Mark::Success, Mark::Failure);
        let cases = [
            // Opening an attempt.
            (open, "", "write pending"),
            (open, "7.2 pending", "stands 1"),
            (open, "7.2 success", "stands 1"),
            (open, "7.1 success", "write pending"),
            (open, "6.9 success", "write pending"),
            (open, "x success", "write pending"),
            (open, "7.1 success, 7.2 pending", "restore 1"),
            (open, "7.2 pending, 7.2 success", "restore 1"),
            (open, "x success, 7.2 pending", "restore 1"),
            (open, "7.3 pending", "stands 1"),
            // A verdict.
            (won, "", "write success"),
            (won, "7.2 pending", "write success"),
            (won, "7.1 failure", "write success"),
            (won, "x pending", "write success"),
            (won, "7.2 brand-new", "write success"),
            (won, "7.2 success", "stands 1"),
            (won, "7.2 success, 7.2 success, 7.2 pending", "stands 2"),
            (won, "7.2 failure, 7.2 pending", "stands 2"),
            (lost, "7.2 success, 7.2 pending", "stands 2"),
            (lost, "7.2 failure, 7.2 success, 7.2 pending", "restore 2"),
            (won, "7.2 success, 7.2 failure", "restore 1"),
            (won, "7.2 pending, 7.2 success", "restore 1"),
            (won, "7.1 failure, 7.2 success", "restore 1"),
            (won, "7.1 failure, 7.2 pending", "write success"),
            (won, "x error, 7.2 success", "restore 1"),
            // A later attempt, or a later run of the same commit, has the say.
            (won, "7.3 pending", "stands 1"),
            (won, "8.1 pending", "stands 1"),
            (lost, "7.3 success", "stands 1"),
            (won, "7.2 success, 7.3 pending", "restore 1"),
            (won, "7.2 success, 7.3 failure, 7.3 pending", "restore 2"),
        ];
        let ours = AttemptId { run: 7, attempt: 2 };
        for (wanted, there, expected) in cases {
            assert_eq!(told(&due(wanted, ours, &posted(there))), expected, "{wanted:?} with {there:?}");
        }
    }

    /// Every order of reading and writing of three settlers that disagree ends with
    /// the first verdict on top, once each has read after its last write.
    #[test]
    fn settlers_that_disagree_come_to_the_first_verdict_in_any_order() {
        let wanted = [Mark::Success, Mark::Failure, Mark::Pending];
        let ours = AttemptId { run: 7, attempt: 1 };
        for order in 0..3_usize.pow(8) {
            let mut there: Vec<Posted> = Vec::new();
            let mut planned: [Option<Due>; 3] = [None, None, None];
            let turns = (0..8).map(|turn| order / 3_usize.pow(turn) % 3);
            // Afterwards each has its turns until nothing is due.
            for settler in turns.chain([0, 0, 1, 1, 2, 2].into_iter().cycle().take(24)) {
                match planned[settler].take() {
                    None => planned[settler] = Some(due(wanted[settler], ours, &there)),
                    Some(Due::Write(mark)) => push(&mut there, Some(mark), ours),
                    Some(Due::Restore(status)) => push(&mut there, status.mark, ours),
                    Some(Due::Stands(_)) => {}
                }
            }
            let first = there.iter().rev().find(|status| !is_pending(status)).unwrap();
            assert_eq!(there[0].mark, first.mark, "{order}: {there:?}");
            assert!(there.len() <= 9, "{order}: {there:?}");
        }
    }

    fn push(there: &mut Vec<Posted>, mark: Option<Mark>, ours: AttemptId) {
        let id = there.len() as u64 + 1;
        let target_url = format!("{URL}/{}/attempts/{}", ours.run, ours.attempt);
        there.insert(0, Posted { id, mark, description: String::new(), target_url });
    }

    #[test]
    fn a_description_is_cut_at_a_character() {
        assert_eq!(description("short"), "short");
        let exact = "é".repeat(140);
        assert_eq!(description(&exact), exact);
        let long = "é".repeat(141);
        assert_eq!(description(&long), format!("{}…", "é".repeat(139)));
    }

    #[test]
    fn an_attempt_is_told_by_its_url() {
        let id = |run, attempt| Some(AttemptId { run, attempt });
        assert_eq!(AttemptId::of_url("https://ghe.example/o/r/actions/runs/7/attempts/2"), id(7, 2));
        for url in ["", "https://github.com/o/r/actions/runs/7", "https://x/actions/runs/a/attempts/2"] {
            assert_eq!(AttemptId::of_url(url), None, "{url}");
        }
    }
}
