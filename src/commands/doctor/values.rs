//! The values of secrets and variables: from files, standard input or environment
//! variables, never from the command line.

use std::collections::BTreeMap;
use std::io::Read as _;

use crate::cli::Doctor;
use crate::commands::{Context, Failure};
use crate::config::Secret;
use crate::exit::Exit;
use crate::setup::{Code, Finding};

/// The values that are at hand, by the names of what is missing.
pub(super) fn gather(
    arguments: &Doctor,
    context: &Context,
    findings: &[Finding],
) -> Result<BTreeMap<String, Secret>, Failure> {
    let mut values = BTreeMap::new();
    let is_wanted = |finding: &&Finding| [Code::SecretMissing, Code::VariableMissing].contains(&finding.code);
    for finding in findings.iter().filter(is_wanted) {
        if let Some(value) = context.runner.secret(&finding.item) {
            values.insert(finding.item.clone(), value);
        }
    }
    for argument in &arguments.values {
        let invalid = |what: String| Failure::new(Exit::Invalid, what).help("write --value NAME=FILE");
        let (name, file) =
            argument.split_once('=').ok_or_else(|| invalid("--value names no file".to_owned()))?;
        let mut text = String::new();
        let read = match file {
            "-" if !arguments.yes => {
                return Err(
                    invalid("standard input cannot hold a value and a yes".to_owned()).help("pass --yes")
                );
            }
            "-" => std::io::stdin().read_to_string(&mut text).map(drop),
            _ => std::fs::read_to_string(file).map(|read| text = read),
        };
        read.map_err(|error| {
            Failure::caused(Exit::Invalid, &format!("cannot read the value of {name}"), &error)
        })?;
        let value = Secret::new(&text).ok_or_else(|| invalid(format!("the value of {name} is empty")))?;
        values.insert(name.to_uppercase(), value);
    }
    Ok(values)
}
