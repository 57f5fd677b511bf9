//! The program that embeds Wasmtime: its package, built with the features that a test asks for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use poolcfg_tests::root;

use crate::command::program;
use crate::release::Release;
use crate::setup::{output, target};

/// Flags with which the command compiles for an engine without threads and component-model-async, which
/// the embedder goes without.
const FEATURES_OFF: [&str; 2] = ["-W", "threads=n,concurrency-support=n"];

/// A copy of the embedder's package, whose features of Wasmtime are those of the copy's name.
#[derive(Debug)]
pub struct Embedder {
    folder: PathBuf,
    features: Vec<String>,
}

impl Embedder {
    /// Copies the package beside what it builds, has it use `features` of Wasmtime by default, and has our
    /// own command take over that fact into the copy's poolcfg.toml.
    ///
    /// # Errors
    /// When files cannot be written, or what our command says.
    pub fn with(features: &[&str]) -> Result<Self, String> {
        let name = format!("embedder-{}", features.join("-"));
        let folder = target().join(name);
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("embedder");
        for file in [
            "Cargo.toml",
            "Cargo.lock",
            "poolcfg.toml",
            "src/lib.rs",
            "src/main.rs",
            "src/bin/instantiate.rs",
        ] {
            let failed = |error| format!("`{file}` of the embedder: {error}");
            let mut text = fs::read_to_string(source.join(file)).map_err(failed)?;
            if file == "Cargo.toml" {
                let runtime = root().join("poolcfg-runtime");
                text = text
                    .replace("../../../poolcfg-runtime", &runtime.to_string_lossy())
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
        output(
            Command::new(env!("CARGO"))
                .current_dir(&self.folder)
                .args(["build", "--locked", "--profile", profile, "--bin", name])
                .arg("--target-dir")
                .arg(target())
                .env_remove("POOLCFG_VA_PROFILE"),
        )?;
        let built = if profile == "dev" { "debug" } else { profile };
        // The next copy's program takes the same name.
        let program = self.folder.join(name);
        let built = target().join(built).join(name);
        fs::copy(&built, &program).map_err(|error| format!("`{}`: {error}", built.display()))?;
        Ok(program)
    }

    /// Precompiles `text` with the command of the embedder's version and the settings that our command emits
    /// for the package, and gives the path.
    ///
    /// # Errors
    /// What either command says.
    pub fn compile(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let config = self.path("wasmtime.toml");
        output(
            self.poolcfg()
                .args(["--emit", "wasmtime-toml", "-o"])
                .arg(&config),
        )?;
        self.compile_with(&config, name, text)
    }

    /// Precompiles `text` with the settings of another file.
    ///
    /// # Errors
    /// What the command says.
    pub fn compile_with(&self, config: &Path, name: &str, text: &str) -> Result<PathBuf, String> {
        let source = self.path(name).with_extension("wat");
        let compiled = self.path(name).with_extension("cwasm");
        fs::write(&source, text).map_err(|error| format!("`{}`: {error}", source.display()))?;
        let mut flags = FEATURES_OFF.map(str::to_owned).to_vec();
        for (feature, flag) in [("gc", "gc-support=n"), ("component-model", "component-model=n")] {
            if !self.features.iter().any(|own| own == feature) {
                flags.extend(["-W".to_owned(), flag.to_owned()]);
            }
        }
        Release::of_embedder().compile(config, &flags, &source, &compiled)?;
        Ok(compiled)
    }
}
