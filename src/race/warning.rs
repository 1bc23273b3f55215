//! What a reader should know beside the reason of a verdict, in words.

use std::fmt;

use super::reason::join;
use super::snapshot::WithoutSecrets;

/// What a reader should know beside the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the names in the sentence that Display writes")]
pub enum Warning {
    /// A branch succeeded beside the winner without the protection it must have.
    VoidBeside { branch: String, environment: String },
    /// The policy lets success alone win.
    ReviewNotRequired,
    /// The selection took this branch out of the race.
    Excluded { branch: String },
    /// Only these branches can win, because a testnet cannot be reached from here.
    WithoutSecrets { why: WithoutSecrets, left: Vec<String>, pull_request: Option<u64>, head_sha: String },
    /// What the samples of its soak have come to is not there any more.
    SampleExpired { branch: String, artifact: String },
    /// A dispatched run would not be seen from here.
    DispatchedUnseen { permission: &'static str },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VoidBeside { branch, environment } => write!(
                f,
                "{branch} succeeded as well, but without a review that counts: protect the environment {environment}"
            ),
            Self::ReviewNotRequired => {
                f.write_str("require_review is off: success alone wins, whoever started it")
            }
            Self::Excluded { branch } => {
                write!(f, "{branch} is excluded: by the criteria this change needs a testnet")
            }
            Self::WithoutSecrets { why, left, pull_request, head_sha } => {
                let whose = match why {
                    WithoutSecrets::Fork => "the pull request comes from a fork",
                    WithoutSecrets::Dependabot => "Dependabot opened the pull request",
                };
                let left = match left.as_slice() {
                    [] => "no branch".to_owned(),
                    left => format!("only {}", join(left, "or")),
                };
                write!(
                    f,
                    "{whose}, and such a run gets no secrets even when approved: {left} can win here; to run the \
                     testnet start the workflow by hand with "
                )?;
                match pull_request {
                    Some(number) => write!(f, "pull_request={number} and sha={head_sha}"),
                    None => write!(f, "the pull request's number and sha={head_sha}"),
                }
            }
            Self::SampleExpired { branch, artifact } => write!(
                f,
                "the newest sample of the soak of {branch}, the artifact {artifact}, has expired: the next one begins anew"
            ),
            Self::DispatchedUnseen { permission } => write!(
                f,
                "a run that is dispatched for this commit would not be seen: the job's token lacks `{permission}`"
            ),
        }
    }
}
