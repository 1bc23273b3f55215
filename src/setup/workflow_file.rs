//! A workflow's file, as far as it matters for the set-up: when it runs, its jobs,
//! and what of `race` they run.

use std::collections::{BTreeMap, BTreeSet};

use yaml_serde::Value;

/// A workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workflow {
    /// Its path in the repository.
    pub path: String,
    /// The events that start it.
    pub events: BTreeSet<String>,
    /// It runs for some pull requests only, by a filter on paths.
    pub filtered: bool,
    /// Its jobs, in order.
    pub jobs: Vec<Job>,
    /// Versions of the released action that its comments tell of.
    pub versions: Vec<String>,
}

/// A job of a workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Job {
    /// The name that GitHub shows, or the job's key. It may hold expressions.
    pub name: String,
    /// The environment that it names.
    pub environment: Option<String>,
    /// What its token may do.
    pub permissions: Permissions,
    /// Its condition, as it is written.
    pub condition: Option<String>,
    /// It may be skipped: by its condition, or because a job before it failed.
    pub skippable: bool,
    /// The actions and workflows that it uses.
    pub uses: Vec<String>,
    /// What of `race` it runs: the words after `race`, line by line.
    pub commands: Vec<Vec<String>>,
    /// The secrets that it names, but for `GITHUB_TOKEN`.
    pub secrets: BTreeSet<String>,
    /// The configuration variables that it names.
    pub variables: BTreeSet<String>,
    /// The environment variables that it sets itself.
    pub sets: BTreeSet<String>,
}

/// What a job's token may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Permissions {
    /// Nothing is said: the repository's default.
    #[default]
    Unset,
    /// Read everything.
    ReadAll,
    /// Write everything.
    WriteAll,
    /// What is named; nothing else.
    Named(BTreeMap<String, String>),
}

impl Permissions {
    /// Whether they allow `name` to this degree, `read` or `write`. What is not set
    /// allows nothing that one could rely on.
    #[must_use]
    pub fn allow(&self, name: &str, degree: &str) -> bool {
        match self {
            Self::Unset => false,
            Self::ReadAll => degree == "read",
            Self::WriteAll => true,
            Self::Named(named) => {
                named.get(name).is_some_and(|given| given == degree || given == "write" && degree == "read")
            }
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::String(word) if word == "read-all" => Self::ReadAll,
            Value::String(word) if word == "write-all" => Self::WriteAll,
            Value::Mapping(map) => {
                Self::Named(map.iter().map(|(name, degree)| (text(name), text(degree))).collect())
            }
            _ => Self::Unset,
        }
    }
}

impl Job {
    /// Whether it runs `race` with this subcommand.
    #[must_use]
    pub fn runs(&self, subcommand: &str) -> bool {
        self.commands.iter().any(|words| words[0] == subcommand)
    }

    /// Whether what is text in its name leaves room for it to be this one.
    #[must_use]
    pub fn may_be_called(&self, name: &str) -> bool {
        let mut pattern = String::new();
        let mut rest = self.name.as_str();
        while let Some((before, after)) = rest.split_once("${{") {
            pattern.push_str(before);
            pattern.push('*');
            rest = after.split_once("}}").map_or("", |(_, after)| after);
        }
        pattern.push_str(rest);
        wildmatch::WildMatch::new(&pattern.to_lowercase()).matches(&name.to_lowercase())
    }

    /// Whether it may run for this event, as far as its condition tells.
    #[must_use]
    pub fn may_run_for(&self, event: &str) -> bool {
        let condition = self.condition.as_deref().unwrap_or_default().replace([' ', '"'], "");
        // Of several conditions any may hold.
        if condition.contains("||") {
            return true;
        }
        let named = |sign: &str| condition.contains(&format!("event_name{sign}'{event}'"));
        !named("!=") && (named("==") || !condition.contains("event_name=="))
    }

    /// Whether its name is a text, not an expression.
    #[must_use]
    pub fn is_named_plainly(&self) -> bool {
        !self.name.contains("${{")
    }
}

impl Workflow {
    /// Whether any job of it runs `race`.
    #[must_use]
    pub fn runs_race(&self) -> bool {
        self.jobs.iter().any(|job| !job.commands.is_empty())
    }

