//! `race deploy`: the approved commit on every host, or honestly not.

mod begin;
mod carry;
mod check;
mod collect;
mod conduct;
mod confirm;
mod hold;
mod host;
mod lease;
mod log;
mod ready;
mod release;
mod report;
mod source;
mod target;
mod tenancy;
mod trouble;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use crate::cli::{self, Format};
use crate::config::Secret;
use crate::deploy::remote::Remote;
use crate::deploy::{Change, Ending, HostState, Lease, Plan, Run, Values, plan};
use crate::exit::Exit;
use crate::policy;
use crate::report::inert_lines;

use super::change::event_of;
use super::{Context, Failure, Signal, Signals, artifact, connect};
use conduct::Deployment;
use host::Host;
use log::HostLog;
use source::Source;
use trouble::Trouble;

/// How long hosts are asked to undo when we are told to leave. Where that does not
/// suffice they begin by themselves.
const FAREWELL: Duration = Duration::from_secs(3);

/// Runs `race deploy`.
pub(super) async fn run(arguments: &cli::Deploy, context: &Context) -> Result<Exit, Failure> {
    // A leg of the soak counts from here, so the wait for the artifact is a part of it.
    let began = jiff::Timestamp::now();
    let mut signals = Signals::listen()
        .map_err(|error| Failure::caused(Exit::Internal, "cannot listen to signals", &error))?;
    let settings = context.local_settings(&[])?;
    let policy = settings.policy.deploy.ok_or_else(|| {
        Failure::new(Exit::Invalid, "the policy does not say what to deploy")
            .help("add [deploy] to policies/testnet.toml")
    })?;
    let subject = Subject::of(context)?;
    let plan = plan(&policy, &subject.values).map_err(|error| {
        Failure::caused(Exit::Invalid, "there is no plan", &error)
            .help("see [deploy] in policies/testnet.toml")
    })?;
    if arguments.plan {
        return print_plan(context, &plan);
    }
    let setting = Setting::of(context, &policy)?;
    if arguments.check || arguments.release {
        let prepared = Prepared::default();
        let hosts = hosts(&subject, &policy, &plan, &setting, &prepared, context, None)?;
        let work = async {
            if arguments.check {
                check::run(context, &hosts).await
            } else {
                release::run(arguments, context, &hosts, &subject.lease.id).await
            }
        };
        return tokio::select! {
            ended = work => ended,
            signal = signals.next() => Err(untouched(signal)),
        };
    }
    let prepared = tokio::select! {
        prepared = prepare(arguments, context, &plan) => prepared?,
        signal = signals.next() => return Err(untouched(signal)),
    };
    let hosts = hosts(&subject, &policy, &plan, &setting, &prepared, context, arguments.logs.as_deref())?;
    let deployment = Deployment { context, policy: &policy, plan: &plan, hosts, lease: &subject.lease };
    let (ending, help) = conduct(&deployment, &mut signals).await;
    if ending.reason.is_some() && ending.signal.is_none() {
        collect::from_all(&deployment, arguments.logs.as_deref(), &mut signals).await;
    }
    report::report(&deployment, subject.run.clone(), began, (&ending, help), arguments.report.as_deref())
}

fn untouched(signal: Signal) -> Failure {
    Failure::new(signal.exit(), format!("stopped by {}; no host was touched", signal.name()))
}

/// Carries the deployment out, and takes it back where it failed.
async fn conduct(deployment: &Deployment<'_>, signals: &mut Signals) -> (Ending, Option<String>) {
    let work = async {
        let client = connect::client(deployment.context, None).await.ok();
        deployment.reach().await?;
        deployment.take_lease(client).await?;
        deployment.carry_out().await
    };
    let ended = tokio::select! {
        ended = work => ended,
        signal = signals.next() => return (leave(deployment, signal, None).await, None),
    };
    let Err(trouble) = ended else { return (Ending::default(), None) };
    let cause = failure(&trouble);
    deployment.context.output.log(&cause.message);
    tokio::select! {
        () = deployment.roll_back() => {}
        signal = signals.next() => return (leave(deployment, signal, Some(cause.message)).await, None),
    }
    if deployment.hosts.iter().all(Host::is_as_it_was) {
        deployment.release().await;
    }
    (Ending { reason: Some(cause.message), cause: Some(cause.exit), signal: None }, cause.help)
}

