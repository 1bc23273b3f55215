//! The workflows that `race init` writes: whole files, in which a few marked places
//! are filled in. Nothing that anybody typed ever becomes a part of them.

use super::{Mode, RunsOn};

/// The workflow of the mode `poll`.
pub const POLL: &str = include_str!("workflows/poll.yml");

/// The workflow of the mode `relay`, with one leg of the soak after the first.
pub const RELAY: &str = include_str!("workflows/relay.yml");

/// The workflow of the mode `sampled`.
pub const SAMPLED: &str = include_str!("workflows/sampled.yml");

/// The workflow that looks at the soaks of the mode `sampled`.
pub const SAMPLES: &str = include_str!("workflows/samples.yml");

/// Where a workflow stands in a repository.
pub const PATH: &str = ".github/workflows/testnet-deployer.yml";

/// Where the one stands that looks at soaks.
pub const SAMPLES_PATH: &str = crate::race::sampled::WORKFLOW;

/// In the mode `sampled` no job takes long; those behind an environment of the testnet
/// must reach it.
const AT_TESTNET: [&str; 2] = ["    environment: testnet\n", "    environment: testnet-soak\n"];

/// How the files name the release that they install, before one is filled in.
const RELEASE: &str = "0000000000000000000000000000000000000000 # v0.1.0";

/// The jobs that may take as long as a job may: where they run, and for how long.
const LONG_JOB: &str = "    runs-on: ubuntu-24.04\n    timeout-minutes: 355\n";

/// The same on a runner of one's own. Its token does not outlive a day.
const LONG_JOB_SELF_HOSTED: &str = "    runs-on: self-hosted\n    timeout-minutes: 1380\n";

/// Around the job that is there once for each leg of the soak after the first.
const BEGIN: &str = "  # begin: a leg of the soak, once for each leg that it needs\n";
const END: &str = "  # end\n";

/// The lines that name every leg.
const EVERY_LEG: &str = "# every leg";

/// A release of `race`, by the commit that its tag points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    commit: String,
    version: String,
}

impl Release {
    /// The release `version` (`v1.2.3`) at `commit`, the whole SHA.
    ///
    /// `None` where either is not what it should be: both become part of a workflow.
    #[must_use]
    pub fn new(commit: &str, version: &str) -> Option<Self> {
        let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-+".contains(&byte);
        let is_version = version.strip_prefix('v').is_some_and(|rest| {
            rest.starts_with(|first: char| first.is_ascii_digit()) && rest.bytes().all(plain)
        });
        (is_commit && is_version)
            .then(|| Self { commit: commit.to_ascii_lowercase(), version: version.to_owned() })
    }

    /// The commit, the whole SHA in small letters.
    #[must_use]
    pub fn commit(&self) -> &str {
        &self.commit
    }
}

/// The workflow of a mode: with that release, on those runners, and for the relay with
/// so many legs altogether (at least two: one that is not needed costs nothing).
#[must_use]
pub fn workflow(mode: Mode, legs: u32, runs_on: RunsOn, release: &Release) -> String {
    filled_in(template(mode, legs), mode, runs_on, release)
}

/// The workflow of a mode, before anything is filled in.
#[must_use]
pub fn template(mode: Mode, legs: u32) -> String {
    match mode {
        Mode::Poll => POLL.to_owned(),
        Mode::Relay => with_legs(legs),
        Mode::Sampled => SAMPLED.to_owned(),
    }
}

/// The workflow that looks at soaks, beside that of the mode `sampled`.
#[must_use]
pub fn samples(runs_on: RunsOn, release: &Release) -> String {
    filled_in(SAMPLES.to_owned(), Mode::Sampled, runs_on, release)
}

/// A workflow of that mode with that release, on those runners.
#[must_use]
pub fn filled_in(text: String, mode: Mode, runs_on: RunsOn, release: &Release) -> String {
    let text = match (runs_on, mode) {
        (RunsOn::Hosted, _) => text,
        (RunsOn::SelfHosted, Mode::Poll | Mode::Relay) => text.replace(LONG_JOB, LONG_JOB_SELF_HOSTED),
        (RunsOn::SelfHosted, Mode::Sampled) => AT_TESTNET.into_iter().fold(text, |text, environment| {
            text.replace(
                &format!("{environment}    runs-on: ubuntu-24.04\n"),
                &format!("{environment}    runs-on: self-hosted\n"),
            )
        }),
    };
    text.replace(RELEASE, &format!("{} # {}", release.commit, release.version))
}

