//! The one comment of ours on a pull request: found by its mark, written once, updated
//! in place.

use serde::{Deserialize, Serialize};

use super::client::{Client, read};
use super::error::ApiError;

/// Pages of comments that are looked through.
const PAGES: usize = 30;
/// The permission that comments on pull requests take.
const PERMISSION: &str = "pull-requests: write";

/// A comment on a pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// GitHub's number for it.
    pub id: u64,
    /// Its text.
    pub body: String,
    /// Where it is.
    pub url: String,
}

#[derive(Deserialize)]
struct Listed {
    id: u64,
    body: Option<String>,
    html_url: Option<String>,
    user: Option<Author>,
}

#[derive(Deserialize)]
struct Author {
    login: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Serialize)]
struct New<'a> {
    body: &'a str,
}

impl From<Listed> for Comment {
    fn from(listed: Listed) -> Self {
        Self {
            id: listed.id,
            body: listed.body.unwrap_or_default(),
            url: listed.html_url.unwrap_or_default(),
        }
    }
}

impl Client {
    /// The oldest comment of ours on a pull request that begins with `mark`
    /// (`GET /repos/{owner}/{repo}/issues/{issue_number}/comments`). Anybody may write
    /// the mark, so the author must be `login`, or a bot where ours is not known: an
    /// app's token does not tell.
    ///
    /// # Errors
    ///
    /// When GitHub cannot be read.
    pub async fn comment_of(
        &mut self,
        number: u64,
        login: Option<&str>,
        mark: &str,
    ) -> Result<Option<Comment>, ApiError> {
        let mut path = Some(format!("issues/{number}/comments?per_page=100"));
        for _ in 0..PAGES {
            let Some(page) = path.take() else { break };
            let answer = self.ask_patiently(&page).await?;
            let comments: Vec<Listed> = read(&page, &answer.body)?;
            let is_ours = |comment: &Listed| {
                let author = comment.user.as_ref();
                let by_us = match login {
                    Some(login) => author.and_then(|author| author.login.as_deref()) == Some(login),
                    None => author.and_then(|author| author.kind.as_deref()) == Some("Bot"),
                };
                by_us && comment.body.as_deref().is_some_and(|body| body.starts_with(mark))
            };
            if let Some(found) = comments.into_iter().find(is_ours) {
                return Ok(Some(found.into()));
            }
            path = answer.next;
        }
        Ok(None)
    }

    /// Writes a comment, once
    /// (`POST /repos/{owner}/{repo}/issues/{issue_number}/comments`).
    ///
    /// # Errors
    ///
    /// When GitHub refuses, or its answer does not come: then it may be there.
    pub async fn comment(&mut self, number: u64, body: &str) -> Result<Comment, ApiError> {
        let path = format!("issues/{number}/comments");
        self.post::<Listed>(&path, PERMISSION, &New { body }).await.map(Comment::from)
    }

    /// Gives a comment another text, once
    /// (`PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}`).
    ///
    /// # Errors
    ///
    /// When GitHub refuses, or its answer does not come: then it may have it.
    pub async fn edit_comment(&mut self, id: u64, body: &str) -> Result<Comment, ApiError> {
        let path = format!("issues/comments/{id}");
        self.patch::<Listed>(&path, PERMISSION, &New { body }).await.map(Comment::from)
    }
}