    /// Reads a workflow's file.
    ///
    /// # Errors
    ///
    /// When it is no YAML, or no workflow.
    pub fn parse(path: &str, file: &str) -> Result<Self, String> {
        let whole: Value = yaml_serde::from_str(file).map_err(|error| error.to_string())?;
        let jobs = whole.get("jobs").and_then(Value::as_mapping).ok_or("it has no `jobs`")?;
        let events = match whole.get("on").ok_or("it has no `on`")? {
            Value::String(event) => BTreeSet::from([event.clone()]),
            Value::Sequence(events) => events.iter().map(text).collect(),
            Value::Mapping(events) => events.keys().map(text).collect(),
            _ => return Err("its `on` names no event".to_owned()),
        };
        let pulls = whole.get("on").and_then(|on| on.get("pull_request"));
        let filtered =
            ["paths", "paths-ignore"].iter().any(|key| pulls.is_some_and(|pulls| pulls.get(*key).is_some()));
        let permissions = whole.get("permissions").map(Permissions::of).unwrap_or_default();
        let env = whole.get("env").cloned().unwrap_or_default();
        let jobs = jobs.iter().map(|(id, job)| parse_job(&text(id), job, &permissions, &env)).collect();
        Ok(Self { path: path.to_owned(), events, filtered, jobs, versions: versions(file) })
    }
}

fn parse_job(id: &str, job: &Value, permissions: &Permissions, env: &Value) -> Job {
    let steps: &[Value] = job.get("steps").and_then(Value::as_sequence).map_or(&[], Vec::as_slice);
    let mut texts = Vec::new();
    strings(job, &mut texts);
    strings(env, &mut texts);
    let named = |context: &str| texts.iter().flat_map(|text| names(text, context)).collect::<BTreeSet<_>>();
    let mut secrets = named("secrets.");
    secrets.remove("GITHUB_TOKEN");
    let environment = match job.get("environment") {
        Some(Value::Mapping(map)) => map.get("name").map(text),
        Some(Value::String(name)) => Some(name.clone()),
        // Without the quotes `null` is YAML's nothing, and names no environment.
        _ => None,
    };
    let condition = job.get("if").map(text);
    let skippable = match &condition {
        Some(condition) => !condition.contains("always()"),
        None => job.get("needs").is_some(),
    };
    let uses = steps.iter().chain([job]).filter_map(|step| step.get("uses")).map(text).collect();
    let set_by = steps.iter().chain([job]).filter_map(|step| step.get("env")).chain([env]);
    let keys = |value: &Value| -> Vec<String> {
        value.as_mapping().map(|map| map.keys().map(text).collect()).unwrap_or_default()
    };
    Job {
        name: job.get("name").map_or_else(|| id.to_owned(), text),
        environment,
        condition,
        skippable,
        permissions: job.get("permissions").map_or_else(|| permissions.clone(), Permissions::of),
        uses,
        commands: steps
            .iter()
            .filter_map(|step| step.get("run"))
            .flat_map(|run| commands(&text(run)))
            .collect(),
        secrets,
        variables: named("vars."),
        sets: set_by.flat_map(keys).collect(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        _ => String::new(),
    }
}

/// Every text within a value.
fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Sequence(values) => values.iter().for_each(|value| strings(value, found)),
        Value::Mapping(map) => map.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}

/// The names that follow `context` in the expressions of a text, in capitals: GitHub
/// takes them without regard to case.
fn names(text: &str, context: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let expressions = text.split("${{").skip(1).map(|rest| rest.split("}}").next().unwrap_or_default());
    expressions
        .flat_map(|expression| {
            expression.match_indices(context).filter_map(|(at, _)| {
                let before = expression[..at].chars().next_back();
                let name: String =
                    expression[at + context.len()..].chars().take_while(|c| is_part(*c)).collect();
                let own = !before.is_some_and(|c| is_part(c) || c == '.');
                (own && !name.is_empty()).then(|| name.to_uppercase())
            })
        })
        .collect()
}