/// Leaves in good time: the armed undo does its work without us.
async fn leave(deployment: &Deployment<'_>, signal: Signal, reason: Option<String>) -> Ending {
    if !deployment.is_confirmed() {
        let _ = timeout(FAREWELL, deployment.ask_to_undo()).await;
        // What was not asked in time is undone when its timer has run out, unless it
        // has been confirmed.
        for host in deployment.hosts.iter().filter(|host| host.may_be_confirmed.get()) {
            host.become_(HostState::NotKnownToBeUndone);
        }
    }
    let signal = match signal {
        Signal::Interrupt => crate::deploy::Signal::Interrupt,
        Signal::Terminate => crate::deploy::Signal::Terminate,
    };
    Ending { reason, signal: Some(signal), ..Ending::default() }
}

/// What is deployed, and for whom.
struct Subject {
    values: Values,
    run: Run,
    lease: Lease,
    /// The deployment's name on the hosts: two of one attempt are two.
    id: String,
}

impl Subject {
    /// The commit is the change's own head, never the merge commit that GitHub makes
    /// of it.
    fn of(context: &Context) -> Result<Self, Failure> {
        let runner = &context.runner;
        let event = event_of(runner)?;
        let sha =
            event.head_sha.or_else(|| runner.get("GITHUB_SHA").map(str::to_owned)).ok_or_else(|| {
                Failure::new(Exit::Invalid, "there is no commit to deploy")
                    .help("outside of GitHub Actions, set GITHUB_SHA to the commit's whole hash")
            })?;
        let number = |name| runner.get(name).and_then(|text| text.parse::<u64>().ok());
        let run_id = number("GITHUB_RUN_ID");
        let attempt = number("GITHUB_RUN_ATTEMPT").and_then(|attempt| u32::try_from(attempt).ok());
        let values = Values::new(&sha, run_id, attempt, event.pull_request)
            .map_err(|error| Failure::caused(Exit::Invalid, "there is no commit to deploy", &error))?;
        let person = ["GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR", "USER"]
            .into_iter()
            .find_map(|name| runner.get(name))
            .map(str::to_owned);
        let repository = runner.get("GITHUB_REPOSITORY").map(str::to_owned);
        let url = match (runner.get("GITHUB_SERVER_URL"), &repository, run_id) {
            (Some(server), Some(repository), Some(run)) => {
                Some(format!("{}/{repository}/actions/runs/{run}", server.trim_end_matches('/')))
            }
            _ => None,
        };
        let id = match (run_id, attempt) {
            (Some(run), Some(attempt)) => format!("{run}-{attempt}"),
            _ => format!("hand-{:08x}", fastrand::u32(..)),
        };
        let name = format!("{id}.{:08x}", fastrand::u32(..));
        let lease = Lease {
            id,
            repository: repository.unwrap_or_else(|| "by/hand".to_owned()),
            run_id,
            attempt,
            sha: sha.clone(),
            person: person.clone().unwrap_or_else(|| "somebody".to_owned()),
            url,
            expires_at: jiff::Timestamp::UNIX_EPOCH,
        };
        Ok(Self { values, run: Run { id: run_id, attempt, head_sha: sha, person }, lease, id: name })
    }
}

/// How hosts are logged in to.
pub(super) struct Setting {
    key: Option<Secret>,
    known_hosts: String,
    ssh_config: String,
    remote: Remote,
}

impl Setting {
    pub(super) fn of(context: &Context, policy: &policy::Deploy) -> Result<Self, Failure> {
        let runner = &context.runner;
        let key = runner.secret(&policy.private_key_env);
        if key.is_none() && runner.get("SSH_AUTH_SOCK").is_none() {
            return Err(Failure::new(Exit::Refused, "there is no key to log in with").help(format!(
                "give the private key in the variable {}, or run an SSH agent",
                policy.private_key_env
            )));
        }
        let known_hosts = match &policy.known_hosts_env {
            None => String::new(),
            Some(name) => runner.get(name).map(str::to_owned).ok_or_else(|| {
                Failure::new(Exit::Refused, format!("there are no known hosts in the variable {name}"))
                    .help("the policy names it as known_hosts_env: give it the hosts' lines of known_hosts")
            })?,
        };
        let ssh_config = policy.ssh_config.as_deref().map_or(Ok(String::new()), |path| {
            std::fs::read_to_string(path)
                .map_err(|error| Failure::caused(Exit::Invalid, &format!("cannot read {path}"), &error))
        })?;
        Ok(Self { key, known_hosts, ssh_config, remote: Remote::new(&policy.state_directory) })
    }
}

