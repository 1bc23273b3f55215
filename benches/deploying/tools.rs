//! The programs that are compared, and how each is made to deploy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::hosts::Hosts;
use super::machine;

/// The peers that PyPI has, in the releases that are compared.
const PACKAGES: [&str; 3] = ["ansible-core==2.19.14", "parallel-ssh==2.16.0.post1", "fabric==3.2.3"];

/// What deploys with parallel-ssh.
const PARALLEL_SSH: &str = include_str!("peers/with_parallel_ssh.py");
/// What deploys with fabric.
const FABRIC: &str = include_str!("peers/with_fabric.py");
/// What deploys to one host with `ssh` and `scp`.
const ONE_HOST: &str = include_str!("peers/one_host.sh");
/// The commit that is said to be deployed.
const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

/// A program that deploys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    /// `race deploy`.
    Race,
    /// The same with the key exchange of the libraries below, by `ssh_config`.
    RaceClassical,
    /// `xargs -P`, `ssh` and `scp`.
    Xargs,
    /// parallel-ssh from a script.
    ParallelSsh,
    /// fabric from a script.
    Fabric,
    /// A playbook of ansible-core.
    Ansible,
}

impl Tool {
    /// All of them, ours first.
    pub(crate) const ALL: [Self; 6] =
        [Self::Race, Self::RaceClassical, Self::Xargs, Self::ParallelSsh, Self::Fabric, Self::Ansible];

    /// How it is chosen.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Race => "race",
            Self::RaceClassical => "race-classical",
            Self::Xargs => "xargs",
            Self::ParallelSsh => "parallel-ssh",
            Self::Fabric => "fabric",
            Self::Ansible => "ansible",
        }
    }

    /// How it is called in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Race => "`race deploy`",
            Self::RaceClassical => "`race deploy`, `curve25519-sha256`",
            Self::Xargs => "`xargs -P`, `ssh`, `scp`",
            Self::ParallelSsh => "parallel-ssh",
            Self::Fabric => "fabric",
            Self::Ansible => "ansible-core",
        }
    }
}

/// Where the programs are.
pub(crate) struct Tools {
    /// Those that are there and chosen.
    pub(crate) all: Vec<Tool>,
    race: PathBuf,
    python: PathBuf,
}

impl Tools {
    /// Builds `race`, and installs the others below cargo's target directory. What
    /// cannot be had is left out, and said.
    pub(crate) fn prepare(chosen: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap_or(root);
        let peers = target.join("peers");
        let has_peers = install(&peers);
        let any = Tool::ALL.iter().any(|tool| chosen.contains(&tool.word()));
        let wanted = |tool: &Tool| !any || chosen.contains(&tool.word());
        let all = Tool::ALL.into_iter().filter(wanted).filter(|tool| {
            let there = has_peers || matches!(tool, Tool::Race | Tool::RaceClassical | Tool::Xargs);
            if !there {
                println!("{} is not measured: it cannot be installed", tool.name());
            }
            there
        });
        Self {
            all: all.collect(),
            race: crate::release::build(root, &target.join("released")),
            python: peers.join("bin/python"),
        }
    }

    /// The versions, and the machine.
    pub(crate) fn described(&self) -> String {
        let mut lines: Vec<String> =
            machine::said(Command::new(&self.race).arg("--version")).into_iter().collect();
        lines.extend(PACKAGES.iter().map(|package| (*package).to_owned()));
        let packages = ["--showformat=${Package} ${Version}\n", "--show", "openssh-server"];
        lines.extend(machine::said(Command::new("dpkg-query").args(packages)));
        lines.push(machine::described());
        lines.join("\n")
    }

    /// How `tool` brings this file to all hosts, and runs the commands there. Where it
    /// is likely to be there already, who needs to know is told.
    pub(crate) fn command(&self, tool: Tool, hosts: &Hosts, file: &Path, likely: bool, run: u32) -> Command {
        let mut command = match tool {
            Tool::Race => self.with_race(hosts, file, "", run),
            Tool::RaceClassical => self.with_race(hosts, file, "KexAlgorithms ^curve25519-sha256\n", run),
            Tool::Xargs => with_xargs(hosts, file, likely),
            Tool::ParallelSsh => self.with_script(hosts, file, "with_parallel_ssh.py", PARALLEL_SSH),
            Tool::Fabric => self.with_script(hosts, file, "with_fabric.py", FABRIC),
            Tool::Ansible => self.with_ansible(hosts, file),
        };
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", hosts.path(""));
        command.env("LANG", "C.UTF-8");
        command
    }

