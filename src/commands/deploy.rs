//! `race deploy`: the plan's commands, run on one host after the other.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, interval_at};

use crate::cli::{Deploy, Format};
use crate::config::Secret;
use crate::deploy::{Command, HostPlan, Plan, Values, plan, quoted};
use crate::exit::Exit;
use crate::policy::{self, Host, duration::rounded};
use crate::report::{Paint, inert_lines};
use crate::ssh::{Connection, Ended, SshError};

use super::wait::event_of;
use super::{Context, Failure, Signals, artifact};

/// Said of every deployment that failed: it must not be taken for undone.
const NOT_UNDONE: &str = "nothing was rolled back: this version does not do that";

/// The longest time without a word, while a step runs.
const HEARTBEAT: Duration = Duration::from_mins(1);

/// Runs `race deploy`.
pub(super) async fn run(arguments: &Deploy, context: &Context) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()
        .map_err(|error| Failure::caused(Exit::Internal, "cannot listen to signals", &error))?;
    let settings = context.local_settings(&[])?;
    let policy = settings.policy.deploy.ok_or_else(|| {
        Failure::new(Exit::Invalid, "the policy does not say what to deploy")
            .help("add [deploy] to policies/testnet.toml")
    })?;
    let (sha, values) = values(context)?;
    let plan = plan(&policy, &values).map_err(|error| {
        Failure::caused(Exit::Invalid, "there is no plan", &error)
            .help("see [[deploy.step]] in policies/testnet.toml")
    })?;
    if arguments.plan {
        return print_plan(context, &plan);
    }
    let key = context.runner.secret(&policy.private_key_env);
    if key.is_none() && context.runner.get("SSH_AUTH_SOCK").is_none() {
        return Err(Failure::new(Exit::Refused, "there is no key to log in with").help(format!(
            "give the private key in the variable {}, or run an SSH agent",
            policy.private_key_env
        )));
    }
    if let Some(name) = &arguments.artifact {
        tokio::select! {
            fetched = artifact::fetch(name, arguments, context) => fetched?,
            signal = signals.next() => {
                let message = format!("stopped by {}; no host was touched", signal.name());
                return Err(Failure::new(signal.exit(), message));
            }
        }
    }
    let mut deployment = Deployment { context, policy: &policy, key, done: Vec::new() };
    let ended = tokio::select! {
        ended = deployment.run(&plan) => ended,
        // What runs on a host ends when its connection is dropped.
        signal = signals.next() => {
            let message = deployment.message(&format!("stopped by {}", signal.name()), &plan);
            return Err(Failure::new(signal.exit(), message));
        }
    };
    ended.map_err(|failure| Failure { message: deployment.message(&failure.message, &plan), ..failure })?;
    report(context, &sha, &deployment.done)
}

/// What fills the placeholders. The commit is the change's own head, never the
/// merge commit that GitHub makes of it.
fn values(context: &Context) -> Result<(String, Values), Failure> {
    let runner = &context.runner;
    let event = event_of(runner)?;
    let sha = event.head_sha.or_else(|| runner.get("GITHUB_SHA").map(str::to_owned)).ok_or_else(|| {
        Failure::new(Exit::Invalid, "there is no commit to deploy")
            .help("outside of GitHub Actions, set GITHUB_SHA to the commit's whole hash")
    })?;
    let number = |name| runner.get(name).and_then(|text| text.parse().ok());
    let attempt = number("GITHUB_RUN_ATTEMPT").and_then(|attempt| u32::try_from(attempt).ok());
    let values = Values::new(&sha, number("GITHUB_RUN_ID"), attempt, event.pull_request)
        .map_err(|error| Failure::caused(Exit::Invalid, "there is no commit to deploy", &error))?;
    Ok((sha, values))
}

