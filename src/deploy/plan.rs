//! The plan: which commands run on which host, and how a plan is shown.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use super::{TemplateError, Values};
use crate::policy::{Deploy, duration::rounded};

/// Everything that a deployment does, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The hosts, in the order in which they are deployed.
    pub hosts: Vec<HostPlan>,
}

/// What is done on one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPlan {
    /// The host's name.
    pub host: String,
    /// The commands, in order.
    pub commands: Vec<Command>,
}

/// One command on one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The step's name.
    pub step: String,
    /// The program and its arguments, exactly.
    pub argv: Vec<String>,
    /// How long it may take.
    pub time_limit: Duration,
}

/// What `policy` does with `values`.
///
/// # Errors
///
/// When a host's name is not valid, or an argument cannot be filled in.
pub fn plan(policy: &Deploy, values: &Values) -> Result<Plan, TemplateError> {
    let hosts = policy.hosts.iter().map(|host| {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if host.name.is_empty() || !host.name.chars().all(legal) {
            return Err(TemplateError::Host(host.name.clone()));
        }
        let commands = policy.steps.iter().map(|step| {
            if step.run.is_empty() {
                return Err(TemplateError::Empty(step.name.clone()));
            }
            let filled = step.run.iter().map(|argument| values.fill(argument, &host.name, &step.name));
            let argv = filled.collect::<Result<_, _>>()?;
            Ok(Command { step: step.name.clone(), argv, time_limit: step.time_limit })
        });
        Ok(HostPlan { host: host.name.clone(), commands: commands.collect::<Result<_, _>>()? })
    });
    Ok(Plan { hosts: hosts.collect::<Result<_, _>>()? })
}

impl Plan {
    /// The plan for people, a line per command.
    #[must_use]
    pub fn rendered(&self) -> String {
        let mut text = String::new();
        for host in &self.hosts {
            let _ = writeln!(text, "{}", host.host);
            for Command { step, argv, time_limit } in &host.commands {
                let _ = writeln!(text, "  {step} (at most {}): {}", rounded(*time_limit), quoted(argv));
            }
        }
        text
    }
}

/// Arguments as a shell would have to be given them. For logs alone.
#[must_use]
pub fn quoted(argv: &[String]) -> String {
    argv.iter().map(|argument| quote(argument)).collect::<Vec<_>>().join(" ")
}

fn quote(argument: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        Cow::Borrowed(argument)
    } else {
        Cow::Owned(format!("'{}'", argument.replace('\'', r"'\''")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Host, Step};

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

    fn deploy(runs: &[&[&str]]) -> Deploy {
        let host = |name: &str| Host {
            name: name.to_owned(),
            address: "203.0.113.10".to_owned(),
            port: 22,
            user: "deploy".to_owned(),
            host_keys: vec!["ssh-ed25519 AAAA".to_owned()],
        };
        let step = |(index, run): (usize, &&[&str])| Step {
            name: format!("step-{index}"),
            run: run.iter().map(|argument| (*argument).to_owned()).collect(),
            time_limit: Duration::from_mins(5),
        };
        Deploy {
            hosts: vec![host("validator-1"), host("validator-2")],
            steps: runs.iter().enumerate().map(step).collect(),
            connect_timeout: Duration::from_secs(15),
            private_key_env: "TESTNET_SSH_KEY".to_owned(),
        }
    }

    fn values() -> Values {
        Values::new(SHA, Some(7), Some(2), Some(12)).unwrap()
    }

    fn argument(argument: &str) -> Result<String, TemplateError> {
        Ok(plan(&deploy(&[&[argument]]), &values())?.hosts[0].commands[0].argv[0].clone())
    }

    #[test]
    fn a_plan_is_exact_to_the_byte() {
        let policy = deploy(&[
            &["install-node", "--commit", "{sha}", "--as={short_sha}-{run_id}.{attempt}"],
            &["announce", "PR {pull_request} on {host}", "it's {{here}}", ""],
        ]);
        let plan = plan(&policy, &values()).unwrap();
        assert_eq!(plan.hosts[1].commands[1].argv, ["announce", "PR 12 on validator-2", "it's {here}", ""]);
        assert_eq!(
            plan.rendered(),
            "validator-1\n\
             \x20 step-0 (at most 5m): install-node --commit 0123456789abcdef0123456789abcdef01234567 \
             --as=0123456789a-7.2\n\
             \x20 step-1 (at most 5m): announce 'PR 12 on validator-1' 'it'\\''s {here}' ''\n\
             validator-2\n\
             \x20 step-0 (at most 5m): install-node --commit 0123456789abcdef0123456789abcdef01234567 \
             --as=0123456789a-7.2\n\
             \x20 step-1 (at most 5m): announce 'PR 12 on validator-2' 'it'\\''s {here}' ''\n"
        );
    }

    #[test]
    fn what_a_shell_would_read_stays_one_argument() {
        for text in ["$(reboot)", "`id`; rm -rf /", "a b\n\"c\" 'd' \\ !", "--", "é"] {
            assert_eq!(argument(text).unwrap(), text);
        }
    }

    #[test]
    fn a_wrong_placeholder_names_step_and_key() {
        for (text, message) in [
            ("{branch}", "step `step-0`: there is no placeholder `{branch}`"),
            ("{}", "step `step-0`: there is no placeholder `{}`"),
            ("{sha", "step `step-0`: a brace stands alone in `{sha`; write `{{` or `}}` for a brace itself"),
            ("sha}", "step `step-0`: a brace stands alone in `sha}`; write `{{` or `}}` for a brace itself"),
            ("a\0b", "step `step-0`: an argument holds a NUL character"),
        ] {
            assert_eq!(argument(text).unwrap_err().to_string(), message);
        }
        let no_pull_request = Values::new(SHA, Some(7), Some(1), None).unwrap();
        assert_eq!(
            plan(&deploy(&[&["{pull_request}"]]), &no_pull_request).unwrap_err().to_string(),
            "step `step-0`: this run has no value for `{pull_request}`"
        );
    }

    #[test]
    fn values_are_validated() {
        for sha in ["", "main", "0123456789ABCDEF0123456789abcdef01234567", "$(id)", &SHA[1..]] {
            assert!(matches!(Values::new(sha, None, None, None), Err(TemplateError::Sha(_))), "{sha}");
        }
        assert!(Values::new(&"a".repeat(64), None, None, None).is_ok());
        let mut policy = deploy(&[&["true"]]);
        policy.hosts[0].name = "a b".to_owned();
        assert_eq!(plan(&policy, &values()).unwrap_err(), TemplateError::Host("a b".to_owned()));
    }
}
