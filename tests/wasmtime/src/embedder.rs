//! The program that embeds Wasmtime: its package, built with the features that a test asks for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use poolcfg_tests::root;
use serde_json::Value;

use crate::command::{Folder, HOST, only_result, program};
use crate::release::Release;
use crate::setup::{output, target};

/// A component whose instances have 5 core instances, a memory and 3 tables: as many as they may have. (A table of
/// externref would need a heap as well, which takes the place of a memory unless poolcfg.toml counts it.)
pub const THREE_TABLES: &str = "(component
    (core module $main (memory 1) (table 10 funcref) (table 1 funcref))
    (core module $shim (table 2 funcref))
    (core module $other)
    (core instance (instantiate $main))
    (core instance (instantiate $shim))
    (core instance (instantiate $other))
    (core instance (instantiate $other))
    (core instance (instantiate $other)))";

/// Flags with which the command compiles for an engine without threads and component-model-async, which
/// the embedder goes without.
const FEATURES_OFF: [&str; 2] = ["-W", "threads=n,concurrency-support=n"];

/// A copy of the embedder's package, whose features of Wasmtime are those of the copy's name.
#[derive(Debug)]
pub struct Embedder {
    folder: PathBuf,
    features: Vec<String>,
}

/// Tests run side by side, and those with the same features share a copy.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Embedder {
    /// Copies the package beside what it builds, has it use `features` of Wasmtime by default, and has our
    /// own command take over that fact into the copy's poolcfg.toml.
    ///
    /// # Errors
    /// When files cannot be written, or what our command says.
    pub fn with(features: &[&str]) -> Result<Self, String> {
        let _one = one_at_a_time();
        let folder = target().join([&["embedder"], features].concat().join("-"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("embedder");
        for file in [
            "Cargo.toml",
            "Cargo.lock",
            "poolcfg.toml",
            "src/lib.rs",
            "src/main.rs",
            "src/bin/components.rs",
            "src/bin/instantiate.rs",
            "src/bin/memory-cycle.rs",
            "src/bin/needs.rs",
            "src/bin/published.rs",
            "src/bin/stale.rs",
        ] {
            let failed = |error| format!("`{file}` of the embedder: {error}");
            let mut text = fs::read_to_string(source.join(file)).map_err(failed)?;
            if file == "Cargo.toml" {
                let runtime = root().join("poolcfg-runtime");
                let swapped = root().join("tests/swapped");
                text = text
                    .replace("../../../poolcfg-runtime", &runtime.to_string_lossy())
                    .replace("../../swapped", &swapped.to_string_lossy())
                    .replace(
                        "default = [\"async\", \"component-model\", \"gc\"]",
                        &format!("default = {features:?}"),
                    );
            }
            let path = folder.join(file);
            let parent = path.parent().unwrap_or(&folder);
            fs::create_dir_all(parent).map_err(failed)?;
            // What is as it was is not built again.
            if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
                fs::write(&path, text).map_err(failed)?;
            }
        }
        let embedder = Self {
            folder,
            features: features.iter().map(|&feature| feature.to_owned()).collect(),
        };
        output(embedder.poolcfg().arg("sync"))?;
        Ok(embedder)
    }

    /// Our own command in the package.
    #[must_use]
    pub fn poolcfg(&self) -> Command {
        let mut command = Command::new(program());
        command
            .current_dir(&self.folder)
            .env_remove("POOLCFG_VA_PROFILE");
        command
    }

    /// What our command says of the package's only pool on a target.
    ///
    /// # Errors
    /// What it says when it says something else.
    pub fn result(&self, target: &str) -> Result<Value, String> {
        let mut emit = self.poolcfg();
        only_result(&output(emit.args(["--emit", "json", "--target", target]))?)
    }

    /// A file of the package, or a name for a new one.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// Builds a program of the package, with one more flag for cargo, and gives its path.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn build(&self, name: &str, profile: &str) -> Result<PathBuf, String> {
        let _one = one_at_a_time();
        output(
            Command::new(env!("CARGO"))
                .current_dir(&self.folder)
                .args(["build", "--locked", "--profile", profile, "--bin", name])
                .arg("--target-dir")
                .arg(target())
                .env_remove("POOLCFG_VA_PROFILE"),
        )?;
        let built = if profile == "dev" { "debug" } else { profile };
        let built = target().join(built).join(name);
        // The next copy's program takes the same name, and this one may be running.
        let program = self.folder.join(name);
        let new = program.with_extension("new");
        fs::copy(&built, &new)
            .and_then(|_| fs::rename(&new, &program))
            .map_err(|error| format!("`{}`: {error}", built.display()))?;
        Ok(program)
    }

    /// Precompiles `text` with the command of the embedder's version and the settings that our command emits
    /// for it, and gives the path.
    ///
    /// # Errors
    /// What either command says.
    pub fn compile(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        self.compile_changed(name, "", "", text)
    }

    /// The same for any processor of a target, and not for this machine's alone.
    ///
    /// # Errors
    /// What either command says.
    pub fn compile_for(&self, target: &str, name: &str, text: &str) -> Result<PathBuf, String> {
        self.compile_with(&["--target", target], name, ("", ""), text)
    }

    /// The same with the line `own` of the settings replaced by `other`.
    ///
    /// # Errors
    /// What either command says, or that there is no such line.
    pub fn compile_changed(
        &self,
        name: &str,
        own: &str,
        other: &str,
        text: &str,
    ) -> Result<PathBuf, String> {
        self.compile_with(&[], name, (own, other), text)
    }

    fn compile_with(
        &self,
        flags: &[&str],
        name: &str,
        (own, other): (&str, &str),
        text: &str,
    ) -> Result<PathBuf, String> {
        // The command calls on stacks even where the program has none, so that it takes no settings without
        // them. What compiled code depends on is the same in every copy.
        let whole = Folder::new(
            include_str!("../embedder/poolcfg.toml"),
            &["--target", HOST],
        )?;
        let settings = whole.emit("wasmtime-toml")?;
        if !settings.contains(own) {
            return Err(format!("no `{own}` in\n{settings}"));
        }
        let file = |extension: &str| self.path(name).with_extension(extension);
        let (config, source, compiled) = (file("toml"), file("wat"), file("cwasm"));
        for (path, text) in [(&config, &*settings.replace(own, other)), (&source, text)] {
            fs::write(path, text).map_err(|error| format!("`{}`: {error}", path.display()))?;
        }
        let mut compile = Release::of_embedder().command("compile");
        compile
            .args(flags)
            .arg("--config")
            .arg(&config)
            .args(FEATURES_OFF);
        for (feature, flag) in [
            ("gc", "gc-support=n,exceptions=n"),
            ("component-model", "component-model=n"),
        ] {
            if !self.features.iter().any(|own| own == feature) {
                compile.args(["-W", flag]);
            }
        }
        output(compile.arg("-o").arg(&compiled).arg(&source))?;
        Ok(compiled)
    }
}
