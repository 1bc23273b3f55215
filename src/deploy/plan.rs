//! The plan: what is done on which host, in which wave, and what undoes it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Command;
use super::command::{Place, command};
use super::template::{Filling, PlanError, Values};
use crate::policy::{self, Deploy, Host, ReadyWhen, Source, Step, Work, words};

/// How much of a file is collected: its end, in bytes.
const COLLECTED: &str = "10485760";

/// Everything that a deployment does, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The hosts, wave by wave, in the policy's order. No wave is empty.
    pub waves: Vec<Vec<HostPlan>>,
    /// The first wave is a canary: others follow it.
    pub canary: bool,
}

/// What is done on one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPlan {
    /// The host's name.
    pub host: String,
    /// The changes, in order. The first has the number 1 on the host.
    pub steps: Vec<PlannedStep>,
    /// What is run after all undos, in order.
    pub after_undo: Vec<Command>,
    /// What must hold before the host counts as ready.
    pub ready: Vec<Probe>,
    /// What is fetched when the deployment failed.
    pub collect: Vec<Collected>,
}

/// One change and its undo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedStep {
    /// The step's name.
    pub name: String,
    /// What it does.
    pub change: Change,
    /// What undoes it.
    pub undo: Undo,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Puts a file or directory onto the host.
    Upload(Upload),
    /// Runs a command.
    Command(Command),
}

/// A file or directory that is put onto a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Where it is here.
    pub from: String,
    /// Its absolute path on the host.
    pub to: String,
    /// Its permissions; those it has here where there are none.
    pub mode: Option<u32>,
    /// `user` or `user:group` that it shall belong to.
    pub owner: Option<String>,
    /// The user who puts it there, by `sudo -n`; the login user where there is none.
    pub user: Option<String>,
    /// How long it may take.
    pub time_limit: Duration,
}

/// What undoes a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undo {
    /// What was there before the upload comes back.
    Restore,
    /// A command of the policy.
    Command(Command),
    /// The policy says that there is nothing to undo.
    Nothing,
    /// The policy does not say: what the step did stays.
    Unsaid,
}

/// A check that is repeated until it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// How the policy calls it.
    pub name: String,
    /// What it looks at.
    pub what: ProbeKind,
    /// How long one try may take.
    pub time_limit: Duration,
    /// The time between two tries.
    pub every: Duration,
    /// How long it may take until it holds.
    pub within: Duration,
}

/// What a check looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// A command, which must end with 0.
    Run(Command),
    /// A TCP port of the host, which must accept a connection from the host itself.
    TcpPort(u16),
    /// A node's RPC on the host's 127.0.0.1.
    Rpc {
        /// Its port.
        port: u16,
        /// What `system_version` must contain.
        version_contains: Option<String>,
        /// How many peers `system_health` must tell at least.
        min_peers: u32,
    },
}

/// Something that is fetched from a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// The plain name of the file that it is written to.
    pub file: String,
    /// The command whose output it is.
    pub command: Command,
}

/// What `policy` does with `values`.
///
/// # Errors
///
/// When something cannot be filled in or is not valid. A policy that was checked
/// fails by a placeholder alone.
pub fn plan(policy: &Deploy, values: &Values) -> Result<Plan, PlanError> {
    let mut hosts = Vec::new();
    for host in &policy.hosts {
        hosts.push(host_plan(policy, host, values)?);
    }
    let canary = policy.canary.min(hosts.len());
    let later = hosts.split_off(canary);
    let mut waves = Vec::new();
    if !hosts.is_empty() {
        waves.push(hosts);
    }
    let mut later = later.into_iter().peekable();
    while later.peek().is_some() {
        waves.push(later.by_ref().take(policy.max_parallel.max(1)).collect());
    }
    let canary = canary > 0 && waves.len() > 1;
    Ok(Plan { waves, canary })
}

fn host_plan(policy: &Deploy, host: &Host, values: &Values) -> Result<HostPlan, PlanError> {
    if !words::is_name(&host.name) {
        return Err(PlanError::Host(host.name.clone()));
    }
    let is_for = |only: &[String]| only.is_empty() || only.iter().any(|group| host.groups.contains(group));
    let mut plan = HostPlan {
        host: host.name.clone(),
        steps: Vec::new(),
        after_undo: Vec::new(),
        ready: Vec::new(),
        collect: Vec::new(),
    };
    for step in policy.steps.iter().filter(|step| is_for(&step.only)) {
        let at = format!("step `{}`", step.name);
        plan.steps.push(planned_step(values.on(&host.name, &at), step)?);
    }
    for after in policy.after_undo.iter().filter(|after| is_for(&after.only)) {
        let at = format!("after_undo `{}`", after.name);
        let work = after.work().ok_or_else(|| PlanError::Unclear(at.clone()))?;
        let place =
            Place { user: after.user.as_deref(), directory: after.directory.as_deref(), env: &after.env };
        plan.after_undo.push(command(
            values.on(&host.name, &at),
            &after.name,
            work,
            place,
            after.time_limit,
        )?);
    }
    for ready in policy.ready.iter().filter(|ready| is_for(&ready.only)) {
        let at = format!("ready `{}`", ready.name);
        plan.ready.push(probe(values.on(&host.name, &at), ready)?);
    }
    for collect in policy.collect.iter().filter(|collect| is_for(&collect.only)) {
        let at = format!("collect `{}`", collect.name);
        plan.collect.push(collected(values.on(&host.name, &at), collect)?);
    }
    Ok(plan)
}

