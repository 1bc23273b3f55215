//! What happens on that Monday, step by step.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use testnet_deployer::rehearsal::workshop::{Workshop, git};
use testnet_deployer::rehearsal::world::{Conclusion, ReviewState};

use crate::elsewhere::Elsewhere;
use crate::page::Told;
use crate::people::{ADMIN, ALICE, CAROL, Ran, open, type_in};

/// The chain's program: a script that stands in for a node.
const NODE: &str = r#"#!/bin/sh
# Stands in for a node: `start` runs it, and it says which commit it is of.
version=COMMIT
case ${1-} in
  start)
    echo "$version" >running.new
    mv running.new running
    echo "node $version runs"
    ;;
  *) exit 2 ;;
esac
"#;

/// How it is built.
const BUILD: &str = r#"#!/bin/sh
# Builds what goes to the testnet into the directory $1.
set -eu
mkdir -p "$1"
sed "s/^version=COMMIT/version=$(git rev-parse --short=11 HEAD)/" node/node >"$1/node"
"#;

pub struct Story {
    pub workshop: Workshop,
    pub told: Told,
    elsewhere: Elsewhere,
    directory: TempDir,
    checkout: PathBuf,
}

impl Story {
    /// A repository with a little chain in it, and no gate.
    pub fn begin() -> Self {
        let directory = tempfile::Builder::new().prefix("tutorial-").tempdir().unwrap();
        let workshop = open(directory.path());
        let checkout = directory.path().join("chain");
        let (told, elsewhere) = (Told::new(), Elsewhere::default());
        let story = Self { workshop, told, elsewhere, directory, checkout };
        let origin = story.workshop.origin().display().to_string();
        git(story.directory.path(), &["clone", "--quiet", &origin, "chain"]).unwrap();
        story.write("README.md", "# A chain\n");
        story.write("docs/keys.md", "# Keys\n\nThey rotate now and then.\n");
        story.write("runtime/src/lib.rs", "pub const ROTATE_AFTER: u32 = 20;\n");
        story.write("node/node", NODE);
        story.race(CAROL, "git add . && git commit --quiet -m 'Begin' && git push --quiet origin main");
        story.workshop.receive().unwrap();
        story
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.checkout.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.checkout.join(path)).unwrap()
    }

    /// Replaces what must be there.
    fn edit(&self, path: &str, changes: &[(&str, &str)]) {
        let mut text = self.read(path);
        for (from, to) in changes {
            assert!(text.contains(from), "{path} has no {from:?}: {text}");
            text = text.replace(from, to);
        }
        self.write(path, &text);
    }

    /// A command that succeeds, and is not shown.
    fn race(&self, token: (&str, &str), line: &str) -> String {
        let Ran { code, text } = type_in(&self.workshop, &self.checkout, token, line);
        assert_eq!(code, 0, "{line}: {text}");
        text
    }

    /// A command and what it said, as the page shows it.
    fn show(&mut self, name: &'static str, token: (&str, &str), line: &str, code: i32) {
        let ran = type_in(&self.workshop, &self.checkout, token, line);
        assert_eq!(ran.code, code, "{line}: {}", ran.text);
        self.tell(name, &format!("$ {line}\n{}", ran.text));
    }

    fn tell(&mut self, name: &'static str, text: &str) {
        let text = self.elsewhere.told(text, &self.workshop, self.directory.path());
        self.told.push((name, text));
    }

    /// Of the log of a job those lines that hold one of these words.
    #[track_caller]
    fn tell_log(&mut self, name: &'static str, run: u64, job: &str, words: &[&str]) {
        let log = self.workshop.log(run, job);
        let told = |line: &&str| words.iter().any(|word| line.contains(word));
        let lines: Vec<&str> = log.lines().filter(told).collect();
        assert!(lines.len() >= words.len(), "{words:?}: {log}");
        self.tell(name, &lines.join("\n"));
    }

    /// What GitHub shows at the commit of a pull request.
    fn status(&self, sha: &str) -> String {
        let told = self.workshop.github().read(|world| {
            let latest = world.latest_statuses(sha);
            let line = latest.iter().map(|status| {
                let text = status.description.clone().unwrap_or_default();
                format!("{}  {}  {}  {text}\n", &sha[..11], status.context, status.state)
            });
            line.collect::<String>()
        });
        if told.is_empty() { "no check\n".to_owned() } else { told }
    }

    fn head(&self, number: u64) -> String {
        self.workshop.github().read(|world| world.pull_request(number).unwrap().head_sha.clone())
    }

    #[track_caller]
    fn ended(&self, run: u64, job: &str) -> Conclusion {
        match self.workshop.until_ended(run, job) {
            Ok(conclusion) => conclusion,
            Err(error) => panic!("{error}\n{}", self.logs(run)),
        }
    }

    fn logs(&self, run: u64) -> String {
        let jobs = self.workshop.github().read(|world| {
            let jobs = world.all_jobs(run);
            jobs.iter()
                .map(|job| (job.name.clone(), format!("{:?} {:?}", job.status, job.conclusion)))
                .collect::<Vec<_>>()
        });
        jobs.into_iter().map(|(job, how)| format!("{job}: {how}\n{}", self.workshop.log(run, &job))).collect()
    }

    pub fn bring_the_gate(&mut self) {
        let targets: String = self
            .workshop
            .hosts()
            .iter()
            .map(|host| format!(" --target deploy@127.0.0.1:{}", host.port))
            .collect();
        let node = self.workshop.node_port();
        self.race(CAROL, "git switch --quiet --create gate");
        let line = format!(
            "race init --session-length 60s{targets} --node ws://127.0.0.1:{node} --reviewer alice \
             --release 0123456789abcdef0123456789abcdef01234567 --yes"
        );
        self.show("init", CAROL, &line, 0);
        // Here the node's port is another than everywhere else.
        self.edit("policies/testnet.toml", &[("rpc_port = 9944 ", &format!("rpc_port = {node} "))]);
        self.race(CAROL, "git add . && git commit --quiet -m 'Bring the gate'");
        self.fit();
        self.show("fitted", CAROL, "git diff --unified=0 policies", 0);
        self.show("policy check", CAROL, "race policy check", 0);
        self.race(CAROL, "git add . && git commit --quiet -m 'Fit the gate to our testnet'");
        self.race(CAROL, "git push --quiet origin gate");
        self.workshop.receive().unwrap();
        let (number, run) = self.workshop.open_pull_request("carol", "Bring the gate", "gate").unwrap();
        let run = run.expect("the merge commit has the workflow");
        self.ended(run, "settled");
        self.tell_log("gate opens", run, "open", &["no policies", "wrote"]);
        self.tell_log("gate deploys", run, "testnet", &["no directory", "help: "]);
        let status = self.status(&self.head(number));
        self.tell("gate is open", &status);
        self.workshop.merge(number).unwrap();
        self.race(CAROL, "git switch --quiet main && git pull --quiet origin main");
    }

    /// What everybody has to say for themselves: hosts, steps, how to build, who owns.
    fn fit(&self) {
        let mut policy = self.read("policies/testnet.toml");
        for host in self.workshop.hosts() {
            policy = policy.replacen("host_keys = []", &format!("host_keys = [\"{}\"]", host.host_key), 1);
        }
        self.write("policies/testnet.toml", &policy);
        let hosts = self.workshop.hosts()[0].directory.parent().unwrap().display().to_string();
        self.edit(
            "policies/testnet.toml",
            &[
                ("to = \"/usr/local/bin/node\", mode = \"0755\", owner = \"root:root\" }\nuser = \"root\"                         # by sudo -n",
                 &format!("to = \"{hosts}/{{host}}/node\", mode = \"0755\" }}")),
                ("run = [\"systemctl\", \"restart\", \"node\"]\nuser = \"root\"", "run = [\"./node\", \"start\"]"),
                ("min_peers = 1\n", "min_peers = 0\n"),
                ("run = [\"journalctl\", \"-u\", \"node\", \"-n\", \"5000\", \"--no-pager\"]\nuser = \"root\"", "run = [\"cat\", \"running\"]"),
            ],
        );
        self.edit("policies/race.toml", &[("after_win = \"leave\"     ", "after_win = \"cancel-run\"")]);
        self.write(".ci/build", BUILD);
        self.write(".github/CODEOWNERS", "/.github/ @alice\n/policies/ @alice\n/.ci/ @alice\n");
    }

    pub fn set_the_repository_up(&mut self) {
        self.show("doctor red", ADMIN, "race doctor", 5);
        std::fs::write(self.path("deploy-key"), self.workshop.key()).unwrap();
        std::fs::write(self.path("watch-key"), self.workshop.key()).unwrap();
        let fix = "race doctor --fix --yes --reviewer alice --value TESTNET_SSH_KEY=../deploy-key \
                   --value testnet-soak/TESTNET_SSH_KEY=../watch-key";
        self.show("doctor fix", ADMIN, fix, 0);
        self.workshop.github().change(|world, _| {
            for environment in &mut world.environments {
                environment.admins_bypass = false;
            }
        });
        self.show("doctor green", ADMIN, "race doctor --strict", 0);
        self.show("doctor again", ADMIN, "race doctor --fix --yes", 0);
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::join(self.directory.path(), name)
    }

    /// The core is not touched: the reviewer spares the testnet.
    pub fn change_some_words(&mut self) {
        self.race(CAROL, "git switch --quiet --create words");
        self.edit("docs/keys.md", &[("now and then", "every twenty sessions")]);
        self.race(CAROL, "git commit --quiet --all -m 'Say when keys rotate'");
        self.show("advise words", CAROL, "race advise --base main", 0);
        self.race(CAROL, "git push --quiet origin words");
        self.workshop.receive().unwrap();
        let (number, run) =
            self.workshop.open_pull_request("carol", "Say when keys rotate", "words").unwrap();
        let run = run.unwrap();
        self.workshop.until_waiting(run, "null").unwrap();
        self.workshop.until_waiting(run, "testnet").unwrap();
        let status = self.status(&self.head(number));
        self.tell("words wait", &status);
        assert!(self.workshop.merge(number).is_err(), "nothing is merged that nobody reviewed");
        let choose = format!("race choose null --pr {number} --comment 'only words'");
        self.show("choose null", ALICE, &choose, 0);
        self.ended(run, "settled");
        let status = self.status(&self.head(number));
        self.tell("words pass", &status);
        self.workshop.merge(number).unwrap();
        self.race(CAROL, "git switch --quiet main && git pull --quiet origin main");
    }

    /// The core is touched: deployed and soaked, after a push that begins anew.
    pub fn change_the_core(&mut self) {
        self.race(CAROL, "git switch --quiet --create core");
        self.edit("runtime/src/lib.rs", &[("20", "10")]);
        self.race(CAROL, "git commit --quiet --all -m 'Rotate keys earlier'");
        self.show("advise core", CAROL, "race advise --base main", 0);
        self.race(CAROL, "git push --quiet origin core");
        self.workshop.receive().unwrap();
        let (number, run) = self.workshop.open_pull_request("carol", "Rotate keys earlier", "core").unwrap();
        let first = run.unwrap();
        self.workshop.until_waiting(first, "testnet").unwrap();
        let abandoned = self.head(number);

        self.edit("runtime/src/lib.rs", &[("10", "12")]);
        self.race(CAROL, "git commit --quiet --all -m 'Not that early'");
        self.race(CAROL, "git push --quiet origin core");
        let run = self.workshop.receive().unwrap().expect("a push to a pull request starts a run");
        self.ended(first, "cancelled");
        self.workshop.until_waiting(run, "testnet").unwrap();
        self.workshop.until_waiting(run, "null").unwrap();
        let told = format!("{}{}", self.status(&abandoned), self.status(&self.head(number)));
        self.tell("pushed", &told);

        self.workshop.review(run, "testnet", ReviewState::Approved, "alice", "this is core").unwrap();
        self.ended(run, "cleanup-after-testnet");
        self.tell_log(
            "soaked",
            run,
            "testnet",
            &[
                "canary",
                "ready; confirming",
                "deployed ",
                "soak of",
                "runtime not verified",
                "free again",
                "(target 500)",
            ],
        );
        let status = self.status(&self.head(number));
        self.tell("core passes", &status);
        self.tell_log("cleaned up", run, "cleanup-after-testnet", &["cancelling run"]);
        self.show("inspect", CAROL, &format!("race inspect --pr {number}"), 0);
        let version: String = self.head(number).chars().take(11).collect();
        for host in self.workshop.hosts() {
            let runs = std::fs::read_to_string(host.directory.join("running")).unwrap();
            assert_eq!(runs.trim(), version, "{}", host.name);
        }
    }

    pub fn queue_it(&mut self) {
        let number = 14;
        let run = self.workshop.enqueue(number).unwrap();
        assert_eq!(self.ended(run, "queue"), Conclusion::Success);
        let group = self.workshop.github().read(|world| world.run(run).unwrap().head_sha.clone());
        let status = self.status(&group);
        self.tell("queued", &status);
        self.workshop.merge(number).unwrap();
    }
}
