//! Hands the triple that the command is built for to the command: on a machine without rustc that is
//! the host.
#![forbid(unsafe_code)]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=POOLCFG_BUILT_FOR={target}");
}
