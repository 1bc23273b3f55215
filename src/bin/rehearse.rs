//! The binary `rehearse`: the whole flow on loopback. Called by the name `race`
//! it is `race`, so that one `cargo run` is enough for a rehearsal.

use std::path::Path;
use std::process::ExitCode;

use testnet_deployer::{commands, rehearsal};

fn main() -> ExitCode {
    let called = std::env::args_os().next();
    let name = called.as_deref().map(Path::new).and_then(Path::file_name);
    if name.is_some_and(|name| name == "race") {
        rehearsal::leave_with_rehearsal();
        commands::main(std::env::args_os())
    } else {
        rehearsal::main(std::env::args_os())
    }
}
