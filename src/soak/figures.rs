//! The figures of a soak in one line, for an annotation of the step, and read back from
//! one. What is read there any job can have printed: it decides nothing.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::{State, Terms, Verdict};

/// What a soak came to, in figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// What it came to.
    pub verdict: Verdict,
    /// Sessions that have passed.
    pub counted: u32,
    /// Sessions wanted.
    pub target: u32,
    /// The session at the baseline and the last one that was reached; none without a
    /// baseline.
    pub sessions: Option<(u32, u32)>,
    /// When it was first looked at, in whole seconds.
    pub from: Timestamp,
    /// When it was last looked at, in whole seconds.
    pub to: Timestamp,
    /// Nodes that were watched.
    pub nodes: u32,
    /// How long a session took, by the median, in whole milliseconds.
    pub median: Option<Duration>,
}

impl Figures {
    /// The title of the annotation that holds them.
    pub const TITLE: &str = "testnet soak";

    /// The longest text that is taken for figures.
    const LONGEST: usize = 300;

    /// The figures as they are now; none before anything was looked at.
    #[must_use]
    pub fn of(terms: &Terms, state: &State) -> Option<Self> {
        let legs = state.legs();
        let mut taken: Vec<Duration> = state.sessions().filter_map(|session| session.duration).collect();
        taken.sort_unstable();
        let median = taken.get(taken.len() / 2);
        let last = state.sessions().next_back().map(|session| session.index);
        Some(Self {
            verdict: state.verdict(),
            counted: state.counted(terms),
            target: terms.monitor.target_sessions,
            sessions: state.baseline().map(|baseline| (baseline.session, last.unwrap_or(baseline.session))),
            from: whole(legs.first()?.from)?,
            to: whole(legs.last()?.to)?,
            nodes: u32::try_from(terms.monitor.nodes.len()).ok()?,
            median: median.and_then(|median| Some(Duration::from_millis(millis(*median)?))),
        })
    }

    /// Reads what `Display` writes; none where it is anything else, and be it one space
    /// more.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > Self::LONGEST {
            return None;
        }
        let (verdict, rest) = text.split_once(": ")?;
        let mut parts = rest.split(", ");
        let (counted, target) = parts.next()?.strip_suffix(" sessions")?.split_once(" of ")?;
        let sessions = match parts.next()? {
            "no baseline" => None,
            range => {
                let (first, last) = range.split_once("..")?;
                Some((first.parse().ok()?, last.parse().ok()?))
            }
        };
        let (from, to) = parts.next()?.split_once(" to ")?;
        let nodes = parts.next()?;
        let nodes = nodes.strip_suffix(" nodes").or_else(|| nodes.strip_suffix(" node"))?;
        let median = match parts.next()? {
            "no median" => None,
            median => {
                let (seconds, fraction) =
                    median.strip_prefix("median ")?.strip_suffix(" s")?.split_once('.')?;
                let (seconds, fraction): (u64, u64) = (seconds.parse().ok()?, fraction.parse().ok()?);
                Some(Duration::from_secs(seconds).checked_add(Duration::from_millis(fraction))?)
            }
        };
        let figures = Self {
            verdict: Verdict::of_word(verdict)?,
            counted: counted.parse().ok()?,
            target: target.parse().ok()?,
            sessions,
            from: from.parse().ok()?,
            to: to.parse().ok()?,
            nodes: nodes.parse().ok()?,
            median,
        };
        (figures.to_string() == text && figures.from <= figures.to).then_some(figures)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verdict, counted, target, from, to, nodes, .. } = self;
        write!(formatter, "{}: {counted} of {target} sessions, ", verdict.word())?;
        match self.sessions {
            Some((first, last)) => write!(formatter, "{first}..{last}, ")?,
            None => formatter.write_str("no baseline, ")?,
        }
        let noun = if *nodes == 1 { "node" } else { "nodes" };
        write!(formatter, "{from} to {to}, {nodes} {noun}, ")?;
        match self.median {
            Some(median) => write!(formatter, "median {:.3} s", median.as_secs_f64()),
            None => formatter.write_str("no median"),
        }
    }
}

fn whole(at: Timestamp) -> Option<Timestamp> {
    Timestamp::from_second(at.as_second()).ok()
}

fn millis(duration: Duration) -> Option<u64> {
    u64::try_from(duration.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        Figures {
            verdict: Verdict::Passed,
            counted: 500,
            target: 500,
            sessions: Some((1, 501)),
            from: "2026-11-23T10:00:00Z".parse().unwrap(),
            to: "2026-11-23T18:21:07Z".parse().unwrap(),
            nodes: 4,
            median: Some(Duration::from_millis(60_012)),
        }
    }

    #[test]
    fn the_line_is_the_documented_one() {
        let line = "passed: 500 of 500 sessions, 1..501, 2026-11-23T10:00:00Z to 2026-11-23T18:21:07Z, \
                    4 nodes, median 60.012 s";
        assert_eq!(figures().to_string(), line);
        assert_eq!(Figures::read(line), Some(figures()));
        let bare = Figures { verdict: Verdict::Unmeasured, sessions: None, median: None, ..figures() };
        assert!(bare.to_string().contains("no baseline") && bare.to_string().ends_with("no median"));
        assert_eq!(Figures::read(&bare.to_string()), Some(bare));
    }

    #[test]
    fn what_is_nearly_the_line_is_nothing() {
        let line = figures().to_string();
        for wrong in [
            String::new(),
            format!("{line} "),
            format!(" {line}"),
            format!("{line}\n::error::x"),
            line.replace("500 of", "+500 of"),
            line.replace("500 of", "0500 of"),
            line.replace("500 of", "99999999999 of"),
            line.replace("passed", "Passed"),
            line.replace("passed", "won"),
            line.replace("4 nodes", "-4 nodes"),
            line.replace("median 60.012", "median NaN"),
            line.replace("median 60.012", "median 60.9999"),
            line.replace("18:21:07Z", "09:21:07Z"),
            line.replace("18:21:07Z", "18:21:07+00:00"),
            format!("{line}{}", "x".repeat(500)),
        ] {
            assert_eq!(Figures::read(&wrong), None, "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "(passed|failed|: |[0-9]{1,12}| of | sessions|, |\\.\\.|\\PC){0,20}") {
            if let Some(figures) = Figures::read(&text) {
                proptest::prop_assert_eq!(figures.to_string(), text);
            }
        }

        #[test]
        fn all_figures_read_back(
            counted: u32, target: u32, first: u32, last: u32, nodes: u32, second in 0_i64..4_000_000_000,
            took in 0_i64..4_000_000, median in proptest::option::of(0_u64..10_000_000_000),
        ) {
            let from = Timestamp::from_second(second).unwrap();
            let to = Timestamp::from_second(second + took).unwrap();
            let median = median.map(Duration::from_millis);
            let figures =
                Figures { verdict: Verdict::Failed, counted, target, sessions: Some((first, last)), from, to, nodes, median };
            proptest::prop_assert_eq!(Figures::read(&figures.to_string()), Some(figures));
        }
    }
}
