//! The simulated reviewer: a person who answers through the review endpoint, with
//! a token of their own, as a click on GitHub's page does.

use std::io;
use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::world::ReviewState;

/// A person with a token, at the stand-in of GitHub.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) address: SocketAddr,
    pub(super) token: &'static str,
    /// `owner/name`.
    pub(super) repository: &'static str,
}

impl Person {
    /// Approves or rejects one environment of a run.
    ///
    /// # Errors
    ///
    /// When the environment does not wait, or the stand-in refuses.
    pub(super) async fn review(
        &self,
        run: u64,
        environment: &str,
        state: ReviewState,
        comment: &str,
    ) -> io::Result<()> {
        let path = format!("/actions/runs/{run}/pending_deployments");
        let pending = self.call("GET", &path, None).await?;
        let id = pending
            .as_array()
            .into_iter()
            .flatten()
            .map(|pending| &pending["environment"])
            .find(|found| found["name"] == environment)
            .map(|found| found["id"].clone())
            .ok_or_else(|| io::Error::other(format!("`{environment}` does not wait for a review")))?;
        let body = json!({"environment_ids": [id], "state": state.as_str(), "comment": comment});
        self.call("POST", &path, Some(&body)).await.map(drop)
    }

    /// Cancels a run.
    ///
    /// # Errors
    ///
    /// When the stand-in refuses.
    pub(super) async fn cancel(&self, run: u64) -> io::Result<()> {
        self.call("POST", &format!("/actions/runs/{run}/cancel"), None).await.map(drop)
    }

    /// Reads something of the repository.
    ///
    /// # Errors
    ///
    /// When the stand-in refuses.
    pub(super) async fn get(&self, path: &str) -> io::Result<Value> {
        self.call("GET", path, None).await
    }

    /// One request on a connection of its own.
    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Value> {
        let Self { address, token, repository } = self;
        let body = body.map(Value::to_string).unwrap_or_default();
        let head = format!(
            "{method} /repos/{repository}{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
             authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let value: Value = serde_json::from_str(body).unwrap_or_default();
        if matches!(head.split(' ').nth(1), Some("200" | "202")) {
            return Ok(value);
        }
        Err(io::Error::other(format!("{method} {path} was refused: {}", value["message"])))
    }
}
