//! The values of secrets and variables: from files, standard input or environment
//! variables, never from the command line.

use std::collections::BTreeMap;
use std::io::Read as _;

use crate::cli::Doctor;
use crate::commands::{Context, Failure};
use crate::config::Secret;
use crate::exit::Exit;
use crate::setup::mending::is_gate;
use crate::setup::{Code, Finding};

use super::look::Look;

/// Values by (environment, name).
pub(super) type Values = BTreeMap<(String, String), Secret>;

/// The values of what is missing, as far as they are at hand. Without its own name an
/// environment that is no gate gets none: it is not guarded.
pub(super) fn gather(arguments: &Doctor, context: &Context, before: &Look) -> Result<Values, Failure> {
    let given = given(arguments)?;
    let mut values = Values::new();
    for Finding { code, subject, item, .. } in &before.findings {
        if ![Code::SecretMissing, Code::VariableMissing].contains(code) {
            continue;
        }
        let own = given.get(&format!("{subject}/{item}").to_lowercase());
        let common = || {
            let by_file = given.get(&item.to_lowercase()).cloned();
            by_file.or_else(|| context.runner.secret(item)).filter(|_| is_gate(&before.policy, subject))
        };
        if let Some(value) = own.cloned().or_else(common) {
            values.insert((subject.clone(), item.clone()), value);
        }
    }
    Ok(values)
}

/// What the flags give, by what they call it.
fn given(arguments: &Doctor) -> Result<BTreeMap<String, Secret>, Failure> {
    let mut given = BTreeMap::new();
    for argument in &arguments.values {
        let invalid = |what: String| Failure::new(Exit::Invalid, what).help("write --value NAME=FILE");
        let (name, file) =
            argument.split_once('=').ok_or_else(|| invalid("--value names no file".to_owned()))?;
        let mut text = String::new();
        let read = match file {
            "-" if !arguments.yes => {
                let what = "standard input cannot hold a value and a yes".to_owned();
                return Err(invalid(what).help("pass --yes"));
            }
            "-" => std::io::stdin().read_to_string(&mut text).map(drop),
            _ => std::fs::read_to_string(file).map(|read| text = read),
        };
        read.map_err(|error| {
            Failure::caused(Exit::Invalid, &format!("cannot read the value of {name}"), &error)
        })?;
        let value = Secret::new(&text).ok_or_else(|| invalid(format!("the value of {name} is empty")))?;
        given.insert(name.to_lowercase(), value);
    }
    Ok(given)
}
