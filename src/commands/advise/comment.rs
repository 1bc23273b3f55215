//! The one comment on the pull request: found, written or updated, and read before
//! anything is written again.

use crate::github::{ApiError, Client};
use crate::report::advice::MARK;

use super::super::connect::failed;
use super::super::{Context, Failure};
use super::Subject;

/// How often it is looked whether a write that got no answer took effect.
const TRIES: u32 = 3;

/// Sees to it that the comment says `text`.
pub(super) async fn put(
    context: &Context,
    client: &mut Client,
    subject: &Subject,
    text: &str,
) -> Result<(), Failure> {
    let Some(number) = subject.pull_request else { return Ok(()) };
    let mut tries = 0;
    loop {
        let error = match write(client, number, text).await {
            Ok(Some(url)) => {
                context.output.log(&format!("commented: {url}"));
                return Ok(());
            }
            Ok(None) => return Ok(()),
            Err(error) => error,
        };
        tries += 1;
        match error {
            ApiError::Forbidden { .. } if subject.from_fork => {
                context.output.log("no comment: the token of a fork's run only reads");
                return Ok(());
            }
            error if error.is_passing() && tries < TRIES => {
                client.pause_before_another(&error, tries).await;
            }
            error => return Err(failed(&error)),
        }
    }
}

/// Looks, and writes where that is due. Gives the comment's page.
async fn write(client: &mut Client, number: u64, text: &str) -> Result<Option<String>, ApiError> {
    let login = client.login().await;
    let comment = match client.comment_of(number, login.as_deref(), MARK).await? {
        // GitHub may end lines in its own way.
        Some(comment) if comment.body.replace("\r\n", "\n").trim() == text.trim() => return Ok(None),
        Some(comment) => client.edit_comment(comment.id, text).await?,
        None => client.comment(number, text).await?,
    };
    Ok(Some(comment.url))
}