/// The relay with so many legs, before anything else is filled in.
#[must_use]
pub fn with_legs(legs: u32) -> String {
    let parts = RELAY.split_once(BEGIN).and_then(|(before, rest)| {
        let (leg, after) = rest.split_once(END)?;
        Some((before, leg, after))
    });
    let Some((before, leg, after)) = parts else { return RELAY.to_owned() };
    let further = 2..=legs.max(2);
    // Why a leg is as it is need be said only once.
    let plain: String =
        leg.lines().filter(|line| !line.starts_with("  #")).map(|line| format!("{line}\n")).collect();
    let several = further.clone().map(|number| match number {
        2 => leg.to_owned(),
        _ => format!("\n{}", numbered(&plain, number)),
    });
    let every = |line: &str| {
        if !line.contains(EVERY_LEG) {
            return format!("{line}\n");
        }
        let line = line.replace(&format!(" {EVERY_LEG}"), "");
        let (list, outputs): (Vec<String>, Vec<String>) = further
            .clone()
            .map(|number| (format!("soak-{number}"), format!("${{{{ needs.soak-{number}.outputs.soak }}}}")))
            .unzip();
        let line = line.replace("${{ needs.soak-2.outputs.soak }}", &outputs.join(" "));
        format!("{}\n", line.replace("soak-2]", &format!("{}]", list.join(", "))))
    };
    format!("{before}{}{}", several.collect::<String>(), after.lines().map(every).collect::<String>())
}

/// The second leg's job as that of a later leg, which goes on from the one before it.
fn numbered(leg: &str, number: u32) -> String {
    let (own, before) = (format!("soak-{number}"), format!("soak-{}", number - 1));
    leg.replace("soak-2", &own)
        .replace("needs: testnet\n", &format!("needs: {before}\n"))
        .replace("needs.testnet.", &format!("needs.{before}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release() -> Release {
        Release::new(&"ab".repeat(20), "v1.2.3").unwrap()
    }

    /// The repository's own workflow is what others get, but for where `race` is from:
    /// here it is built from the very commit.
    #[test]
    fn poll_is_our_own_workflow_but_for_the_installation() {
        let own = include_str!("../../.github/workflows/testnet-deployer.yml");
        let without = |text: &str, uses: &str| {
            let line = format!("        uses: {uses}");
            assert_eq!(text.matches(&line).count(), text.matches("- name: Install race\n").count());
            let kept = text.lines().filter(|found| !found.starts_with(&line));
            kept.map(str::to_owned).collect::<Vec<_>>()
        };
        let released = "testnet-deployer/testnet-deployer/.github/actions/setup-race@";
        assert_eq!(without(POLL, released), without(own, "./.github/actions/race"));
    }

    #[test]
    fn every_leg_goes_on_from_the_one_before() {
        let text = with_legs(12);
        assert!(text.contains("    needs: [testnet, soak-2, soak-3, ") && text.contains(", soak-12]\n"));
        for number in 3..=12 {
            let before = number - 1;
            for line in [
                format!("  soak-{number}:\n    name: soak-{number}\n    needs: soak-{before}\n"),
                format!("    if: needs.soak-{before}.outputs.soak == 'unfinished'\n"),
                format!("artifact-ids: ${{{{ needs.soak-{before}.outputs.checkpoint }}}}\n"),
                format!("          name: soak-{number}\n"),
            ] {
                assert_eq!(text.matches(&line).count(), 1, "{line}");
            }
            assert_eq!(text.matches(&format!("${{{{ needs.soak-{number}.outputs.soak }}}}")).count(), 1);
        }
        assert_eq!(text.matches("environment: testnet-soak\n").count(), 11);
        assert!(!text.contains(EVERY_LEG) && !text.contains("# begin") && !text.contains("# end"));
        let plain = RELAY.replace(BEGIN, "").replace(END, "").replace(&format!(" {EVERY_LEG}"), "");
        assert_eq!(with_legs(2), plain);
        assert_eq!(with_legs(0), plain);
    }

    #[test]
    fn the_release_and_the_runners_are_filled_in() {
        for mode in Mode::ALL {
            let text = workflow(mode, 4, RunsOn::SelfHosted, &release());
            let pinned = format!("setup-race@{} # v1.2.3\n", "ab".repeat(20));
            assert_eq!(text.matches("- name: Install race\n").count(), text.matches(&pinned).count());
            assert!(!text.contains("uses: ./") && !text.contains("00000000"), "{mode:?}");
            let (there, long) = match mode {
                Mode::Poll => (2, 2),
                Mode::Relay => (4, 4),
                Mode::Sampled => (1, 0),
            };
            assert_eq!(text.matches("runs-on: self-hosted\n").count(), there, "{mode:?}");
            let hosted = workflow(mode, 4, RunsOn::Hosted, &release());
            assert_eq!(hosted.matches(LONG_JOB).count(), long);
        }
        let text = samples(RunsOn::SelfHosted, &release());
        assert_eq!(text.matches("runs-on: self-hosted\n").count(), 1);
        assert_eq!(text.matches("runs-on: ").count(), 1);
        assert!(!text.contains("uses: ./") && !text.contains("00000000"), "{text}");
    }

    #[test]
    fn only_a_release_becomes_part_of_a_workflow() {
        for (commit, version) in [
            ("abc", "v1.2.3"),
            (&*"z".repeat(40), "v1.2.3"),
            (&*"a".repeat(40), "1.2.3"),
            (&*"a".repeat(40), "v1 # x"),
            (&*"a".repeat(40), "v"),
        ] {
            assert_eq!(Release::new(commit, version), None, "{commit} {version}");
        }
    }
}
