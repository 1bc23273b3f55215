//! The world as GitHub's JSON: complete in the sense of its schema, so that other
//! clients than ours can be tried against it.

mod artifacts;
mod changes;
mod contents;
mod environments;
mod pulls;
mod repository;
mod runs;
mod setup;
mod users;

use jiff::Timestamp;

use super::Shared;
use super::message::Request;
use crate::rehearsal::world::{Repository, World};

/// Renders one world under the addresses of one stand-in.
pub(super) struct Render<'a> {
    pub(super) world: &'a World,
    /// Where the API is, without a slash at the end.
    api: &'a str,
    /// Where the pages for people are.
    web: &'a str,
}

impl<'a> Render<'a> {
    pub(super) fn new(world: &'a World, shared: &'a Shared) -> Self {
        let (api, web) = shared.options.shown_as.unwrap_or((&shared.api_url, &shared.web_url));
        Self { world, api, web }
    }

    /// Address of something of the repository in the API.
    fn api_url(&self, path: &str) -> String {
        format!("{}/repos/{}{path}", self.api, self.world.repository.full_name())
    }

    /// Address of something of the repository for people.
    fn web_url(&self, path: &str) -> String {
        format!("{}/{}{path}", self.web, self.world.repository.full_name())
    }

    /// Addresses of a repository, which may be a fork: in the API, and for people.
    fn addresses_of(&self, repository: &Repository) -> (String, String) {
        let name = repository.full_name();
        (format!("{}/repos/{name}", self.api), format!("{}/{name}", self.web))
    }

    /// Address of another page of the list that was asked for.
    pub(super) fn page_url(&self, request: &Request, page: usize) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (key, value) in request.query.iter().filter(|(key, _)| key != "page") {
            query.append_pair(key, value);
        }
        query.append_pair("page", &page.to_string());
        format!("{}{}?{}", self.api, request.path, query.finish())
    }
}

/// A time as GitHub writes it: in whole seconds.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
