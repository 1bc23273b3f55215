//! What must hold for what a deployment runs: steps, what follows an undo, checks,
//! and what is collected.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Problem, error, warning};
use crate::policy::words;
use crate::policy::{Deploy, ReadyWhen, Source, Step, Upload, Work};

/// Every problem of what is run, names left out.
pub(super) fn check(deploy: &Deploy, problems: &mut Vec<Problem>) {
    let mut found = Found { deploy, problems };
    for (position, step) in deploy.steps.iter().enumerate() {
        found.step(&format!("deploy.step.{position}"), step);
    }
    for (position, command) in deploy.after_undo.iter().enumerate() {
        let at = format!("deploy.after_undo.{position}");
        found.groups(&at, &command.only);
        found.work(&at, command.work(), "`run` or `script`");
        found.args(&at, command.script.is_some(), &command.args);
        found.place(&at, command.user.as_deref(), command.directory.as_deref(), &command.env);
        found.limit(&at, "time_limit", command.time_limit);
    }
    for (position, ready) in deploy.ready.iter().enumerate() {
        let at = format!("deploy.ready.{position}");
        found.groups(&at, &ready.only);
        found.place(&at, ready.user.as_deref(), None, &BTreeMap::new());
        match ready.when() {
            Some(ReadyWhen::Run(argv)) => found.program(&format!("{at}.run"), argv),
            Some(ReadyWhen::TcpPort(0) | ReadyWhen::RpcPort(0)) => {
                found.wrong(&at, "", "no server listens to port 0", "write for example `9944`");
            }
            Some(_) => {}
            None => found.one_of(&at, "`run`, `tcp_port` or `rpc_port`"),
        }
        if ready.rpc_port.is_none() && (ready.version_contains.is_some() || ready.min_peers > 0) {
            let key = if ready.version_contains.is_some() { "version_contains" } else { "min_peers" };
            found.wrong(&at, key, "only a node's RPC tells this", "give `rpc_port`, or leave it out");
        }
        if ready.run.is_none() && ready.user.is_some() {
            found.wrong(&at, "user", "no program runs here", "leave it out");
        }
        for (key, limit) in
            [("time_limit", ready.time_limit), ("every", ready.every), ("within", ready.within)]
        {
            found.limit(&at, key, limit);
        }
    }
    for (position, collect) in deploy.collect.iter().enumerate() {
        let at = format!("deploy.collect.{position}");
        found.groups(&at, &collect.only);
        found.place(&at, collect.user.as_deref(), None, &BTreeMap::new());
        found.limit(&at, "time_limit", collect.time_limit);
        match collect.source() {
            Some(Source::Run(argv)) => found.program(&format!("{at}.run"), argv),
            Some(Source::File(path)) if !words::is_absolute(path) => {
                found.wrong(&at, "file", NO_PATH, "write for example `/var/log/node.log`");
            }
            Some(Source::File(_)) => {}
            None => found.one_of(&at, "`run` or `file`"),
        }
    }
}

const NO_PATH: &str = "this is no absolute path: it begins with `/` and goes on without `.`, `..` or `//`";

struct Found<'d, 'p> {
    deploy: &'d Deploy,
    problems: &'p mut Vec<Problem>,
}

impl Found<'_, '_> {
    /// An error of the key `key` in the table `at`, or of the table itself.
    fn wrong(&mut self, at: &str, key: &str, message: &str, help: &str) {
        let key = if key.is_empty() { at.to_owned() } else { format!("{at}.{key}") };
        self.problems.push(error(key, message, help));
    }

    fn one_of(&mut self, at: &str, keys: &str) {
        self.wrong(at, "", &format!("exactly one of {keys} must be given"), "keep the one that is meant");
    }

    fn limit(&mut self, at: &str, key: &str, limit: Duration) {
        if limit.is_zero() {
            self.wrong(at, key, "this gives no time at all", "write for example `5m`");
        }
    }

    fn groups(&mut self, at: &str, only: &[String]) {
        for (position, group) in only.iter().enumerate() {
            if !self.deploy.hosts.iter().any(|host| host.groups.contains(group)) {
                let message = format!("no host is in the group `{group}`");
                self.wrong(at, &format!("only.{position}"), &message, "name it in `groups` of a host");
            }
        }
    }

    fn program(&mut self, key: &str, argv: &[String]) {
        let help = "write `run = [\"program\", \"argument\"]`";
        match argv.first() {
            None => self.wrong(key, "", "there is no program to run", help),
            Some(program) if !words::is_program(program) => {
                self.wrong(
                    key,
                    "",
                    "a program's name is not empty, does not begin with `-` and has no `=`",
                    help,
                );
            }
            Some(_) => {}
        }
        if argv.iter().any(|argument| argument.contains('\0')) {
            self.wrong(key, "", "no argument can hold a NUL character", "leave it out");
        }
    }

    fn script(&mut self, key: &str, text: &str) {
        if text.trim().is_empty() || text.contains('\0') {
            self.wrong(key, "", "there is no script to run", "write the script's lines here");
        }
    }