fn planned_step(filling: Filling<'_>, step: &Step) -> Result<PlannedStep, PlanError> {
    let place = Place { user: step.user.as_deref(), directory: step.directory.as_deref(), env: &step.env };
    let work = step.work().ok_or_else(|| PlanError::Unclear(filling.at.to_owned()))?;
    if let Work::Upload(upload) = work {
        let change = Change::Upload(planned_upload(filling, upload, step)?);
        return Ok(PlannedStep { name: step.name.clone(), change, undo: Undo::Restore });
    }
    let mut change = command(filling, &step.name, work, place, step.time_limit)?;
    for name in &step.secrets {
        change.secrets.push(filling.valid("name of a variable", words::is_variable, name)?.to_owned());
    }
    let undo = match (&step.undo, &step.undo_script) {
        (Some(argv), None) if argv.is_empty() => Undo::Nothing,
        (Some(argv), None) => {
            Undo::Command(command(filling, &step.name, Work::Run(argv), place, step.time_limit)?)
        }
        (None, Some(text)) => {
            let work = Work::Script { text, args: &step.args };
            Undo::Command(command(filling, &step.name, work, place, step.time_limit)?)
        }
        (None, None) => Undo::Unsaid,
        (Some(_), Some(_)) => return Err(PlanError::Unclear(filling.at.to_owned())),
    };
    Ok(PlannedStep { name: step.name.clone(), change: Change::Command(change), undo })
}

fn planned_upload(filling: Filling<'_>, upload: &policy::Upload, step: &Step) -> Result<Upload, PlanError> {
    let user = step.user.as_deref().map(|user| filling.valid("user name", words::is_user, user));
    let owner = upload.owner.as_deref().map(|owner| filling.valid("owner", words::is_owner, owner));
    if let (Some(mode), None) = (&upload.mode, upload.permissions()) {
        return Err(PlanError::Invalid {
            at: filling.at.to_owned(),
            what: "mode in octal digits",
            value: mode.clone(),
        });
    }
    Ok(Upload {
        from: filling.word(&upload.from)?,
        to: filling.path(&upload.to)?,
        mode: upload.permissions(),
        owner: owner.transpose()?.map(str::to_owned),
        user: user.transpose()?.map(str::to_owned),
        time_limit: step.time_limit,
    })
}

fn probe(filling: Filling<'_>, ready: &policy::Ready) -> Result<Probe, PlanError> {
    let what = match ready.when().ok_or_else(|| PlanError::Unclear(filling.at.to_owned()))? {
        ReadyWhen::Run(argv) => {
            let place = Place::of(ready.user.as_deref());
            ProbeKind::Run(command(filling, &ready.name, Work::Run(argv), place, ready.time_limit)?)
        }
        ReadyWhen::TcpPort(port) => ProbeKind::TcpPort(port),
        ReadyWhen::RpcPort(port) => {
            let version_contains =
                ready.version_contains.as_deref().map(|text| filling.word(text)).transpose()?;
            ProbeKind::Rpc { port, version_contains, min_peers: ready.min_peers }
        }
    };
    let (time_limit, every, within) = (ready.time_limit, ready.every, ready.within);
    Ok(Probe { name: ready.name.clone(), what, time_limit, every, within })
}

fn collected(filling: Filling<'_>, collect: &policy::Collect) -> Result<Collected, PlanError> {
    filling.valid("name of a file", words::is_name, &collect.name)?;
    let place = Place::of(collect.user.as_deref());
    let source = collect.source().ok_or_else(|| PlanError::Unclear(filling.at.to_owned()))?;
    let command = match source {
        Source::Run(argv) => command(filling, &collect.name, Work::Run(argv), place, collect.time_limit)?,
        Source::File(path) => {
            filling.path(path)?;
            let argv = ["tail", "-c", COLLECTED, "--", path].map(str::to_owned);
            command(filling, &collect.name, Work::Run(&argv), place, collect.time_limit)?
        }
    };
    Ok(Collected { file: collect.name.clone(), command })
}

impl Plan {
    /// The hosts, in the order in which they are deployed.
    pub fn hosts(&self) -> impl Iterator<Item = &HostPlan> {
        self.waves.iter().flatten()
    }

    /// The hosts in order, each with the number of its wave, from 1.
    pub fn hosts_by_wave(&self) -> impl Iterator<Item = (usize, &HostPlan)> {
        (1..).zip(&self.waves).flat_map(|(wave, hosts)| hosts.iter().map(move |host| (wave, host)))
    }

    /// The names of the variables whose values any command needs.
    #[must_use]
    pub fn secrets(&self) -> BTreeSet<&str> {
        let steps = self.hosts().flat_map(|host| &host.steps);
        let commands = steps.filter_map(|step| match &step.change {
            Change::Command(command) => Some(command),
            Change::Upload(_) => None,
        });
        commands.flat_map(|command| command.secrets.iter().map(String::as_str)).collect()
    }
}

impl HostPlan {
    /// The users whom commands and uploads are run as, by `sudo`.
    #[must_use]
    pub fn users(&self) -> BTreeSet<&str> {
        let mut users = BTreeSet::new();
        for step in &self.steps {
            users.extend(match &step.change {
                Change::Command(command) => command.user.as_deref(),
                Change::Upload(upload) => upload.user.as_deref(),
            });
        }
        users.extend(self.after_undo.iter().filter_map(|command| command.user.as_deref()));
        users.extend(self.ready.iter().filter_map(|probe| match &probe.what {
            ProbeKind::Run(command) => command.user.as_deref(),
            ProbeKind::TcpPort(_) | ProbeKind::Rpc { .. } => None,
        }));
        users.extend(self.collect.iter().filter_map(|collected| collected.command.user.as_deref()));
        users
    }
}
