//! The binary: all it does is in the library, where tests and other binaries reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    service::cli::run().into()
}