    /// The program or script of a command.
    fn work(&mut self, at: &str, work: Option<Work<'_>>, keys: &str) {
        match work {
            Some(Work::Run(argv)) => self.program(&format!("{at}.run"), argv),
            Some(Work::Script { text, .. }) => self.script(&format!("{at}.script"), text),
            Some(Work::Upload(upload)) => self.upload(&format!("{at}.upload"), upload),
            None => self.one_of(at, keys),
        }
    }

    fn args(&mut self, at: &str, has_script: bool, args: &[String]) {
        if !has_script && !args.is_empty() {
            self.wrong(at, "args", "only a script is given arguments here", "write them into `run`");
        }
    }

    fn place(
        &mut self,
        at: &str,
        user: Option<&str>,
        directory: Option<&str>,
        env: &BTreeMap<String, String>,
    ) {
        if user.is_some_and(|user| !words::is_user(user)) {
            self.wrong(at, "user", "this is no user name", "write for example `root`");
        }
        if directory.is_some_and(|path| path != "/" && !words::is_absolute(path)) {
            self.wrong(at, "directory", NO_PATH, "write for example `/srv/node`");
        }
        for (name, value) in env {
            if !words::is_variable(name) || value.contains('\0') {
                let message = "a variable's name is letters, digits and `_`, and its value has no NUL";
                self.wrong(at, &format!("env.{name}"), message, "write for example `RUST_LOG = \"info\"`");
            }
        }
    }

    fn upload(&mut self, at: &str, upload: &Upload) {
        if upload.from.is_empty() || upload.from.contains(char::is_control) {
            self.wrong(at, "from", "this is no path", "write for example `artifact/node`");
        }
        if !words::is_absolute(&upload.to) {
            self.wrong(at, "to", NO_PATH, "write for example `/usr/local/bin/node`");
        }
        if upload.mode.is_some() && upload.permissions().is_none() {
            self.wrong(at, "mode", "permissions are three or four octal digits", "write for example `0755`");
        }
        if upload.owner.as_deref().is_some_and(|owner| !words::is_owner(owner)) {
            self.wrong(
                at,
                "owner",
                "this is neither `user` nor `user:group`",
                "write for example `root:root`",
            );
        }
    }

    fn step(&mut self, at: &str, step: &Step) {
        self.groups(at, &step.only);
        self.work(at, step.work(), "`upload`, `run` or `script`");
        self.args(at, step.script.is_some(), &step.args);
        self.place(at, step.user.as_deref(), step.directory.as_deref(), &step.env);
        self.limit(at, "time_limit", step.time_limit);
        self.secrets(at, step);
        self.undo(at, step);
        if step.upload.is_some() {
            let of_commands = [
                ("directory", step.directory.is_some()),
                ("env", !step.env.is_empty()),
                ("secrets", !step.secrets.is_empty()),
            ];
            for (key, _) in of_commands.into_iter().filter(|(_, given)| *given) {
                self.wrong(at, key, "an upload runs no program", "leave it out");
            }
        }
    }

    fn secrets(&mut self, at: &str, step: &Step) {
        for (position, name) in step.secrets.iter().enumerate() {
            let key = format!("secrets.{position}");
            if !words::is_variable(name) {
                self.wrong(
                    at,
                    &key,
                    "this is no name of an environment variable",
                    "write for example `SURI`",
                );
            } else if step.env.contains_key(name) {
                let message = format!("`{name}` is in `env` too, where everybody on the host could read it");
                self.wrong(at, &key, &message, "leave it in one of them");
            } else if step.secrets[..position].contains(name) {
                self.wrong(at, &key, &format!("`{name}` is listed twice"), "list each variable once");
            } else if *name == self.deploy.private_key_env {
                let message = "this is the private key that we log in with; no host shall have it";
                self.wrong(at, &key, message, "give the step a secret of its own");
            }
        }
    }

    fn undo(&mut self, at: &str, step: &Step) {
        if step.upload.is_some() {
            let given = [("undo", step.undo.is_some()), ("undo_script", step.undo_script.is_some())];
            for (key, _) in given.into_iter().filter(|(_, given)| *given) {
                let message = "an upload undoes itself: what was there before comes back";
                self.wrong(at, key, message, "leave it out");
            }
            return;
        }
        match (&step.undo, &step.undo_script) {
            (Some(_), Some(_)) => {
                self.wrong(at, "undo_script", "the step has `undo` too", "keep the one that is meant");
            }
            (Some(argv), None) if argv.is_empty() => {}
            (Some(argv), None) => self.program(&format!("{at}.undo"), argv),
            (None, Some(text)) => self.script(&format!("{at}.undo_script"), text),
            (None, None) => self.problems.push(warning(
                format!("{at}.name"),
                format!("nothing says how to undo the step `{}`: what it did would stay", step.name),
                "give `undo` or `undo_script`; where there is nothing to undo, write `undo = []`",
            )),
        }
    }
}
