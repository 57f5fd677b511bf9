//! hello-wasi-http: our own component that answers every request with one line, built from source.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use wit_component::ComponentEncoder;

use crate::setup::{output, target, variable};

/// What it answers.
pub const BODY: &str = "hello from a pooled instance\n";

/// Builds it and gives its path.
///
/// # Errors
/// What the compiler or the encoder says.
pub fn build() -> Result<PathBuf, String> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("hello-wasi-http");
    let folder = target();
    // Another test, or another checkout, may be building it: cargo takes away what it has built before it puts the new one
    // there.
    let mine = fs::create_dir_all(&folder)
        .and_then(|()| File::create(folder.join("hello-wasi-http.lock")))
        .and_then(|file| file.lock().map(|()| file));
    let _mine = mine.map_err(|error| error.to_string())?;
    output(
        Command::new(env!("CARGO"))
            .current_dir(&source)
            .args(["build", "--locked", "--release", "--target", TARGET])
            .arg("-Zbuild-std=std,panic_abort")
            .arg("--target-dir")
            .arg(&folder)
            // There is no prebuilt library for this target on every machine.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("__CARGO_TESTS_ONLY_SRC_ROOT", variable("POOLCFG_RUST_SRC")),
    )?;
    let built = folder.join(TARGET).join("release/hello_wasi_http.wasm");
    let component = folder.join("hello-wasi-http.component.wasm");
    let failed = |error: &dyn std::fmt::Display| format!("`{}`: {error}", built.display());
    let module = fs::read(&built).map_err(|error| failed(&error))?;
    let encoded = ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| failed(&format_args!("{error:#}")))?;
    // Another test may be reading the one that is there.
    let written = component.with_extension(std::process::id().to_string());
    fs::write(&written, encoded)
        .and_then(|()| fs::rename(&written, &component))
        .map_err(|error| failed(&error))?;
    Ok(component)
}
