//! The plan, carried out: everything is read before it is written, and read again
//! after. Nothing is written twice because an answer did not come.

use std::time::Duration;

use crate::commands::connect::failed;
use crate::commands::{Context, Failure};
use crate::exit::Exit;
use crate::github::{ApiError, Client};
use crate::setup::facts::Seen;
use crate::setup::mending::{Change, Plan, admits};
use crate::setup::ruleset;

use super::values::Values;

/// How often a change is tried, or looked for after it was made.
const TRIES: u32 = 5;
/// The first pause between two tries; it doubles.
const PAUSE: Duration = Duration::from_millis(250);

/// What came of a plan.
pub(super) struct Mended {
    /// The plan.
    pub(super) plan: Plan,
    /// What was changed, in order.
    pub(super) done: Vec<String>,
    /// What was so already when its turn came.
    pub(super) already: Vec<String>,
    /// What was not done.
    pub(super) not_done: Vec<String>,
    /// Why it stopped, and what to do about it.
    pub(super) stopped: Option<(String, Option<String>)>,
    refused: Exit,
}

impl Mended {
    /// There was nothing to be done.
    pub(super) fn nothing(plan: Plan) -> Self {
        Self {
            plan,
            done: Vec::new(),
            already: Vec::new(),
            not_done: Vec::new(),
            stopped: None,
            refused: Exit::Done,
        }
    }

    /// How it ends, where it stopped on the way.
    pub(super) fn exit(&self) -> Option<Exit> {
        self.stopped.as_ref()?;
        Some(if self.done.is_empty() { self.refused } else { Exit::Partial })
    }
}

/// Carries out a plan, up to the first change that GitHub refuses.
pub(super) async fn carry_out(context: &Context, client: &mut Client, plan: Plan, values: &Values) -> Mended {
    let mut mended = Mended::nothing(plan);
    let changes = mended.plan.changes.clone();
    for change in &changes {
        let told = change.told();
        if mended.stopped.is_some() {
            mended.not_done.push(told);
            continue;
        }
        match make(context, client, change, values).await {
            Ok(true) => mended.done.push(told),
            Ok(false) => mended.already.push(told),
            Err(failure) => {
                mended.stopped = Some((format!("{told}: {}", failure.message), failure.help));
                mended.refused = failure.exit;
                mended.not_done.push(told);
            }
        }
    }
    mended
}

/// Makes one thing so; whether it had to be changed.
async fn make(
    context: &Context,
    client: &mut Client,
    change: &Change,
    values: &Values,
) -> Result<bool, Failure> {
    let mut wrote = false;
    let mut tries = 0;
    loop {
        let error = match attempt(client, change, values, wrote).await {
            Ok(true) => return Ok(wrote),
            // It was written, or is not to be seen yet.
            Ok(false) if tries < TRIES => {
                if wrote {
                    tokio::time::sleep(PAUSE * 2_u32.pow(tries)).await;
                    tries += 1;
                }
                wrote = true;
                continue;
            }
            Ok(false) => {
                return Err(Failure::new(Exit::Partial, "GitHub took it, and it is not so")
                    .help("the plan of the repository's owner may not have it; look at it in Settings"));
            }
            Err(error) => error,
        };
        tries += 1;
        // Somebody else may have done the same at the same moment: looking tells.
        let raced = matches!(error, ApiError::Status { status: 303 | 409, .. });
        if tries >= TRIES || !(raced || error.is_passing()) {
            return Err(refused(&error));
        }
        context.output.log(&format!("looking again: {error}"));
        tokio::time::sleep(PAUSE * 2_u32.pow(tries)).await;
    }
}

fn refused(error: &ApiError) -> Failure {
    let mut failure = failed(error);
    match error {
        ApiError::Forbidden { permission, .. } => {
            return failure.help(format!(
                "set RACE_ADMIN_TOKEN to an administrator's token, with `repo` or, fine-grained, `{permission}`"
            ));
        }
        ApiError::NotFound { .. } => {
            failure.exit = Exit::Refused;
            return failure.help("GitHub shows this to administrators alone: set RACE_ADMIN_TOKEN");
        }
        ApiError::Status { .. } => failure.exit = Exit::Partial,
        _ => {}
    }
    failure
}

/// Looks whether it is so; where it is not, writes it, unless that was done. Whether
/// it is so.
async fn attempt(
    client: &mut Client,
    change: &Change,
    values: &Values,
    wrote: bool,
) -> Result<bool, ApiError> {
    match change {
        Change::Guard(guard) => {
            let name = &guard.environment;
            let current = client.environment(name).await?;
            let Some(whole) = guard.protection(current.as_ref()) else { return Ok(true) };
            if !wrote {
                client.protect_environment(name, &whole).await?;
            }
        }
        Change::Admit { environment, pattern } => {
            let current = client.environment(environment).await?;
            if current.as_ref().is_some_and(|current| admits(current, pattern)) {
                return Ok(true);
            }
            if !wrote {
                client.admit_refs(environment, pattern).await?;
            }
        }
        Change::Secret { environment, name } => {
            let current = client.environment(environment).await?;
            if holds(current.map(|current| current.secrets), name) {
                return Ok(true);
            }
            if let Some(value) = values.get(&(environment.clone(), name.clone())).filter(|_| !wrote) {
                client.put_secret(environment, name, value.expose()).await?;
            }
        }
        Change::Variable { environment, name } => {
            let current = client.environment(environment).await?;
            if holds(current.map(|current| current.variables), name) {
                return Ok(true);
            }
            if let Some(value) = values.get(&(environment.clone(), name.clone())).filter(|_| !wrote) {
                client.put_variable(environment, name, value.expose()).await?;
            }
        }
        Change::Ruleset(wanted) => {
            let current = client.own_ruleset().await?;
            let Some(body) = ruleset::body(current.known(), wanted) else { return Ok(true) };
            if !wrote {
                client.put_ruleset(current.known().map(|current| current.id), &body).await?;
            }
        }
    }
    Ok(false)
}

fn holds(names: Option<Seen<Vec<String>>>, name: &str) -> bool {
    let Some(Seen::Known(names)) = names else { return false };
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}