pub(super) use target::of as way_to;
pub(super) use tenancy::Tenancy;

/// What a deployment needs of this machine.
#[derive(Default)]
struct Prepared {
    sources: BTreeMap<String, Source>,
    secrets: BTreeMap<String, Secret>,
}

impl Prepared {
    /// What a command that reads these secrets reads: each with a line break.
    fn secrets_of(&self, names: &[String]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for secret in names.iter().filter_map(|name| self.secrets.get(name)) {
            bytes.extend_from_slice(secret.expose().as_bytes());
            bytes.push(b'\n');
        }
        bytes
    }
}

/// Fetches the artifact, and looks for files and secrets before any host is touched.
async fn prepare(arguments: &cli::Deploy, context: &Context, plan: &Plan) -> Result<Prepared, Failure> {
    if let Some(name) = &arguments.artifact {
        artifact::fetch(name, arguments, context).await?;
    }
    let (mut sources, mut secrets) = (BTreeMap::new(), BTreeMap::new());
    for step in plan.hosts().flat_map(|host| &host.steps) {
        match &step.change {
            Change::Upload(upload) if !sources.contains_key(&upload.from) => {
                let path = Path::new(&upload.from).to_owned();
                let measured = tokio::task::spawn_blocking(move || Source::measure(&path)).await;
                let measured = measured.map_err(std::io::Error::other).flatten().map_err(|error| {
                    let what = format!("step `{}`: cannot read {}", step.name, upload.from);
                    Failure::caused(Exit::Invalid, &what, &error)
                })?;
                sources.insert(upload.from.clone(), measured);
            }
            Change::Upload(_) => {}
            Change::Command(command) => {
                for name in &command.secrets {
                    let secret = context.runner.secret(name).ok_or_else(|| {
                        let what = format!("step `{}`: there is no secret {name}", step.name);
                        Failure::new(Exit::Refused, what)
                            .help(format!("give it in the environment variable {name}"))
                    })?;
                    secrets.insert(name.clone(), secret);
                }
            }
        }
    }
    Ok(Prepared { sources, secrets })
}

fn hosts<'d>(
    subject: &'d Subject,
    policy: &'d policy::Deploy,
    plan: &'d Plan,
    setting: &'d Setting,
    prepared: &'d Prepared,
    context: &Context,
    logs: Option<&Path>,
) -> Result<Vec<Host<'d>>, Failure> {
    let masked: Vec<Secret> = prepared.secrets.values().cloned().chain(setting.key.clone()).collect();
    let mut hosts = Vec::new();
    for ((wave, plan), host) in plan.hosts_by_wave().zip(&policy.hosts) {
        let log = HostLog::open(&plan.host, context.output, logs, &masked)
            .map_err(|error| Failure::caused(Exit::Internal, "cannot write the log of a host", &error))?;
        let way = target::of(host, policy, setting);
        hosts.push(Host::new(wave, plan, policy.undo_after, subject, setting, prepared, way, log));
    }
    Ok(hosts)
}

fn print_plan(context: &Context, plan: &Plan) -> Result<Exit, Failure> {
    let written = match context.shared.format {
        Format::Human => context.output.result(&inert_lines(&plan.rendered())),
        Format::Json => context.output.json(&plan.json().to_string()),
    };
    written.map_err(|error| Failure::caused(Exit::Internal, "cannot write the plan", &error))?;
    Ok(Exit::Done)
}

/// A trouble as a command's failure.
fn failure(trouble: &Trouble) -> Failure {
    let failure = Failure::new(trouble.exit(), trouble.to_string());
    match trouble.help() {
        Some(help) => failure.help(help),
        None => failure,
    }
}
