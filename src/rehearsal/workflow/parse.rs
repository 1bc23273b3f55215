//! A workflow's file becomes what a rehearsal can run, or the reason why it cannot.

use std::time::Duration;

use github_actions_models::common::expr::LoE;
use github_actions_models::common::{Env, If, Permission, Permissions, Uses};
use github_actions_models::workflow as model;
use github_actions_models::workflow::event::OptionalBody;
use github_actions_models::workflow::job::{self, DeploymentEnvironment, NormalJob};

use super::action::Action;
use super::{Job, Pairs, Step, Work, Workflow, expression, keys};
use crate::setup::RunsOn;

impl Workflow {
    /// Reads a workflow's file.
    ///
    /// # Errors
    ///
    /// What of the file a rehearsal does not know, and where it stands.
    pub fn parse(text: &str) -> Result<Self, String> {
        keys::check(text)?;
        let file: model::Workflow =
            yaml_serde::from_str(text).map_err(|error| format!("is no workflow: {error}"))?;
        let group = match &file.concurrency {
            Some(model::Concurrency::Bare(group)) => {
                expression::check(group)?;
                None
            }
            Some(model::Concurrency::Rich { group, cancel_in_progress }) => {
                expression::check(group)?;
                matches!(cancel_in_progress, LoE::Literal(true)).then(|| group.clone())
            }
            None => None,
        };
        if let Some(run_name) = &file.run_name {
            expression::check(run_name)?;
        }
        let permissions = granted(&file.permissions)?
            .ok_or("the workflow: `permissions` must be named, one by one or as `{}`")?;
        let env = pairs(env_of(&file.env)?)?;
        let jobs = file
            .jobs
            .iter()
            .map(|(id, job)| {
                parse_job(id, job, &env, &permissions).map_err(|error| format!("job `{id}`: {error}"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        for job in &jobs {
            if let Some(missing) = job.needs.iter().find(|need| !jobs.iter().any(|job| job.id == **need)) {
                return Err(format!("job `{}`: it needs `{missing}`, which is not there", job.id));
            }
        }
        let inputs = match &file.on.events.workflow_dispatch {
            OptionalBody::Body(dispatch) => dispatch.inputs.keys().cloned().collect(),
            _ => Vec::new(),
        };
        Ok(Self { name: file.name.unwrap_or_default(), run_name: file.run_name, group, inputs, jobs })
    }
}

fn parse_job(id: &str, job: &model::Job, env: &Pairs, permissions: &[String]) -> Result<Job, String> {
    let model::Job::NormalJob(job) = job else {
        return Err("a called workflow is not known here".to_owned());
    };
    // GitHub's rule for a job's id; so it is safe as the name of a file, too.
    if !id.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter)) {
        return Err("is no name for a job".to_owned());
    }
    let runs_on = runs_on(job)?;
    let timeout = match &job.timeout_minutes {
        None => None,
        Some(LoE::Literal(minutes)) => {
            let timeout = Duration::try_from_secs_f64(minutes * 60.0);
            Some(timeout.map_err(|error| format!("`timeout-minutes`: {error}"))?)
        }
        Some(LoE::Expr(_)) => return Err("`timeout-minutes`: only a number is known here".to_owned()),
    };
    let name = job.name.clone().unwrap_or_else(|| id.to_owned());
    let environment = environment(job);
    for literal in [Some(&name), environment.as_ref()].into_iter().flatten() {
        if literal.contains("${{") {
            return Err(format!("`{literal}`: an expression is not known in this place"));
        }
    }
    if job.steps.is_empty() {
        return Err("it has no steps".to_owned());
    }
    let steps = job
        .steps
        .iter()
        .enumerate()
        .map(|(index, step)| parse_step(step).map_err(|error| format!("step {}: {error}", index + 1)));
    Ok(Job {
        id: id.to_owned(),
        name,
        environment,
        runs_on,
        timeout,
        needs: job.needs.clone(),
        condition: condition(job.r#if.as_ref())?,
        env: env.iter().cloned().chain(pairs(env_of(&job.env)?)?).collect(),
        outputs: pairs(&job.outputs)?,
        permissions: granted(&job.permissions)?.unwrap_or_else(|| permissions.to_vec()),
        steps: steps.collect::<Result<_, _>>()?,
    })
}

/// Whose runner takes the job: one of GitHub's with Ubuntu, or one of the team's own.
fn runs_on(job: &NormalJob) -> Result<RunsOn, String> {
    let LoE::Literal(job::RunsOn::Target(labels)) = &job.runs_on else {
        return Err("`runs-on`: only a label is known here".to_owned());
    };
    match labels.as_slice() {
        [label] if label.starts_with("ubuntu-") => Ok(RunsOn::Hosted),
        [label] if label == "self-hosted" => Ok(RunsOn::SelfHosted),
        _ => Err("`runs-on`: only an ubuntu image and `self-hosted` are known here".to_owned()),
    }
}

fn environment(job: &NormalJob) -> Option<String> {
    job.environment.as_ref().map(|environment| match environment {
        DeploymentEnvironment::Name(name) | DeploymentEnvironment::NameURL { name, .. } => name.clone(),
    })
}

fn parse_step(step: &job::Step) -> Result<Step, String> {
    let (shared, work, called) = match step {
        job::Step::Run(run) => {
            expression::check(&run.run)?;
            (&run.shared, Work::Run(run.run.clone()), run.run.lines().next().unwrap_or_default().to_owned())
        }
        job::Step::Uses(uses) => {
            let (name, local) = match &uses.uses {
                Uses::Repository(repository) => {
                    let path = repository.subpath().map(|path| format!("/{path}")).unwrap_or_default();
                    (format!("{}{path}", repository.slug()), false)
                }
                Uses::Local(local) => (local.raw().to_owned(), true),
                Uses::Docker(_) => return Err("a container is not known here".to_owned()),
            };
            let inputs = pairs(env_of(&uses.with)?)?;
            let action = Action::named(&name, local, &inputs)?;
            (&uses.shared, Work::Uses(action, inputs), name)
        }
        _ => return Err("this kind of step is not known here".to_owned()),
    };
    Ok(Step {
        name: shared.name.clone().unwrap_or_else(|| format!("Run {called}")),
        id: shared.id.clone(),
        condition: condition(shared.r#if.as_ref())?,
        env: pairs(env_of(&shared.env)?)?,
        work,
    })
}

fn condition(condition: Option<&If>) -> Result<Option<String>, String> {
    let text = match condition {
        None => return Ok(None),
        Some(If::Bool(value)) => value.to_string(),
        Some(If::Expr(text)) => text.clone(),
    };
    expression::check_condition(&text)?;
    Ok(Some(text))
}

fn env_of(env: &LoE<Env>) -> Result<&Env, String> {
    match env {
        LoE::Literal(env) => Ok(env),
        LoE::Expr(expression) => {
            Err(format!("`{}`: only names with values are known", expression.as_curly()))
        }
    }
}

fn pairs(env: &Env) -> Result<Pairs, String> {
    let pair = |(name, value): (&String, _)| {
        let value = ToString::to_string(value);
        expression::check(&value).map(|()| (name.clone(), value))
    };
    env.iter().map(pair).collect()
}

/// What may be read or written, as the stand-in names it; none where nothing is said.
fn granted(permissions: &Permissions) -> Result<Option<Vec<String>>, String> {
    match permissions {
        Permissions::Base(github_actions_models::common::BasePermission::Default) => Ok(None),
        Permissions::Base(_) => Err("`permissions`: only single ones are known here".to_owned()),
        Permissions::Explicit(named) => Ok(Some(
            named
                .iter()
                .filter(|(_, permission)| **permission != Permission::None)
                .map(|(name, permission)| {
                    let right = if *permission == Permission::Write { ": write" } else { "" };
                    format!("{}{right}", name.replace('-', "_"))
                })
                .collect(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::workflow::SHIPPED;

    #[test]
    fn the_shipped_workflow_is_understood() {
        let workflow = Workflow::parse(SHIPPED).unwrap();
        let jobs: Vec<_> = workflow
            .jobs
            .iter()
            .map(|job| (job.name.as_str(), job.environment.as_deref(), job.needs.len()))
            .collect();
        assert_eq!(
            jobs,
            [
                ("open", None, 0),
                ("build", None, 0),
                ("testnet", Some("testnet"), 0),
                ("null", Some("null"), 0),
                ("testnet-deployer", None, 0),
                ("settle", None, 1),
            ]
        );
        assert_eq!(workflow.jobs[1].permissions, ["contents"]);
        assert!(workflow.jobs[3].permissions.is_empty());
        assert_eq!(workflow.inputs, ["pull_request", "sha"]);
    }

    #[test]
    fn what_a_rehearsal_does_not_know_is_refused() {
        let replaced = |from: &str, to: &str| {
            assert!(SHIPPED.contains(from), "{from}");
            Workflow::parse(&SHIPPED.replace(from, to))
        };
        for (from, to, told) in [
            ("on:\n  pull_request:\n", "on:\n  pull_request_target:\n", "pull_request_target"),
            ("on:\n  pull_request:\n", "on:\n  pull_request:\n    paths: [src]\n", "filter"),
            ("        required: true\n", "        default: x\n", "default"),
            ("        type: string\n", "        type: number\n", "`string`"),
            ("permissions: {}\n\n", "\n", "permissions"),
            ("runs-on: ubuntu-24.04", "runs-on: windows-2025", "ubuntu"),
            ("    timeout-minutes: 60\n", "    strategy: {}\n", "strategy"),
            ("        if: always()\n", "        continue-on-error: true\n", "continue-on-error"),
            ("if: always()", "if: contains('a', 'b')", "contains"),
            ("actions/upload-artifact@", "actions/cache@", "actions/cache"),
            (
                "          path: soak.json\n",
                "          path: soak.json\n          overwrite: true\n",
                "overwrite",
            ),
            ("github.token", "vars.TOKEN", "vars"),
            ("environment: \"null\"", "environment: null", "quotes"),
            ("  \"null\":\n", "  null:\n", "quoted"),
            ("environment: testnet", "environment: testnet\n    needs: nobody", "nobody"),
        ] {
            let error = replaced(from, to).unwrap_err();
            assert!(error.contains(told), "{to:?}: {error}");
        }
    }
}
