//! `cargo poolcfg`: the command as a subcommand of cargo.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    cargo_poolcfg::main(cargo_poolcfg::InvokedAs::Subcommand)
}