fn print_plan(context: &Context, plan: &Plan) -> Result<Exit, Failure> {
    let written = match context.shared.format {
        Format::Human => context.output.result(&inert_lines(&plan.rendered())),
        Format::Json => {
            let commands = |host: &HostPlan| {
                let commands = host.commands.iter().map(|command| {
                    let limit = command.time_limit.as_secs_f64();
                    serde_json::json!({"step": command.step, "argv": command.argv, "time_limit_s": limit})
                });
                serde_json::json!({"host": host.host, "commands": commands.collect::<Vec<_>>()})
            };
            let hosts: Vec<_> = plan.hosts.iter().map(commands).collect();
            context.output.json(&serde_json::json!({"hosts": hosts}).to_string())
        }
    };
    written.map_err(|error| Failure::caused(Exit::Internal, "cannot write the plan", &error))?;
    Ok(Exit::Done)
}

fn report(context: &Context, sha: &str, hosts: &[String]) -> Result<Exit, Failure> {
    let written = match context.shared.format {
        Format::Human => context.output.result(&format!("deployed {sha} on {}", hosts.join(", "))),
        Format::Json => {
            let json = serde_json::json!({"verdict": "deployed", "sha": sha, "hosts": hosts});
            context.output.json(&json.to_string())
        }
    };
    written.map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))?;
    Ok(Exit::Done)
}

/// A deployment on its way.
struct Deployment<'c> {
    context: &'c Context,
    policy: &'c policy::Deploy,
    key: Option<Secret>,
    /// The hosts on which every step has succeeded.
    done: Vec<String>,
}

impl Deployment<'_> {
    async fn run(&mut self, plan: &Plan) -> Result<(), Failure> {
        for (host, commands) in self.policy.hosts.iter().zip(&plan.hosts) {
            self.context.output.group(&format!("deploy on {}", host.name));
            let ended = self.one_host(host, commands).await;
            self.context.output.end_group();
            ended?;
            self.done.push(host.name.clone());
        }
        Ok(())
    }

    async fn one_host(&self, host: &Host, plan: &HostPlan) -> Result<(), Failure> {
        let key = self.key.as_ref().map(Secret::expose);
        let connection = Connection::open(&host.into(), key, self.policy.connect_timeout)
            .await
            .map_err(|error| failure(&error))?;
        let mut ended = Ok(());
        for command in &plan.commands {
            ended = self.one_step(&host.name, &connection, command).await;
            if ended.is_err() {
                break;
            }
        }
        connection.close().await;
        ended
    }

    async fn one_step(&self, host: &str, connection: &Connection, command: &Command) -> Result<(), Failure> {
        let output = &self.context.output;
        let Command { step, argv, time_limit } = command;
        let most = rounded(*time_limit);
        output.log_painted(Paint::Dim, &format!("{host} $ {}", quoted(argv)));
        let relay = |_, line: &str| output.log(&format!("{host} | {line}"));
        let mut running = pin!(connection.run(argv, *time_limit, relay));
        let started = Instant::now();
        let mut heartbeat = interval_at(started + HEARTBEAT, HEARTBEAT);
        let ended = loop {
            tokio::select! {
                ended = &mut running => break ended.map_err(|error| failure(&error))?,
                _ = heartbeat.tick() => {
                    let so_far = rounded(started.elapsed());
                    output.log(&format!("{host}: step `{step}` has been running for {so_far} of {most}"));
                }
            }
        };
        let wrong = match ended {
            Ended::Exit(0) => return Ok(()),
            Ended::Exit(127) => "ended with status 127: there is no such program".to_owned(),
            Ended::Exit(status) => format!("ended with status {status}"),
            Ended::TimedOut => format!("took longer than {most} and was ended"),
        };
        Err(Failure::new(Exit::RolledBack, format!("{host}: step `{step}` {wrong}")))
    }

    /// What went wrong, what was done before it, and what was not.
    fn message(&self, what: &str, plan: &Plan) -> String {
        let list = |hosts: &[&str]| if hosts.is_empty() { "none".to_owned() } else { hosts.join(", ") };
        let done: Vec<&str> = self.done.iter().map(String::as_str).collect();
        let untouched: Vec<&str> =
            plan.hosts.iter().skip(done.len() + 1).map(|host| host.host.as_str()).collect();
        format!("{what}; {NOT_UNDONE} (hosts deployed: {}; not touched: {})", list(&done), list(&untouched))
    }
}

fn failure(error: &SshError) -> Failure {
    let failure = Failure::new(error.exit(), error.to_string());
    match error.help() {
        Some(help) => failure.help(help),
        None => failure,
    }
}
