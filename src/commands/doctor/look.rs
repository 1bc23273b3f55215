//! Everything that is looked at, read once.

use crate::commands::connect::failed;
use crate::commands::{Context, Failure};
use crate::config::PolicyFile;
use crate::github::{ApiError, Client};
use crate::policy::{FILES, Policy};
use crate::setup::facts::{Facts, Seen};
use crate::setup::{Finding, findings};

/// What was seen, and what is wrong with it.
pub(super) struct Look {
    pub(super) facts: Facts,
    pub(super) policy: Policy,
    pub(super) findings: Vec<Finding>,
}

/// Looks at a repository.
pub(super) async fn look(context: &Context, client: &mut Client) -> Result<Look, Failure> {
    let read = read(client).await.map_err(|error| failed(&error))?;
    let (mut facts, files) = read;
    let settings = match &context.shared.policies {
        Some(directory) => context.settings_in(directory, &[])?,
        None => context.settings(&files, &[])?,
    };
    let policy = settings.policy;
    let texts: Vec<String> = match &facts.workflows {
        Seen::Known(files) => files.iter().map(|file| file.text.to_lowercase()).collect(),
        Seen::Absent | Seen::Unreadable(_) => Vec::new(),
    };
    // What neither the policy nor a workflow names has nothing to do with us.
    let matters = |name: &str| {
        policy.branches.iter().any(|branch| branch.environment.eq_ignore_ascii_case(name))
            || texts.iter().any(|text| text.contains(&name.to_lowercase()))
    };
    let admin = facts.repository.admin == Some(true);
    facts.environments = client.environments(admin, matters).await.map_err(|error| failed(&error))?;
    let findings = findings(&facts, &policy);
    Ok(Look { facts, policy, findings })
}

async fn read(client: &mut Client) -> Result<(Facts, Vec<PolicyFile>), ApiError> {
    let repository = client.repository_facts().await?;
    let branch = repository.default_branch.clone();
    let admin = repository.admin == Some(true);
    let mut files = Vec::new();
    let mut policies = Seen::Absent;
    for (name, _) in FILES {
        let path = format!("policies/{name}");
        match client.file_at(&path, &branch).await {
            Ok(Some(text)) => files.push(PolicyFile { name, place: format!("{path} on {branch}"), text }),
            Ok(None) => {}
            Err(ApiError::Forbidden { .. }) => {
                policies = Seen::Unreadable("a token with `Contents: read`".to_owned());
            }
            Err(error) => return Err(error),
        }
    }
    if policies == Seen::Absent && !files.is_empty() {
        policies = Seen::Known(files.iter().map(|file| file.name.to_owned()).collect());
    }
    // A token that may not read files is told that once, for all of them.
    let unreadable = policies.unreadable().map(str::to_owned);
    let (workflows, codeowners) = match unreadable {
        Some(needs) => (Seen::Unreadable(needs.clone()), Seen::Unreadable(needs)),
        None => (client.workflow_files(&branch).await?, client.codeowners(&branch).await?),
    };
    let codeowners_errors = match codeowners.known() {
        Some(_) => client.codeowners_errors(&branch).await?,
        None => Seen::Absent,
    };
    let facts = Facts {
        repository,
        environments: Seen::Absent,
        rules: client.rules(&branch).await?,
        protection: client.protection(&branch, admin).await?,
        own_ruleset: client.own_ruleset().await?,
        workflows,
        codeowners,
        codeowners_errors,
        policies,
        actions_app: client.actions_app().await,
        running: env!("CARGO_PKG_VERSION").to_owned(),
    };
    Ok((facts, files))
}
