//! The actions that a rehearsal knows, and what stands in for each on this machine.

use std::fs;
use std::io::{self, Cursor};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path};

use zip::ZipArchive;

use super::Pairs;
use super::execution::Run;
use super::machine::Machine;
use crate::rehearsal::stage::Stage;
use crate::rehearsal::workshop::git;

/// An action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Puts the files of a commit into the workspace.
    Checkout,
    /// Keeps a file or directory of the workspace.
    UploadArtifact,
    /// Puts the files of an artifact into the workspace.
    DownloadArtifact,
    /// Puts `race` on the path: our own executable. Of the repository, it must have been
    /// checked out.
    InstallRace { local: bool },
}

/// Every action that is known, with its inputs.
pub const KNOWN: [(&str, &[&str]); 5] = [
    ("actions/checkout", &["ref", "persist-credentials"]),
    ("actions/upload-artifact", &["name", "path", "if-no-files-found"]),
    ("actions/download-artifact", &["artifact-ids"]),
    (INSTALL_RACE, &[]),
    (SETUP_RACE, &[]),
];

/// The action of this repository that installs `race`.
const INSTALL_RACE: &str = "./.github/actions/race";

/// The released action that installs a released `race`.
const SETUP_RACE: &str = "testnet-deployer/testnet-deployer/.github/actions/setup-race";

/// What an action did, in a line of the log, and the outputs of its step.
pub(super) type Done = (String, Pairs);

impl Action {
    /// The action of that name, where it and its inputs are known. A local one comes
    /// from what was checked out.
    pub(super) fn named(name: &str, local: bool, inputs: &[(String, String)]) -> Result<Self, String> {
        let action = match name {
            "actions/checkout" => Self::Checkout,
            "actions/upload-artifact" => Self::UploadArtifact,
            "actions/download-artifact" => Self::DownloadArtifact,
            INSTALL_RACE if local => Self::InstallRace { local },
            SETUP_RACE if !local => Self::InstallRace { local },
            _ => return Err(format!("the action `{name}` is not known here")),
        };
        let known = KNOWN.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, inputs)| inputs);
        if let Some((input, _)) = inputs.iter().find(|(input, _)| !known.contains(&input.as_str())) {
            return Err(format!("`{name}`: the input `{input}` is not known here"));
        }
        Ok(action)
    }

    /// Does on this machine what the action does on GitHub's, and says what it did.
    pub(super) fn perform(
        self,
        inputs: &[(String, String)],
        machine: &mut Machine,
        run: &Run<'_>,
    ) -> Result<Done, String> {
        let input = |name: &str| {
            inputs
                .iter()
                .find(|(input, _)| input == name)
                .map(|(_, value)| value.as_str())
                .unwrap_or_default()
        };
        match self {
            Self::Checkout => {
                if input("persist-credentials") != "false" {
                    return Err("a checkout that keeps its credentials is not known here".to_owned());
                }
                checkout(input("ref"), machine, run.stage).map(without_outputs)
            }
            Self::UploadArtifact => {
                let (name, paths) = (input("name"), input("path"));
                let path = paths.lines().map(str::trim).collect::<Vec<_>>().join(", ");
                match upload(name, paths, machine, run) {
                    Ok(id) => {
                        let outputs = vec![("artifact-id".to_owned(), id.to_string())];
                        Ok((format!("artifact {name}: {path}"), outputs))
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        let told = format!("there is no {path} to be kept");
                        if input("if-no-files-found") == "error" {
                            Err(told)
                        } else {
                            Ok(without_outputs(told))
                        }
                    }
                    Err(error) => Err(format!("cannot keep {path}: {error}")),
                }
            }
            Self::DownloadArtifact => download(input("artifact-ids"), machine, run).map(without_outputs),
            Self::InstallRace { local } => install(local, machine, run.stage)
                .map(without_outputs)
                .map_err(|error| format!("cannot install race: {error}")),
        }
    }
}

fn without_outputs(told: String) -> Done {
    (told, Vec::new())
}

