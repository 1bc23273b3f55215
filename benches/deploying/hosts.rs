//! Hosts: listening `sshd` on loopback ports, Debian's defaults for all that counts,
//! each with a directory of its own in which every login starts.

use std::fs::{self, File};
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::machine;

const SSHD: &str = "/usr/sbin/sshd";

/// Some hosts, and all that a client needs to know of them. They stop when this value
/// is dropped.
pub(crate) struct Hosts {
    directory: TempDir,
    hosts: Vec<Host>,
    /// Who logs in.
    pub(crate) user: String,
}

/// One host.
pub(crate) struct Host {
    /// Its name.
    pub(crate) name: String,
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    /// Its public key, without a comment.
    pub(crate) key: String,
    /// Where its logins start, and where its files are.
    pub(crate) home: PathBuf,
    sshd: Child,
}

impl Host {
    /// Where the file goes.
    pub(crate) fn file(&self) -> PathBuf {
        self.home.join("node")
    }

    /// The small commands that follow the upload. No word of them needs quotes.
    pub(crate) fn commands(&self) -> [String; 3] {
        let home = self.home.display();
        [
            format!("touch {home}/marker"),
            format!("cp {home}/marker {home}/copy"),
            format!("ls -l {home}/copy"),
        ]
    }
}

impl Hosts {
    /// Starts so many.
    pub(crate) fn start(count: usize) -> Self {
        assert!(Path::new(SSHD).exists(), "{SSHD} is missing: apt-get install openssh-server");
        let directory = tempfile::Builder::new().prefix("deploying-").tempdir().unwrap();
        let user = machine::said(Command::new("id").arg("-un")).unwrap();
        if user == "root" {
            // Its service would have made this directory.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        make_key(&directory.path().join("key"));
        let hosts = (1..=count).map(|number| start(directory.path(), &format!("host-{number}"))).collect();
        let all = Self { directory, hosts, user };
        all.describe_to_clients();
        all
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Host] {
        &self.hosts
    }

    /// A path in the directory of the clients.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// CPU time in seconds of all `sshd` and of what ran below them, as soon as the
    /// last session has ended.
    pub(crate) fn cpu(&self) -> f64 {
        let deadline = Instant::now() + Duration::from_secs(10);
        while machine::parents()
            .values()
            .any(|parent| self.hosts.iter().any(|host| host.sshd.id() == *parent))
        {
            assert!(Instant::now() < deadline, "a session does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.hosts.iter().map(|host| machine::cpu(host.sshd.id())).sum()
    }

    /// Looks whether every host has this file.
    pub(crate) fn has_everywhere(&self, file: &Path) {
        let content = fs::read(file).unwrap();
        for host in &self.hosts {
            assert!(fs::read(host.file()).unwrap() == content, "{} has another file", host.name);
        }
    }

    /// Ends the lease of a deployment, as the verdict of its soak does.
    pub(crate) fn release(&self) {
        for host in &self.hosts {
            let _ = fs::remove_file(host.home.join(".race/lease"));
        }
    }

    /// The private key, the known hosts, and the configuration of `ssh`.
    fn describe_to_clients(&self) {
        let each = |line: fn(&Host) -> String| self.hosts.iter().map(line).collect::<String>();
        let known = each(|host| format!("[127.0.0.1]:{} {}\n", host.port, host.key));
        fs::write(self.path("known_hosts"), known).unwrap();
        let blocks = each(|host| format!("Host {}\n  HostName 127.0.0.1\n  Port {}\n", host.name, host.port));
        let config = format!(
            "{blocks}Host *\n  User {user}\n  IdentityFile {key}\n  IdentitiesOnly yes\n  BatchMode yes\n  \
             UserKnownHostsFile {known}\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n",
            user = self.user,
            key = self.path("key").display(),
            known = self.path("known_hosts").display(),
        );
        fs::write(self.path("ssh_config"), config).unwrap();
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for host in &mut self.hosts {
            let _ = host.sshd.kill();
            let _ = host.sshd.wait();
        }
    }
}

fn make_key(path: &Path) {
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(path).status();
    assert!(made.unwrap().success());
}

fn start(directory: &Path, name: &str) -> Host {
    let own = directory.join(name);
    let home = own.join("home");
    fs::create_dir_all(&home).unwrap();
    make_key(&own.join("host"));
    // Free a moment ago.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    // MaxStartups and MaxSessions are left as they are. A host has the files that the
    // login of a new user has: none that a shell would read at every command.
    let config = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {own}/host\nAuthorizedKeysFile {key}.pub\n\
         StrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\nPrintMotd no\n\
         PidFile none\nSubsystem sftp /usr/lib/openssh/sftp-server\nSetEnv HOME={home}\n\
         ForceCommand cd && eval \"$SSH_ORIGINAL_COMMAND\"\n",
        own = own.display(),
        key = directory.join("key").display(),
        home = home.display(),
    );
    fs::write(own.join("config"), config).unwrap();
    let log = File::create(own.join("log")).unwrap();
    let sshd = Command::new(SSHD)
        .args(["-D", "-e", "-f"])
        .arg(own.join("config"))
        .stdin(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            // It speaks first.
            let _ = stream.read(&mut [0; 8]);
            break;
        }
        assert!(
            Instant::now() < deadline,
            "sshd does not listen: {}",
            fs::read_to_string(own.join("log")).unwrap()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let key = fs::read_to_string(own.join("host.pub")).unwrap().trim().to_owned();
    Host { name: name.to_owned(), port, key, home, sshd }
}
