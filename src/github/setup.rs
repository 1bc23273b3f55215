//! What a repository's set-up looks like: environments, rules, files. Whatever the
//! token may not see is said to be unreadable.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::client::{Client, read, segment};
use super::error::ApiError;
use super::setup_model as model;
use crate::setup::codeowners;
use crate::setup::facts::{
    Environment, File, OwnRuleset, Refs, Repository, Reviewer, ReviewerKind, Rules, Seen,
};
use crate::setup::ruleset;

/// Pages of a list that are read.
const PAGES: usize = 20;
/// Workflow files that are read.
const WORKFLOWS: usize = 100;
/// GitHub Actions' own number as an app of github.com.
const ACTIONS: u64 = 15368;

const ENVIRONMENTS: &str = "`Environments: read`";
const ADMINISTRATION: &str = "`Administration: read`";

impl Client {
    /// The repository itself (`GET /repos/{owner}/{repo}`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read, or shows no such repository.
    pub async fn repository_facts(&mut self) -> Result<Repository, ApiError> {
        let path = format!("repos/{}", self.repository());
        let mut tries = 0;
        loop {
            match self.get_beside::<model::Repository>(&path).await {
                Ok(repository) => return Ok(repository.into()),
                Err(error) => self.pause_before_retry(error, &mut tries).await?,
            }
        }
    }

    /// Its environments (`GET .../environments`), those that `matter` with all that
    /// is in them.
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn environments(
        &mut self,
        admin: bool,
        matter: impl Fn(&str) -> bool,
    ) -> Result<Seen<Vec<Environment>>, ApiError> {
        let pages = self.pages::<model::Environments>("environments?per_page=100").await;
        let found = match seen(pages, true, "`Actions: read`")? {
            Seen::Known(pages) => pages.into_iter().flat_map(|page| page.environments),
            Seen::Absent => return Ok(Seen::Known(Vec::new())),
            Seen::Unreadable(needs) => return Ok(Seen::Unreadable(needs)),
        };
        let mut environments = Vec::new();
        for mut environment in found.map(Environment::from) {
            if matter(&environment.name) {
                self.add_contents(&mut environment, admin).await?;
            }
            environments.push(environment);
        }
        Ok(Seen::Known(environments))
    }

    /// One environment with all that is in it; `None` where it is not there.
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn environment(&mut self, name: &str) -> Result<Option<Environment>, ApiError> {
        let path = format!("environments/{}", segment(name));
        match self.get_patiently::<model::Environment>(&path).await {
            Ok(found) => {
                let mut environment = Environment::from(found);
                self.add_contents(&mut environment, true).await?;
                Ok(Some(environment))
            }
            Err(ApiError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn add_contents(&mut self, environment: &mut Environment, admin: bool) -> Result<(), ApiError> {
        let base = format!("environments/{}", segment(&environment.name));
        if let Refs::Matching(patterns) = &mut environment.refs {
            let path = format!("{base}/deployment-branch-policies?per_page=100");
            let pages = self.pages::<model::BranchPolicies>(&path).await;
            let names = |pages: Vec<model::BranchPolicies>| {
                let all = pages.into_iter().flat_map(|page| page.branch_policies);
                all.filter(|policy| policy.kind != "tag").map(|policy| policy.name).collect()
            };
            *patterns = seen(pages, admin, "`Actions: read`")?.map(names);
        }
        let names = |named: Vec<model::Named>| named.into_iter().map(|named| named.name).collect();
        let pages = self.pages::<model::Secrets>(&format!("{base}/secrets?per_page=100")).await;
        environment.secrets = seen(pages, admin, ENVIRONMENTS)?
            .map(|pages| names(pages.into_iter().flat_map(|page| page.secrets).collect()));
        let pages = self.pages::<model::Variables>(&format!("{base}/variables?per_page=30")).await;
        environment.variables = seen(pages, admin, ENVIRONMENTS)?
            .map(|pages| names(pages.into_iter().flat_map(|page| page.variables).collect()));
        Ok(())
    }

    /// The rules in force for a git branch, of all rulesets together
    /// (`GET .../rules/branches/{branch}`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn rules(&mut self, branch: &str) -> Result<Seen<Rules>, ApiError> {
        let path = format!("rules/branches/{}?per_page=100", segment(branch));
        let pages = self.pages::<Vec<model::Rule>>(&path).await;
        Ok(seen(pages, true, "`Metadata: read`")?.map(|pages| Rules::from_iter(pages.into_iter().flatten())))
    }

    /// The classic protection of a git branch (`GET .../branches/{branch}/protection`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn protection(&mut self, branch: &str, admin: bool) -> Result<Seen<Rules>, ApiError> {
        let path = format!("branches/{}/protection", segment(branch));
        let found = self.get_patiently::<model::Protection>(&path).await;
        Ok(seen(found, admin, ADMINISTRATION)?.map(Rules::from))
    }

    /// The repository's ruleset of our name (`GET .../rulesets`, `GET
    /// .../rulesets/{ruleset_id}`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn own_ruleset(&mut self) -> Result<Seen<OwnRuleset>, ApiError> {
        let pages = self.pages::<Vec<model::Ruleset>>("rulesets?includes_parents=false&per_page=100").await;
        let all = match seen(pages, true, "`Metadata: read`")? {
            Seen::Known(pages) => pages.into_iter().flatten(),
            Seen::Absent => return Ok(Seen::Absent),
            Seen::Unreadable(needs) => return Ok(Seen::Unreadable(needs)),
        };
        let own = |found: &model::Ruleset| found.name == ruleset::NAME && found.target != "tag";
        let Some(id) = all.into_iter().find(own).map(|found| found.id) else { return Ok(Seen::Absent) };
        let found = self.get_patiently::<model::Ruleset>(&format!("rulesets/{id}")).await;
        Ok(seen(found, true, "`Metadata: read`")?.map(OwnRuleset::from))
    }

