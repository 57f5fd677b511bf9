//! What `poolcfg` alone tells outside of a project: what this machine holds, and what to type next.

use crate::cli::shell::print;

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
  poolcfg init               write a commented poolcfg.toml for this folder
  poolcfg generate           print the limits as Rust
  poolcfg --help             list every command and flag
";

/// Tells what to type next.
pub(crate) fn lead_on() {
    // Who has closed stdout wants to read nothing.
    let _ = print(NEXT);
}
