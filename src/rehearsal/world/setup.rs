//! What a repository's owners set up: teams, rulesets, protected branches, and what
//! environments hold.

use jiff::Timestamp;
use serde_json::Value;

use super::{Environment, Reviewer, World};

/// A team of the repository's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// GitHub's number for it.
    pub id: u64,
    /// Its slug.
    pub slug: String,
    /// Logins of its members.
    pub members: Vec<String>,
}

/// A ruleset.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruleset {
    /// GitHub's number for it.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// It is an organisation's; else the repository's own.
    pub of_organization: bool,
    /// `branch`, `tag` or `push`.
    pub target: String,
    /// `active`, `evaluate` or `disabled`.
    pub enforcement: String,
    /// Which refs it is about.
    pub conditions: Value,
    /// Its rules, as the API has them.
    pub rules: Vec<Value>,
}

impl World {
    /// A team, known from now on.
    pub fn add_team(&mut self, slug: &str, members: &[&str]) -> u64 {
        let id = self.fresh_id();
        let members = members.iter().map(|login| self.user(login).login).collect();
        self.teams.push(Team { id, slug: slug.to_owned(), members });
        id
    }

    /// Adds an active ruleset about the default branch, and returns its number.
    pub fn add_ruleset(&mut self, name: &str, rules: Vec<Value>) -> u64 {
        let id = self.fresh_id();
        self.rulesets.push(Ruleset {
            id,
            name: name.to_owned(),
            of_organization: false,
            target: "branch".to_owned(),
            enforcement: "active".to_owned(),
            conditions: serde_json::json!({"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}}),
            rules,
        });
        id
    }

    /// The active rules for a git branch, each with its ruleset.
    #[must_use]
    pub fn rules_for(&self, branch: &str) -> Vec<(&Ruleset, &Value)> {
        let full = format!("refs/heads/{branch}");
        let is_default = branch == self.repository.default_branch;
        let about = |ruleset: &&Ruleset| {
            let included = ruleset.conditions["ref_name"]["include"].as_array();
            ruleset.enforcement == "active"
                && ruleset.target == "branch"
                && included.is_some_and(|names| {
                    names.iter().any(|name| {
                        name == "~ALL" || name == "~DEFAULT_BRANCH" && is_default || *name == full.as_str()
                    })
                })
        };
        self.rulesets
            .iter()
            .filter(about)
            .flat_map(|ruleset| ruleset.rules.iter().map(move |rule| (ruleset, rule)))
            .collect()
    }

    /// The lines of CODEOWNERS that name somebody the world has not met: path, line
    /// and what stands there. Nothing where there is no such file.
    #[must_use]
    pub fn codeowners_errors(&self, reference: &str) -> Option<Vec<(&'static str, usize, String)>> {
        let commit = self.commits.get(&self.resolve(reference)?)?;
        let places = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];
        let (path, text) = places.into_iter().find_map(|path| Some((path, commit.files.get(path)?)))?;
        let is_known = |owner: &str| match owner.split_once('/') {
            Some((of, slug)) => {
                of == self.repository.owner && self.teams.iter().any(|team| team.slug == slug)
            }
            None => self.users.iter().any(|user| user.login == owner),
        };
        let lines = text.lines().zip(1..).filter(|(line, _)| {
            let words = line.split('#').next().unwrap_or_default().split_whitespace();
            words.skip(1).filter_map(|word| word.strip_prefix('@')).any(|owner| !is_known(owner))
        });
        Some(lines.map(|(line, number)| (path, number, line.to_owned())).collect())
    }

    /// The reviewer of that kind and number.
    #[must_use]
    pub fn reviewer(&self, kind: &str, id: u64) -> Option<Reviewer> {
        match kind {
            "Team" => {
                let team = self.teams.iter().find(|team| team.id == id)?;
                Some(Reviewer::Team(team.slug.clone(), team.members.clone()))
            }
            "User" => {
                let user = self.users.iter().find(|user| user.id == id && !user.is_bot())?;
                Some(Reviewer::User(user.login.clone()))
            }
            _ => None,
        }
    }

    /// The environment of that name, to be changed; a missing one is made.
    pub fn make_environment(&mut self, name: &str, now: Timestamp) -> &mut Environment {
        let index = self.ensure_environment(name, now);
        &mut self.environments[index]
    }

    /// The environment of that name, to be changed.
    pub fn environment_mut(&mut self, name: &str) -> Option<&mut Environment> {
        self.environments.iter_mut().find(|environment| environment.name.eq_ignore_ascii_case(name))
    }
}
