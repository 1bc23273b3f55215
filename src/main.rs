//! The binary `race`. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    testnet_deployer::commands::main(std::env::args_os())
}
