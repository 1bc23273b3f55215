//! `race init`: writes the workflow and the policies that a repository needs, and says
//! what is left to do. What somebody has edited is kept.

mod answers;
mod ask;

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;

use crate::cli::{Format, Init};
use crate::exit::Exit;
use crate::policy::{Policy, Selection};
use crate::report::inert_lines;
use crate::setup::cost::Cost;
use crate::setup::files::{File, code_owners, files, room_told};
use crate::setup::mode::{Mode, fit};
use crate::setup::workspace::names_the_check;
use crate::setup::{Answers, Kept, kept};

use super::announce::write_whole;
use super::{Context, Failure};
use ask::{ask, is_answered};

/// Where GitHub looks for it, in its order.
const CODEOWNERS: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/// Runs `race init`.
pub(super) fn run(arguments: &Init, context: &Context) -> Result<Exit, Failure> {
    let root = &arguments.dir;
    if !root.is_dir() {
        return Err(Failure::new(Exit::Invalid, format!("there is no directory {}", root.display()))
            .help("name the repository by --dir"));
    }
    let asks = is_answered() && !arguments.yes && !arguments.dry_run;
    if !asks && !arguments.yes && !arguments.dry_run {
        return Err(Failure::new(Exit::Invalid, "there is nobody to ask whether it may be written")
            .help("pass --yes to write, or --dry-run to see what would be written"));
    }
    let answers = answers::answers(arguments, asks)?;
    let plan = plan(root, files(&answers))?;
    let owners = Owners::look(root, &answers)?;
    let told = told(&answers, &plan, &owners, root);
    if context.shared.format == Format::Human {
        show(context, &told)?;
    }
    let due = plan.iter().any(|(_, kept)| kept.is_written());
    let writes = !arguments.dry_run
        && due
        && (arguments.yes
            || ask("write that? yes or no", Some("no"), |answer| match answer {
                "y" | "yes" => Ok(true),
                "n" | "no" => Ok(false),
                _ => Err("say yes or no".to_owned()),
            })?);
    if writes {
        for (file, _) in plan.iter().filter(|(_, kept)| kept.is_written()) {
            write(root, file).map_err(|error| {
                Failure::caused(Exit::Internal, &format!("cannot write {}", file.path), &error)
            })?;
        }
    }
    let next = next(&answers, &plan, &owners);
    match context.shared.format {
        Format::Human if writes || !due => show(context, &next_told(&next))?,
        Format::Human => {}
        Format::Json => {
            let files: Vec<_> =
                plan.iter().map(|(file, kept)| json!({"path": file.path, "is": slug(kept)})).collect();
            let json = json!({
                "schema": "race.init/1",
                "mode": answers.mode.word(),
                "selection": answers.selection,
                "files": files,
                "written": writes,
                "next": next,
            });
            let shown = context.output.json(&json.to_string());
            shown.map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))?;
        }
    }
    Ok(Exit::Done)
}

fn show(context: &Context, text: &str) -> Result<(), Failure> {
    let shown = context.output.result(&inert_lines(text));
    shown.map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))
}

/// Each file, and what becomes of it.
fn plan(root: &Path, files: Vec<File>) -> Result<Vec<(File, Kept)>, Failure> {
    let judge = |file: File| {
        let there = read(&root.join(file.path))?;
        let kept = kept(file.path, there.as_deref(), &file.text);
        Ok((file, kept))
    };
    files.into_iter().map(judge).collect()
}

/// What stands in a file, where it is there.
fn read(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::caused(Exit::Invalid, &format!("cannot read {}", path.display()), &error)),
    }
}

/// Who owns what decides, and what is to be added for that.
struct Owners {
    /// The file, where there is one.
    there: Option<&'static str>,
    /// Lines that it lacks.
    missing: Vec<String>,
}

impl Owners {
    fn look(root: &Path, answers: &Answers) -> Result<Self, Failure> {
        let wanted = code_owners(answers);
        for path in CODEOWNERS {
            let Some(text) = read(&root.join(path))? else { continue };
            let plain = |pattern: &str| pattern.trim_matches(['/', '*']).to_owned();
            let first = |line: &str| plain(line.split_whitespace().next().unwrap_or_default());
            let owned: Vec<String> =
                text.lines().filter(|line| line.split_whitespace().count() > 1).map(first).collect();
            let missing = wanted.into_iter().filter(|line| !owned.contains(&first(line))).collect();
            return Ok(Self { there: Some(path), missing });
        }
        Ok(Self { there: None, missing: wanted })
    }
}

const fn word(kept: &Kept) -> &'static str {
    match kept {
        Kept::New => "new",
        Kept::Same => "as it should be",
        Kept::Ours { .. } => "replaced, nobody has edited it",
        Kept::Edited { .. } => "kept, it was edited",
    }
}

/// The same in the JSON.
const fn slug(kept: &Kept) -> &'static str {
    match kept {
        Kept::New => "new",
        Kept::Same => "same",
        Kept::Ours { .. } => "replaced",
        Kept::Edited { .. } => "kept",
    }
}

