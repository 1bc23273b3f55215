//! A workflow for `selection = "auto"`: a job asks the criteria first, and of the two
//! gates only one runs. Where no testnet is needed nobody has to click, where one is
//! needed only the testnet is there to be approved.

/// The job that asks.
const ADVISE: &str = include_str!("workflows/parts/advise.yml");

/// What the workflows say of themselves that is otherwise here.
const TOLD: [(&str, &str); 2] = [
    (
        "# The required check that lets a reviewer choose: approve `testnet` and the change\n\
         # must survive the live testnet, approve `null` and it is spared.\n",
        "# The required check: a change that by the criteria needs a testnet must be approved\n\
         # and survive it; any other one passes by itself.\n",
    ),
    (
        "# The two gates need nothing, so both ask for their review at once. What decides,\n",
        "# Which of the two gates runs, a job asks the criteria of the base. What decides,\n",
    ),
];

/// What a job waits for besides, and when it runs.
const NEEDED: &str = "needs.advise.outputs.testnet_needed != 'false'";
const NOT_NEEDED: &str = "needs.advise.outputs.testnet_needed == 'false'";

/// The jobs that run only for a testnet. Where nobody could tell whether one is needed,
/// one is.
const FOR_THE_TESTNET: [&str; 2] = ["build", "testnet"];

/// The job that spares the testnet. It names no environment: what the criteria choose
/// nobody has to review.
const SPARING: &str = "\"null\"";

/// How the line ends by which a later leg of a soak goes on.
const GOES_ON: &str = ".outputs.soak == 'unfinished'";

/// The workflow with the criteria in front of its gates.
#[must_use]
pub fn by_criteria(text: &str) -> String {
    let text = TOLD.iter().fold(text.to_owned(), |text, (from, to)| text.replacen(from, to, 1));
    let text = text.replacen("\njobs:\n", &format!("\njobs:\n{ADVISE}"), 1);
    let mut job = "";
    let mut written = String::with_capacity(text.len());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("  ").and_then(|line| line.strip_suffix(':'))
            && !name.starts_with(' ')
        {
            job = name;
        }
        match of_a_job(job, line) {
            Some(line) => written.push_str(&line),
            None if job == SPARING && line.starts_with("    environment: ") => {}
            None => {
                written.push_str(line);
                written.push('\n');
            }
        }
    }
    written
}

/// What becomes of the line that says when a job runs, where something does.
fn of_a_job(job: &str, line: &str) -> Option<String> {
    let condition = line.strip_prefix("    if: ")?;
    if FOR_THE_TESTNET.contains(&job) {
        return Some(format!(
            "    needs: advise\n    if: ${{{{ !cancelled() && ({condition}) && {NEEDED} }}}}\n"
        ));
    }
    if job == SPARING {
        return Some(format!("    needs: advise\n    if: ${{{{ ({condition}) && {NOT_NEEDED} }}}}\n"));
    }
    // A leg that needs a job which needed more is skipped where that failed.
    let before = condition.strip_prefix("needs.")?.strip_suffix(GOES_ON)?;
    Some(format!("    if: ${{{{ !cancelled() && needs.{before}.result == 'success' && {condition} }}}}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::Mode;
    use crate::setup::workflow::{POLL, SAMPLED, with_legs};

    fn job<'t>(text: &'t str, name: &str) -> &'t str {
        let (_, after) = text.split_once(&format!("\n  {name}:\n")).unwrap();
        after.split("\n\n").next().unwrap()
    }

    #[test]
    fn only_the_gate_that_the_criteria_ask_for_runs() {
        for mode in Mode::ALL {
            let plain = match mode {
                Mode::Poll => POLL.to_owned(),
                Mode::Relay => with_legs(3),
                Mode::Sampled => SAMPLED.to_owned(),
            };
            let text = by_criteria(&plain);
            for (from, to) in TOLD {
                assert!(!text.contains(from) && text.contains(to), "{mode:?}: {to}");
            }
            for name in FOR_THE_TESTNET {
                let job = job(&text, name);
                assert!(job.contains("    needs: advise\n    if: ${{ !cancelled() && ("), "{mode:?}: {job}");
                assert!(job.contains(&format!(") && {NEEDED} }}}}\n")), "{mode:?}: {job}");
            }
            let null = job(&text, SPARING);
            assert!(null.contains(&format!(") && {NOT_NEEDED} }}}}\n")), "{null}");
            assert!(!null.contains("cancelled()") && !null.contains("environment"), "{null}");
            assert!(text.contains("    environment: testnet\n"));
            for leg in text.lines().filter(|line| line.contains(GOES_ON)) {
                assert!(leg.starts_with("    if: ${{ !cancelled() && needs."), "{leg}");
            }
            assert_eq!(text.matches("  advise:\n").count(), 1);
            // Whatever else it says stays as it was.
            let lines = |text: &str| text.lines().count();
            assert_eq!(lines(&text), lines(&plain) + lines(ADVISE) + 3 - 1, "{mode:?}");
        }
    }
}