/// Where there is a real repository, its own git checks out.
fn checkout(commit: &str, machine: &Machine, stage: &Stage) -> Result<String, String> {
    if let Some(own) = &stage.own {
        let origin = own.origin.display().to_string();
        let workspace = machine.workspace();
        for arguments in [
            &["init", "--quiet"][..],
            &["fetch", "--quiet", "--depth", "1", "--end-of-options", &origin, commit],
            &["checkout", "--quiet", "--detach", "FETCH_HEAD"],
        ] {
            git(&workspace, arguments).map_err(|error| error.to_string())?;
        }
        return Ok(format!("checked out {commit}"));
    }
    let files = stage.github.read(|world| world.commits.get(commit).map(|commit| commit.files.clone()));
    let files = files.ok_or_else(|| format!("there is no commit `{commit}`"))?;
    for (path, text) in &files {
        let path = machine.workspace().join(path);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, text));
        written.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        if text.starts_with("#!") {
            let allowed = fs::set_permissions(&path, fs::Permissions::from_mode(0o755));
            allowed.map_err(|error| format!("cannot allow {}: {error}", path.display()))?;
        }
    }
    Ok(format!("checked out {commit}: {} files", files.len()))
}

/// Keeps a file, or what is in a directory: as a copy, and as what GitHub has. Of
/// several paths, one a line, those that are there keep their names.
fn upload(name: &str, paths: &str, machine: &Machine, run: &Run<'_>) -> io::Result<u64> {
    let plain = |text: &str| {
        let mut parts = Path::new(text).components();
        parts.clone().next().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
    };
    let paths: Vec<&str> = paths.lines().map(str::trim).filter(|path| !path.is_empty()).collect();
    let known = |path: &&str| plain(path) && !path.contains('*');
    if !plain(name) || name.contains('/') || paths.is_empty() || !paths.iter().all(known) {
        return Err(io::Error::other("only paths below the workspace are known here"));
    }
    let alone = paths.len() == 1;
    let mut files = Vec::new();
    for path in paths {
        let from = machine.workspace().join(path);
        let file_name = from.file_name().unwrap_or_default().display().to_string();
        match fs::metadata(&from) {
            Ok(metadata) if metadata.is_dir() => {
                collect(&from, &if alone { String::new() } else { format!("{path}/") }, &mut files)?;
            }
            Ok(_) => files.push((if alone { file_name } else { path.to_owned() }, fs::read(&from)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    if files.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let to = run.staged.path("artifacts").join(name);
    for (path, content) in &files {
        let path = to.join(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, content)?;
    }
    let id = run.staged.id;
    let kept = run.stage.github.change(|world, now| world.upload_artifact(id, name, &files, now));
    kept.map_err(io::Error::other)
}

/// Puts the one artifact of that number into the workspace.
fn download(number: &str, machine: &Machine, run: &Run<'_>) -> Result<String, String> {
    let own = run.staged.id;
    let found = run.stage.github.read(|world| {
        let mut artifacts = world.artifacts.iter().filter(|artifact| artifact.run == own);
        artifacts.find(|artifact| artifact.id.to_string() == number.trim()).cloned()
    });
    let artifact = found.ok_or_else(|| format!("this run has no artifact `{number}`"))?;
    let unpacked = ZipArchive::new(Cursor::new(artifact.archive)).and_then(|mut archive| {
        archive.extract(machine.workspace())?;
        Ok(archive.len())
    });
    let files = unpacked.map_err(|error| format!("cannot unpack {}: {error}", artifact.name))?;
    Ok(format!("artifact {}, number {}: {files} files", artifact.name, artifact.id))
}

/// The files below a directory, by their paths in it.
fn collect(directory: &Path, within: &str, files: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = format!("{within}{}", entry.file_name().display());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.push((path, fs::read(entry.path())?));
        }
    }
    Ok(())
}

fn install(local: bool, machine: &mut Machine, stage: &Stage) -> io::Result<String> {
    if local && !machine.workspace().join(INSTALL_RACE).join("action.yml").exists() {
        return Err(io::Error::other("the action is not in what was checked out"));
    }
    let directory = machine.tools();
    fs::create_dir_all(&directory)?;
    let race = match &stage.own {
        Some(own) => own.race.clone(),
        None => std::env::current_exe()?,
    };
    symlink(race, directory.join("race"))?;
    machine.has_tools = true;
    Ok("race is this rehearsal's own executable".to_owned())
}
