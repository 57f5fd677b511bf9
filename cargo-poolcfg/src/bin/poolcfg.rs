//! `poolcfg`: the same command, for a machine without cargo.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    cargo_poolcfg::main(cargo_poolcfg::InvokedAs::Alone)
}
