//! `poolcfg`: the same command, for a machine without cargo. A link to it called `cargo-poolcfg` is cargo's subcommand.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    cargo_poolcfg::main(cargo_poolcfg::InvokedAs::by_name())
}
