//! `race generate`: shell completions and the manual page, from the command line's own
//! description, on stdout.

use std::io;

use clap::CommandFactory as _;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::{Arguments, Generate};
use crate::exit::Exit;

use super::{Context, Failure};

/// Runs `race generate`.
pub(super) fn run(arguments: &Generate, context: &Context) -> Result<Exit, Failure> {
    let mut command = Arguments::command();
    let mut text = Vec::new();
    match arguments {
        Generate::Completions { shell } => {
            let name = command.get_name().to_owned();
            clap_complete::generate(*shell, &mut command, name, &mut text);
        }
        Generate::Man => man(command, &mut text)
            .map_err(|error| Failure::caused(Exit::Internal, "cannot make the manual page", &error))?,
    }
    let shown = context.output.result(&String::from_utf8_lossy(&text));
    shown.map_err(|error| Failure::caused(Exit::Internal, "cannot write the result", &error))?;
    Ok(Exit::Done)
}

/// One page with every subcommand in it: whoever looks for a flag finds it by one search.
fn man(mut command: clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    command.build();
    let subcommands: Vec<clap::Command> = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
        .cloned()
        .collect();
    let whole = Man::new(command).section("1").manual("race manual");
    whole.render_title(page)?;
    whole.render_name_section(page)?;
    whole.render_synopsis_section(page)?;
    whole.render_description_section(page)?;
    whole.render_options_section(page)?;
    for subcommand in subcommands {
        one(subcommand, page)?;
    }
    let mut end = Roff::new();
    end.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        end.control("TP", []).text([bold(exit.code().to_string())]).text([roman(exit.meaning())]);
    }
    end.to_writer(page)
}

/// A subcommand, and those below it, as a section each.
fn one(subcommand: clap::Command, page: &mut Vec<u8>) -> io::Result<()> {
    // What every subcommand takes stands once, at the beginning.
    let subcommand = subcommand.mut_args(|arg| {
        let everywhere = arg.is_global_set() || arg.get_id() == "help";
        arg.hide(everywhere)
    });
    let title = subcommand.get_bin_name().unwrap_or(subcommand.get_name()).to_uppercase();
    let below: Vec<clap::Command> =
        subcommand.get_subcommands().filter(|sub| sub.get_name() != "help").cloned().collect();
    let about = subcommand.get_about().map(ToString::to_string).unwrap_or_default();
    let mut own = Vec::new();
    let section = Man::new(subcommand);
    section.render_synopsis_section(&mut own)?;
    section.render_options_section(&mut own)?;
    Roff::new().control("SH", [title.as_str()]).text([roman(about)]).to_writer(page)?;
    // What is a section of a page of its own is a part of this one.
    page.extend(String::from_utf8_lossy(&own).replace(".SH ", ".SS ").bytes());
    below.into_iter().try_for_each(|subcommand| one(subcommand, page))
}
