//! The page without a script: what a plain form can do, and what a form from
//! elsewhere cannot.

use ureq::http::Response;
use ureq::{Agent, Body};

use crate::rehearsal::Rehearsal;

/// A browser without a script, one request at a time.
struct Plain {
    agent: Agent,
    url: String,
    origin: String,
}

impl Plain {
    fn new(url: &str) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
        let origin = url.split_inclusive('/').take(3).collect::<String>().trim_end_matches('/').to_owned();
        Self { agent, url: url.to_owned(), origin }
    }

    fn page(&self) -> String {
        self.agent.get(&self.url).call().unwrap().body_mut().read_to_string().unwrap()
    }

    fn send(&self, origin: &str, fields: &[(&str, &str)]) -> Response<Body> {
        let request = self.agent.post(format!("{}/review", self.url)).header("origin", origin);
        request.send_form(fields.iter().copied()).unwrap()
    }
}

/// Every value of the inputs of that name.
fn values<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
    let before = format!("name=\"{name}\" value=\"");
    page.split(&before).skip(1).filter_map(|after| after.split('"').next()).collect()
}

#[test]
fn a_plain_form_reviews_and_one_from_elsewhere_does_not() {
    let rehearsal = Rehearsal::begin("");
    let browser = Plain::new(&rehearsal.url);
    let page = browser.page();
    let token = values(&page, "token")[0];
    let environments = values(&page, "environment");
    assert_eq!(environments.len(), 2, "{page}");
    assert!(!page.contains("http-equiv=\"refresh\""), "a page with a form must not reload by itself");
    let fields = [("token", token), ("state", "rejected"), ("comment", "<b>no</b>")];
    let with = |more: &[(&'static str, &str)]| {
        fields.iter().chain(more).map(|(key, value)| (*key, (*value).to_owned())).collect::<Vec<_>>()
    };
    let both = with(&[("environment", environments[0]), ("environment", environments[1])]);
    let both: Vec<(&str, &str)> = both.iter().map(|(key, value)| (*key, value.as_str())).collect();

    for origin in ["http://evil.example", "null"] {
        assert_eq!(browser.send(origin, &both).status(), 403, "{origin}");
    }
    let forged: Vec<_> =
        both.iter().map(|&(key, value)| (key, if key == "token" { "x" } else { value })).collect();
    assert_eq!(browser.send(&browser.origin, &forged).status(), 422);
    let rebound = browser.agent.get(&browser.url).header("host", "evil.example").call().unwrap();
    assert_eq!(rebound.status(), 403);
    let mut empty = browser.send(&browser.origin, &fields);
    assert_eq!(empty.status(), 422);
    let again = empty.body_mut().read_to_string().unwrap();
    assert!(again.contains("Select at least one") && again.contains("&lt;b&gt;no&lt;/b&gt;"), "{again}");
    assert!(browser.page().contains("wait for a review"), "something was reviewed");

    let reviewed = browser.send(&browser.origin, &both);
    assert_eq!(reviewed.status(), 303);
    assert!(rehearsal.url.ends_with(reviewed.headers()["location"].to_str().unwrap()));
    let after = browser.page();
    assert!(!after.contains("wait for a review") && after.contains("http-equiv=\"refresh\""), "{after}");
    // Nobody looks at the ending; the rehearsal ends all the same.
    rehearsal.ends_with(11);
}

#[test]
fn who_watches_a_scripted_rehearsal_is_given_no_form() {
    let rehearsal = Rehearsal::begin("--approve none --deadline 3s");
    let page = Plain::new(&rehearsal.url).page();
    assert!(page.contains("<strong>carol</strong>") && page.contains("wait for a review"), "{page}");
    assert!(!page.contains("<form"), "{page}");
    rehearsal.ends_with(12);
}