    /// The workflow files at a git branch.
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn workflow_files(&mut self, branch: &str) -> Result<Seen<Vec<File>>, ApiError> {
        let path = format!("contents/.github/workflows?ref={}", segment(branch));
        let entries = self.get_patiently::<Vec<model::Entry>>(&path).await;
        let entries = match seen(entries, true, "`Contents: read`")? {
            Seen::Known(entries) => entries,
            Seen::Absent => return Ok(Seen::Absent),
            Seen::Unreadable(needs) => return Ok(Seen::Unreadable(needs)),
        };
        let is_workflow = |entry: &model::Entry| {
            entry.kind == "file" && (entry.name.ends_with(".yml") || entry.name.ends_with(".yaml"))
        };
        let mut files = Vec::new();
        for entry in entries.into_iter().filter(is_workflow).take(WORKFLOWS) {
            if let Some(text) = self.file_at(&entry.path, branch).await? {
                files.push(File { path: entry.path, text });
            }
        }
        Ok(Seen::Known(files))
    }

    /// The file that names the code owners at a git branch: the first there is.
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn codeowners(&mut self, branch: &str) -> Result<Seen<File>, ApiError> {
        for place in codeowners::PLACES {
            let found = self.file_at(place, branch).await;
            match seen(found, true, "`Contents: read`")? {
                Seen::Known(Some(text)) => return Ok(Seen::Known(File { path: place.to_owned(), text })),
                Seen::Known(None) | Seen::Absent => {}
                Seen::Unreadable(needs) => return Ok(Seen::Unreadable(needs)),
            }
        }
        Ok(Seen::Absent)
    }

    /// What GitHub finds wrong with that file (`GET .../codeowners/errors`).
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn codeowners_errors(&mut self, branch: &str) -> Result<Seen<Vec<(u64, String)>>, ApiError> {
        let path = format!("codeowners/errors?ref={}", segment(branch));
        let found = self.get_patiently::<model::OwnerErrors>(&path).await;
        let told = |found: model::OwnerErrors| {
            found.errors.into_iter().map(|error| (error.line, error.kind)).collect()
        };
        Ok(seen(found, true, "`Contents: read`")?.map(told))
    }

    /// The number of GitHub Actions as an app (`GET /apps/{app_slug}`), where this
    /// GitHub tells.
    pub async fn actions_app(&mut self) -> Option<u64> {
        let app = self.get_beside::<Numbered>("apps/github-actions").await.ok().map(|app| app.id);
        app.or_else(|| self.is_public().then_some(ACTIONS))
    }

    /// The reviewer of that name: `LOGIN`, or `team:SLUG` for a team of the
    /// repository's owner (`GET /users/{username}`, `GET /orgs/{org}/teams/{team_slug}`).
    ///
    /// # Errors
    ///
    /// When there is none, or GitHub cannot be read.
    pub async fn reviewer(&mut self, name: &str) -> Result<Reviewer, ApiError> {
        let (kind, name, path) = match name.strip_prefix("team:") {
            Some(slug) => {
                let owner = segment(&self.repository().owner);
                (ReviewerKind::Team, slug, format!("orgs/{owner}/teams/{}", segment(slug)))
            }
            None => (ReviewerKind::User, name, format!("users/{}", segment(name))),
        };
        let id = self.get_beside::<Numbered>(&path).await?.id;
        Ok(Reviewer { kind, name: name.to_owned(), id })
    }

    /// All pages of a list.
    async fn pages<T: DeserializeOwned>(&mut self, path: &str) -> Result<Vec<T>, ApiError> {
        let mut next = Some(path.to_owned());
        let mut pages = Vec::new();
        let mut tries = 0;
        while let Some(page) = next {
            match self.ask(&page, false).await {
                Ok(answer) => {
                    pages.push(read(&page, &answer.body)?);
                    next = answer.next.filter(|_| pages.len() < PAGES);
                    tries = 0;
                }
                Err(error) => {
                    self.pause_before_retry(error, &mut tries).await?;
                    next = Some(page);
                }
            }
        }
        Ok(pages)
    }
}

/// What is asked for its number alone.
#[derive(Deserialize)]
struct Numbered {
    id: u64,
}

/// What an answer comes to. Where the token may not see a thing GitHub may say that
/// there is none: that counts only from a token that may (`trusted`).
fn seen<T>(asked: Result<T, ApiError>, trusted: bool, needs: &str) -> Result<Seen<T>, ApiError> {
    match asked {
        Ok(thing) => Ok(Seen::Known(thing)),
        Err(ApiError::NotFound { .. }) if trusted => Ok(Seen::Absent),
        Err(ApiError::NotFound { .. } | ApiError::Forbidden { .. }) => {
            Ok(Seen::Unreadable(format!("a token with {needs}")))
        }
        Err(error) => Err(error),
    }
}
