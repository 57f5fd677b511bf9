//! Hands the triple that the command is built for to the command: on a machine without rustc that is
//! the host.
#![forbid(unsafe_code)]

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=POOLCFG_BUILT_FOR={target}");
    // Where `why` traces: 64 bits of the architectures whose calls it knows.
    println!("cargo::rustc-check-cfg=cfg(has_tracer)");
    let cfg = |name| std::env::var(name).unwrap_or_default();
    let is_known = ["x86_64", "aarch64", "riscv64"].contains(&&*cfg("CARGO_CFG_TARGET_ARCH"));
    let is_wide = cfg("CARGO_CFG_TARGET_POINTER_WIDTH") == "64";
    if cfg("CARGO_CFG_TARGET_OS") == "linux" && is_known && is_wide {
        println!("cargo::rustc-cfg=has_tracer");
    }
}
