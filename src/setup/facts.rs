//! What was seen of a repository. Nothing here is judged.

use serde_json::Value;

/// What came of looking for a thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Seen<T> {
    /// It is there.
    Known(T),
    /// It is not there.
    #[default]
    Absent,
    /// It could not be seen; what it takes to see it, for example `Environments: read`.
    Unreadable(String),
}

impl<T> Seen<T> {
    /// The thing, where it was seen.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(thing) => Some(thing),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// What it takes to see it, where it could not be seen.
    pub fn unreadable(&self) -> Option<&str> {
        match self {
            Self::Unreadable(why) => Some(why),
            Self::Known(_) | Self::Absent => None,
        }
    }

    /// The same of another thing.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Seen<U> {
        match self {
            Self::Known(thing) => Seen::Known(change(thing)),
            Self::Absent => Seen::Absent,
            Self::Unreadable(why) => Seen::Unreadable(why),
        }
    }
}

/// Everything that was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The repository itself.
    pub repository: Repository,
    /// Its environments.
    pub environments: Seen<Vec<Environment>>,
    /// The rules in force for its default branch, of all rulesets together.
    pub rules: Seen<Rules>,
    /// The classic protection of its default branch.
    pub protection: Seen<Rules>,
    /// The ruleset of our name.
    pub own_ruleset: Seen<OwnRuleset>,
    /// The files below `.github/workflows` on the default branch.
    pub workflows: Seen<Vec<File>>,
    /// The file that names the code owners: the first that GitHub would read.
    pub codeowners: Seen<File>,
    /// What GitHub finds wrong with that file: the line and the mistake.
    pub codeowners_errors: Seen<Vec<(u64, String)>>,
    /// The names of our policy files on the default branch.
    pub policies: Seen<Vec<String>>,
    /// GitHub Actions' own number as an app of this GitHub; `None`: not known.
    pub actions_app: Option<u64>,
    /// The version of `race` that looks.
    pub running: String,
}

/// The repository itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    /// OWNER/NAME.
    pub full_name: String,
    /// The default git branch.
    pub default_branch: String,
    /// `private`: there required reviewers take GitHub Enterprise.
    pub private: bool,
    /// The token is an administrator's; `None` where GitHub does not say.
    pub admin: Option<bool>,
}

/// An environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Its name. GitHub compares names without regard to case.
    pub name: String,
    /// Who may approve.
    pub reviewers: Vec<Reviewer>,
    /// Who started a run may not approve it.
    pub prevent_self_review: bool,
    /// Minutes that every job waits.
    pub wait_timer: u32,
    /// Administrators may let jobs pass without a review; `None` where GitHub does
    /// not say.
    pub admins_bypass: Option<bool>,
    /// Which refs may deploy to it.
    pub refs: Refs,
    /// The names of its secrets.
    pub secrets: Seen<Vec<String>>,
    /// The names of its variables.
    pub variables: Seen<Vec<String>>,
}

/// A required reviewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewer {
    /// A person or a team.
    pub kind: ReviewerKind,
    /// Login of the person, slug of the team.
    pub name: String,
    /// GitHub's number.
    pub id: u64,
}

/// What kind of reviewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub enum ReviewerKind {
    /// A person.
    User,
    /// A team of the organisation.
    Team,
}

/// Which refs may deploy to an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Refs {
    /// All of them.
    #[default]
    All,
    /// Those of protected branches.
    Protected,
    /// Those that match one of these patterns.
    Matching(Seen<Vec<String>>),
}

/// What is demanded of a pull request before it may merge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// The required checks.
    pub required: Vec<RequiredCheck>,
    /// There is a merge queue.
    pub merge_queue: bool,
    /// Code owners must approve what they own.
    pub code_owner_review: bool,
    /// Paths of the workflows that an organisation requires.
    pub required_workflows: Vec<String>,
}

/// A required check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredCheck {
    /// Its name.
    pub context: String,
    /// The number of the app that must report it; `None`: anyone may.
    pub app: Option<u64>,
}

/// The ruleset of our name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnRuleset {
    /// GitHub's number.
    pub id: u64,
    /// `active`, `evaluate` or `disabled`.
    pub enforcement: String,
    /// Its rules, as GitHub has them.
    pub rules: Vec<Value>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path in the repository.
    pub path: String,
    /// What it says.
    pub text: String,
}

impl Facts {
    /// The environment of that name; the whole is unreadable where the list was.
    #[must_use]
    pub fn environment(&self, name: &str) -> Seen<&Environment> {
        match &self.environments {
            Seen::Known(all) => all
                .iter()
                .find(|environment| environment.name.eq_ignore_ascii_case(name))
                .map_or(Seen::Absent, Seen::Known),
            Seen::Absent => Seen::Absent,
            Seen::Unreadable(why) => Seen::Unreadable(why.clone()),
        }
    }
}
