//! `why`, where no command can be traced.

use poolcfg_core::Code;

use crate::cli::args::Why;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::context::Context;

/// Says so.
///
/// # Errors
/// Always.
pub(crate) fn run(_context: &Context<'_>, arguments: &Why) -> Result<Exit, Error> {
    let Why {
        retry: _,
        output: _,
        command,
    } = arguments;
    let name = command.first();
    let name = name.map_or_else(Default::default, |name| name.to_string_lossy());
    Err(Error::new(
        Code::NotTraced,
        format!("cannot trace `{name}`: `why` runs on Linux, on x86_64, aarch64 and riscv64"),
        "run it on such a machine",
    )
    .exiting(Exit::OWN_FAILURE))
}
