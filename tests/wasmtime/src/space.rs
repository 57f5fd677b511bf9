//! A process with as much address space as a small target has in one piece.

use std::process::Command;

use serde_json::Value;

use crate::command::number;

/// As many bytes as the largest hole of a result's budget, and besides what the budget keeps for the rest of
/// the process: its program, libraries, threads and heap, and the smaller pools, which the target's kernel
/// puts into the other hole.
///
/// # Errors
/// When the result names no budget.
pub fn hole(result: &Value) -> Result<u64, String> {
    Ok(number(result, "/budget/holes/0")? + number(result, "/budget/headroom_bytes")?)
}

/// The same command in `bytes` of address space.
#[must_use]
pub fn within(bytes: u64, command: &Command) -> Command {
    under(&format!("--as={bytes}"), command)
}

/// The same command under a limit, as `prlimit` is told it.
#[must_use]
pub fn under(limit: &str, command: &Command) -> Command {
    let mut within = Command::new("prlimit");
    within
        .arg(limit)
        .arg("--")
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => within.env(name, value),
            None => within.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        within.current_dir(folder);
    }
    within
}
