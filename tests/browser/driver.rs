//! A real Chromium without a window, driven through its own `chromedriver` in the
//! words of W3C WebDriver.

use std::io::{BufRead as _, BufReader, Lines};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What keeps Chromium from asking anybody else, and lets root run it.
const FLAGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1100,900",
];

/// How long a condition may take to hold.
const LIMIT_MS: u64 = 30_000;

/// The key that an element's reference stands under.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) const TAB: &str = "\u{E004}";
pub(crate) const ENTER: &str = "\u{E007}";
pub(crate) const SPACE: &str = " ";

/// A browser with one page.
pub(crate) struct Browser {
    driver: Child,
    /// Held open: without a reader the driver would end at its next line.
    _log: Lines<BufReader<ChildStdout>>,
    session: String,
    _profile: TempDir,
}

impl Browser {
    pub(crate) fn open() -> Self {
        Self::with(json!({}))
    }

    /// One whose owner allows no page a script. WebDriver's own go on working.
    pub(crate) fn without_scripts() -> Self {
        Self::with(json!({"profile.managed_default_content_settings.javascript": 2}))
    }

    fn with(preferences: Value) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is missing; `tests/run system` installs it");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .find_map(|line| {
                Some(line.unwrap().split_once("successfully on port ")?.1.trim_end_matches('.').to_owned())
            })
            .unwrap();
        let directory = format!("--user-data-dir={}", profile.path().display());
        let arguments: Vec<&str> = FLAGS.into_iter().chain([directory.as_str()]).collect();
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments, "prefs": preferences},
            "timeouts": {"script": LIMIT_MS},
        }}});
        let server = format!("http://127.0.0.1:{port}/session");
        let id = call("POST", &server, Some(&wanted))["sessionId"].as_str().unwrap().to_owned();
        Self { driver, _log: lines, session: format!("{server}/{id}"), _profile: profile }
    }

    fn post(&self, command: &str, body: &Value) -> Value {
        call("POST", &format!("{}/{command}", self.session), Some(body))
    }

    pub(crate) fn go_to(&self, url: &str) {
        self.post("url", &json!({"url": url}));
    }

    /// What an expression of JavaScript comes to.
    pub(crate) fn read(&self, expression: &str) -> Value {
        self.post("execute/sync", &json!({"script": format!("return ({expression});"), "args": []}))
    }

    /// Runs statements in the page.
    pub(crate) fn run(&self, script: &str) {
        self.post("execute/sync", &json!({"script": script, "args": []}));
    }

    /// Waits for the change of the page that makes the expression true.
    pub(crate) fn wait_for(&self, expression: &str) {
        let script = format!(
            "const done = arguments[0]; const holds = () => Boolean({expression});
             if (holds()) return done(true);
             const watch = new MutationObserver(() => {{ if (holds()) {{ watch.disconnect(); done(true); }} }});
             watch.observe(document, {{subtree: true, childList: true, attributes: true, characterData: true}});"
        );
        self.post("execute/async", &json!({"script": script, "args": []}));
    }

    fn element(&self, selector: &str) -> String {
        let found = self.post("element", &json!({"using": "css selector", "value": selector}));
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    /// Presses the mouse on an element that can be seen.
    pub(crate) fn click(&self, selector: &str) {
        self.post(&format!("element/{}/click", self.element(selector)), &json!({}));
    }

    /// Types into an element.
    pub(crate) fn fill(&self, selector: &str, text: &str) {
        self.post(&format!("element/{}/value", self.element(selector)), &json!({"text": text}));
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub(crate) fn press(&self, keys: &[&str]) {
        let actions: Vec<Value> = keys
            .iter()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key})))
            .collect();
        self.post("actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}));
    }

    /// Shows the page as on a screen that prefers `dark` or `light` colours.
    pub(crate) fn prefer(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        let command = json!({"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}});
        self.post("goog/cdp/execute", &command);
    }

    /// Keeps the whole page as a picture below cargo's target directory.
    pub(crate) fn picture(&self, name: &str) {
        let size = self.read("({width: innerWidth, height: document.body.getBoundingClientRect().height})");
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let parameters = json!({"captureBeyondViewport": true, "clip": clip});
        let command = json!({"cmd": "Page.captureScreenshot", "params": parameters});
        let taken = self.post("goog/cdp/execute", &command);
        let bytes =
            base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("screenshots");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(format!("{name}.png")), bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may be a failed test that ends here; a second panic would hide the first.
        drop(ureq::delete(&self.session).call());
        drop(self.driver.kill());
        drop(self.driver.wait());
    }
}

/// One command, and the value of its answer.
#[track_caller]
fn call(method: &str, url: &str, body: Option<&Value>) -> Value {
    let request =
        ureq::http::Request::builder().method(method).uri(url).header("content-type", "application/json");
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer =
        agent.run(request.body(body.map(Value::to_string).unwrap_or_default()).unwrap()).unwrap();
    let value: Value = answer.body_mut().with_config().limit(64 << 20).read_json().unwrap();
    assert!(answer.status().is_success(), "{method} {url}: {}", value["value"]["message"]);
    value["value"].clone()
}
