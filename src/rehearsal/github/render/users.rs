//! People and bots.

use serde_json::{Value, json};

use super::{Render, time};
use crate::rehearsal::world::User;

impl Render<'_> {
    /// `simple-user` of a login that the world has met.
    pub(super) fn user(&self, login: &str) -> Value {
        let user = self.world.users.iter().find(|user| user.login == login);
        self.simple_user(&user.cloned().unwrap_or(User { id: 1, login: login.to_owned() }))
    }

    fn simple_user(&self, user: &User) -> Value {
        let User { id, login } = user;
        let api = format!("{}/users/{}", self.api, login.replace('[', "%5B").replace(']', "%5D"));
        json!({
            "login": login,
            "id": id,
            "node_id": format!("U_{id}"),
            "avatar_url": format!("{}/avatars/u/{id}", self.web),
            "gravatar_id": "",
            "url": api,
            "html_url": if user.is_bot() {
                format!("{}/apps/{}", self.web, login.trim_end_matches("[bot]"))
            } else {
                format!("{}/{login}", self.web)
            },
            "followers_url": format!("{api}/followers"),
            "following_url": format!("{api}/following{{/other_user}}"),
            "gists_url": format!("{api}/gists{{/gist_id}}"),
            "starred_url": format!("{api}/starred{{/owner}}{{/repo}}"),
            "subscriptions_url": format!("{api}/subscriptions"),
            "organizations_url": format!("{api}/orgs"),
            "repos_url": format!("{api}/repos"),
            "events_url": format!("{api}/events{{/privacy}}"),
            "received_events_url": format!("{api}/received_events"),
            "type": if user.is_bot() { "Bot" } else { "User" },
            "user_view_type": "public",
            "site_admin": false,
        })
    }

    /// `public-user`, as `GET /user` shows the caller to themselves.
    pub(in super::super) fn own_user(&self, user: &User) -> Value {
        let since = time(self.world.repository.created_at);
        let more = json!({
            "name": null,
            "company": null,
            "blog": "",
            "location": null,
            "email": null,
            "hireable": null,
            "bio": null,
            "public_repos": 0,
            "public_gists": 0,
            "followers": 0,
            "following": 0,
            "created_at": since,
            "updated_at": since,
        });
        merge(self.simple_user(user), more)
    }
}

/// An object with the keys of both.
pub(super) fn merge(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}