    fn with_race(&self, hosts: &Hosts, file: &Path, ssh_config: &str, run: u32) -> Command {
        fs::write(hosts.path("own_config"), ssh_config).unwrap();
        let mut policy = "[deploy]\ncanary = 0\nmax_parallel = 20\nssh_config = \"own_config\"\n".to_owned();
        for host in hosts.all() {
            policy.push_str(&format!(
                "[[deploy.host]]\nname = \"{}\"\naddress = \"127.0.0.1\"\nport = {}\nuser = \"{}\"\nhost_keys = [\"{}\"]\n",
                host.name, host.port, hosts.user, host.key
            ));
        }
        let first = &hosts.all()[0];
        let anywhere = |text: &str| text.replace(&first.name, "{host}");
        policy.push_str(&format!(
            "[[deploy.step]]\nname = \"node\"\nupload = {{ from = \"{}\", to = \"{}\", mode = \"0755\" }}\n",
            file.display(),
            anywhere(&first.file().display().to_string()),
        ));
        for (number, command) in first.commands().iter().enumerate() {
            let words: Vec<&str> = command.split(' ').collect();
            policy.push_str(&format!(
                "[[deploy.step]]\nname = \"step {}\"\nrun = {}\nundo = []\n",
                number + 1,
                anywhere(&format!("{words:?}"))
            ));
        }
        fs::create_dir_all(hosts.path("policies")).unwrap();
        fs::write(hosts.path("policies/testnet.toml"), policy).unwrap();
        let mut command = Command::new(&self.race);
        command.arg("deploy").env("GITHUB_SHA", SHA);
        command.env("GITHUB_RUN_ID", run.to_string()).env("GITHUB_RUN_ATTEMPT", "1");
        command.env("TESTNET_SSH_KEY", fs::read_to_string(hosts.path("key")).unwrap());
        command
    }

    fn with_script(&self, hosts: &Hosts, file: &Path, name: &str, script: &str) -> Command {
        fs::write(hosts.path(name), script).unwrap();
        let described: Vec<serde_json::Value> = hosts
            .all()
            .iter()
            .map(
                |host| serde_json::json!({"port": host.port, "to": host.file(), "commands": host.commands()}),
            )
            .collect();
        let plan = serde_json::json!({
            "user": hosts.user,
            "key": hosts.path("key"),
            "known_hosts": hosts.path("known_hosts"),
            "file": file,
            "hosts": described,
        });
        fs::write(hosts.path("plan.json"), plan.to_string()).unwrap();
        let mut command = Command::new(&self.python);
        command.arg(hosts.path(name)).arg(hosts.path("plan.json"));
        command
    }

    fn with_ansible(&self, hosts: &Hosts, file: &Path) -> Command {
        let inventory: String = hosts
            .all()
            .iter()
            .map(|host| format!("{} ansible_port={} home={}\n", host.name, host.port, host.home.display()))
            .collect();
        let common = format!(
            "[all:vars]\nansible_host=127.0.0.1\nansible_user={}\nansible_ssh_private_key_file={}\n\
             ansible_ssh_common_args=-o UserKnownHostsFile={}\nansible_python_interpreter=/usr/bin/python3\n",
            hosts.user,
            hosts.path("key").display(),
            hosts.path("known_hosts").display(),
        );
        fs::write(hosts.path("inventory"), inventory + &common).unwrap();
        let first = &hosts.all()[0];
        let commands: Vec<serde_json::Value> = first
            .commands()
            .map(|command| command.replace(&first.home.display().to_string(), "{{ home }}"))
            .iter()
            .map(|command| serde_json::json!({"ansible.builtin.command": command}))
            .collect();
        let copy = serde_json::json!({"ansible.builtin.copy": {"src": file, "dest": "{{ home }}/node", "mode": "0755"}});
        let tasks: Vec<serde_json::Value> = std::iter::once(copy).chain(commands).collect();
        // YAML is a superset of JSON.
        let playbook = serde_json::json!([{"hosts": "all", "gather_facts": false, "tasks": tasks}]);
        fs::write(hosts.path("playbook.yml"), playbook.to_string()).unwrap();
        let mut command = Command::new(self.python.with_file_name("ansible-playbook"));
        command.args(["--forks", "20", "-i"]).arg(hosts.path("inventory")).arg(hosts.path("playbook.yml"));
        command.env("ANSIBLE_PIPELINING", "True").env("ANSIBLE_HOST_KEY_CHECKING", "True");
        command
    }
}

fn with_xargs(hosts: &Hosts, file: &Path, likely: bool) -> Command {
    fs::write(hosts.path("one_host.sh"), ONE_HOST).unwrap();
    let lines: String = hosts
        .all()
        .iter()
        .map(|host| format!("{} {} '{}'\n", host.name, host.file().display(), host.commands().join(" && ")))
        .collect();
    fs::write(hosts.path("hosts"), lines).unwrap();
    let sum = machine::said(Command::new("sha256sum").arg(file)).unwrap();
    let mut command = Command::new("xargs");
    command
        .arg("-a")
        .arg(hosts.path("hosts"))
        .args(["-P", "20", "-n", "3", "sh"])
        .arg(hosts.path("one_host.sh"));
    command.arg(hosts.path("ssh_config")).arg(file).arg(sum.split(' ').next().unwrap()).arg(if likely {
        "yes"
    } else {
        "no"
    });
    command
}

/// Installs the peers into a virtual environment, once; says whether they are there.
fn install(environment: &Path) -> bool {
    let pip = || Command::new(environment.join("bin/pip"));
    runs(pip().args(["show", "--quiet", "ansible-core", "parallel-ssh", "fabric"]))
        || runs(Command::new("python3").args(["-m", "venv"]).arg(environment))
            && runs(pip().args(["install", "--quiet"]).args(PACKAGES))
}

fn runs(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
