//! The binary `rehearse`: the whole flow on loopback. Called by the name `race`
//! it is `race`, so that one `cargo run` is enough for a rehearsal.

use std::process::ExitCode;

fn main() -> ExitCode {
    testnet_deployer::commands::main(std::env::args_os())
}