/// Which mode fits, and what becomes of each file.
fn told(answers: &Answers, plan: &[(File, Kept)], owners: &Owners, root: &Path) -> String {
    let soak = answers.soak();
    let mut text = format!("{soak}\n");
    for mode in Mode::ALL {
        let chosen = if mode == answers.mode { "*" } else { " " };
        let _ = match fit(mode, &soak, answers.runs_on) {
            Ok(room) => {
                let (room, cost) = (room_told(mode, room), Cost::of(mode, &soak, answers.runs_on));
                writeln!(text, "{chosen} {:7}  fits: {room}; {cost}", mode.word())
            }
            Err(why) => writeln!(text, "{chosen} {:7}  does not fit: {why}", mode.word()),
        };
    }
    let chooses = match answers.selection {
        Selection::Manual => "the reviewer chooses",
        Selection::Guarded => "the reviewer chooses, but cannot spare a testnet that the criteria require",
        Selection::Auto => "the criteria choose; where they need no testnet nobody has to approve",
    };
    let _ = writeln!(text, "{chooses}\n");
    for (file, kept) in plan {
        let _ = writeln!(text, "{}: {}", file.path, word(kept));
    }
    for (file, kept) in plan {
        if let Kept::Ours { diff } | Kept::Edited { diff } = kept {
            let what = if kept.is_written() { "changes" } else { "would change, and stays as it is" };
            let _ = write!(text, "\n{} {what}:\n{diff}", file.path);
        }
    }
    if !owners.missing.is_empty() {
        let file = owners.there.unwrap_or(CODEOWNERS[0]);
        let _ = writeln!(text, "\nfor {file}, which is left to you:\n{}", owners.missing.join("\n"));
    }
    for other in others(root) {
        let _ = writeln!(
            text,
            "\nwarning: {other} names a job {} as well; the check must be one of a kind",
            Policy::default().check
        );
    }
    text
}

/// Other workflows with a job that is called as the check.
fn others(root: &Path) -> Vec<String> {
    let check = Policy::default().check;
    let directory = root.join(".github/workflows");
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<String> = entries
        .filter(|entry| entry.file_name() != "testnet-deployer.yml")
        .filter(|entry| fs::read_to_string(entry.path()).is_ok_and(|text| names_the_check(&text, &check)))
        .map(|entry| format!(".github/workflows/{}", entry.file_name().display()))
        .collect();
    found.sort();
    found
}

fn write(root: &Path, file: &File) -> io::Result<()> {
    let path = root.join(file.path);
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    write_whole(&path, file.text.trim_end_matches('\n'))?;
    let mode = if file.executable { 0o755 } else { 0o644 };
    fs::set_permissions(&path, fs::Permissions::from_mode(mode))
}

/// What is left to do, in its order.
fn next(answers: &Answers, plan: &[(File, Kept)], owners: &Owners) -> Vec<String> {
    let mut steps = Vec::new();
    let edited: Vec<&str> = plan
        .iter()
        .filter(|(_, kept)| matches!(kept, Kept::Edited { .. }))
        .map(|(file, _)| file.path)
        .collect();
    if !edited.is_empty() {
        steps.push(format!("take over what you like of the changes above: {}", edited.join(", ")));
    }
    if answers.binary.is_none() {
        steps.push("say in .ci/build how the program is built that goes to the testnet".to_owned());
    }
    steps.push(if answers.targets.is_empty() {
        "name hosts, host keys, steps and nodes in policies/testnet.toml".to_owned()
    } else {
        "pin each host's key in policies/testnet.toml, as it stands on the host itself".to_owned()
    });
    steps.push(
        "fit the steps in policies/testnet.toml to how your node is installed and restarted".to_owned(),
    );
    steps.push(
        "run race policy check, and race deploy --plan to see what would be run on the hosts".to_owned(),
    );
    steps.push(
        "fit policies/criteria.toml to your repository: race advise --base REF says what it makes of a change"
            .to_owned(),
    );
    if !owners.missing.is_empty() {
        let file = owners.there.unwrap_or(CODEOWNERS[0]);
        steps.push(format!("add the lines above to {file}: who may change what decides"));
    }
    let names = &answers.environments;
    let mut secrets =
        format!("have the key to the hosts ready for the secret TESTNET_SSH_KEY of {}", names.testnet);
    if answers.mode != Mode::Poll {
        let _ = write!(
            secrets,
            ", and for that of {} one that can only forward (in the book: Keys for the testnet's hosts)",
            names.soak
        );
    }
    steps.push(secrets);
    let reviewers: String =
        answers.reviewers.iter().map(|reviewer| format!(" --reviewer {}", reviewer.reviewer())).collect();
    let reviewers = if reviewers.is_empty() { " --reviewer LOGIN".to_owned() } else { reviewers };
    steps.push(format!(
        "merge all this; then race doctor says what the repository's settings lack, and race doctor --fix{reviewers} \
         mends them"
    ));
    steps
}

fn next_told(steps: &[String]) -> String {
    let mut text = "\nnext:\n".to_owned();
    for (step, number) in steps.iter().zip(1..) {
        let _ = writeln!(text, "  {number}. {step}");
    }
    text
}