/// The calls of `race` in a script: the words that follow.
fn commands(script: &str) -> Vec<Vec<String>> {
    let script = script.replace("\\\n", " ");
    let lines = script.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let parts = lines.flat_map(|line| line.split(['&', ';', '|']));
    parts
        .filter_map(|part| {
            let words: Vec<&str> = part.split_whitespace().collect();
            let at = words.iter().position(|word| *word == "race" || word.ends_with("/race"))?;
            let led_in = words[..at].iter().all(|word| {
                matches!(*word, "exec" | "if" | "!" | "then" | "else" | "env" | "timeout")
                    || word.contains('=')
            });
            let after: Vec<String> = words[at + 1..].iter().map(|word| (*word).to_owned()).collect();
            (led_in && after.first().is_some_and(|word| word.chars().all(|c| c.is_ascii_lowercase())))
                .then_some(after)
        })
        .collect()
}

/// The versions behind `setup-race@SHA # vX.Y.Z`.
fn versions(file: &str) -> Vec<String> {
    let pinned = file.lines().filter(|line| line.contains("setup-race@") && line.contains("uses:"));
    pinned
        .filter_map(|line| {
            let version = line.split_once("# v")?.1.split_whitespace().next()?;
            Some(version.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_is_read_as_github_reads_it() {
        let file = r#"
on: { pull_request: , merge_group: }
permissions: {}
env: { A: "${{ vars.region }}" }
jobs:
  testnet:
    environment: { name: testnet }
    permissions: { actions: read }
    env: { B: 1 }
    steps:
      - uses: octo-org/x/setup-race@0123 # v1.2.3
      - run: |
          # race wait
          exec race deploy --artifact x \
            --report y
          echo "race is on"
        env: { KEY: "${{ secrets.testnet_key }} ${{ secrets.GITHUB_TOKEN }} ${{ my.secrets.no }}" }
  bare:
    name: "null"
    environment: null
"#;
        let workflow = Workflow::parse("a.yml", file).unwrap();
        assert_eq!(workflow.events, BTreeSet::from(["merge_group".to_owned(), "pull_request".to_owned()]));
        assert_eq!(workflow.versions, ["1.2.3"]);
        let [testnet, bare] = &workflow.jobs[..] else { panic!("{workflow:?}") };
        assert_eq!(testnet.environment.as_deref(), Some("testnet"));
        assert_eq!(testnet.commands, [["deploy", "--artifact", "x", "--report", "y"]]);
        assert_eq!(testnet.secrets, BTreeSet::from(["TESTNET_KEY".to_owned()]));
        assert_eq!(testnet.variables, BTreeSet::from(["REGION".to_owned()]));
        assert_eq!(testnet.sets, ["A", "B", "KEY"].map(str::to_owned).into());
        assert!(
            testnet.permissions.allow("actions", "read") && !testnet.permissions.allow("actions", "write")
        );
        assert!(!testnet.permissions.allow("contents", "read"));
        assert_eq!((bare.name.as_str(), &bare.environment), ("null", &None));
        assert_eq!(bare.permissions, Permissions::Named(BTreeMap::new()));
    }

    #[test]
    fn a_condition_tells_for_which_events_a_job_may_run() {
        for (condition, pull, group, dispatched) in [
            ("", true, true, true),
            ("always()", true, true, true),
            ("github.event_name == 'merge_group'", false, true, false),
            ("github.event_name != 'merge_group'", true, false, true),
            ("always() && github.event_name == 'workflow_dispatch'", false, false, true),
            ("github.event_name == 'workflow_dispatch' || github.event.number > 1", true, true, true),
        ] {
            let job = Job { condition: Some(condition.to_owned()), ..Job::default() };
            let told =
                ["pull_request", "merge_group", "workflow_dispatch"].map(|event| job.may_run_for(event));
            assert_eq!(told, [pull, group, dispatched], "{condition}");
        }
    }

    #[test]
    fn what_is_no_workflow_is_said_to_be_none() {
        for file in ["", "a: [", "on: push", "jobs: {}", "on: 3\njobs: {}"] {
            assert!(Workflow::parse("a.yml", file).is_err(), "{file:?}");
        }
    }
}
