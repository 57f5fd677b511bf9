//! What `poolcfg` alone tells outside of a project: what this machine holds, and what to type next.

use std::path::Path;

use poolcfg_core::file::FILE_NAME;

use crate::cli::shell::Shell;

/// What is done in its place.
pub(crate) const ARGUMENTS: [&str; 2] = ["check", "--here"];

/// What a person who has no project may want next.
const NEXT: &str = "\
Next:
  poolcfg explain --here     draw the address space of this machine, with its limits
  poolcfg probe              print what was measured
  poolcfg inspect FILE...    tell what a .wasm needs of a pool, or what a program is
  poolcfg --here --program FILE --workload APP.wasm --emit wasmtime-toml
                             write the settings with which this program runs that workload here
";

/// What stands below the line about poolcfg.toml.
const REST: &str = "  poolcfg generate           print the limits as Rust
  poolcfg --help             list every command and flag
";

/// Of a folder without a poolcfg.toml.
const INIT: &str = "  poolcfg init               write a commented poolcfg.toml for this folder\n";

/// Of a folder that has one.
const CHECK: &str = "  poolcfg check              check whether the pools of poolcfg.toml fit\n";

/// Tells what to type next.
pub(crate) fn lead_on(shell: &Shell) {
    let of_file = match Path::new(FILE_NAME).exists() {
        true => CHECK,
        false => INIT,
    };
    // Who has closed stdout wants to read nothing.
    let _ = shell.list(&format!("{NEXT}{of_file}{REST}"));
}
