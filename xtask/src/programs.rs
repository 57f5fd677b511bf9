//! Test programs: those of all packages, built together once. Cargo builds a dependency anew for every set of packages
//! that asks other features of it, so that a suite of one package would build again nearly all that is built for all.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run::{cargo, output, root, run};

/// A test program.
pub(crate) struct Program {
    /// The package's folder below the root of the checkout, such as `tests/wasmtime`.
    pub package: String,
    /// What cargo calls it.
    pub name: String,
    /// Its file.
    file: PathBuf,
}

/// Builds the test programs of all packages, and gives them in cargo's order.
pub(crate) fn build() -> Result<Vec<Program>, String> {
    let mut cargo = cargo();
    cargo
        .current_dir(root())
        .args(["test", "--workspace", "--no-run"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit());
    let messages = output(&mut cargo)?;
    Ok(messages.lines().filter_map(Program::of_message).collect())
}

/// Runs the examples in the documentation of all packages.
pub(crate) fn examples() -> Result<(), String> {
    run(cargo()
        .current_dir(root())
        .args(["test", "--workspace", "--doc"]))
}

impl Program {
    /// The test program that a message of cargo's tells of, if it tells of one.
    fn of_message(message: &str) -> Option<Self> {
        let (_, profile) = message.split_once("\"profile\":{")?;
        if !profile.split('}').next()?.contains("\"test\":true") {
            return None;
        }
        let text = |name: &str| {
            let (_, rest) = message.split_once(&format!("\"{name}\":\""))?;
            rest.split('"').next()
        };
        let folder = Path::new(text("manifest_path")?).parent()?;
        Some(Self {
            package: folder.strip_prefix(root()).ok()?.to_str()?.to_owned(),
            name: text("name")?.to_owned(),
            file: PathBuf::from(text("executable")?),
        })
    }

    /// Runs it as cargo does.
    pub(crate) fn run(
        &self,
        arguments: &[&str],
        variables: &[(&'static str, PathBuf)],
    ) -> Result<(), String> {
        let folder = root().join(&self.package);
        run(Command::new(&self.file)
            .current_dir(&folder)
            .args(arguments)
            .env("CARGO_MANIFEST_DIR", &folder)
            .env("CARGO_MANIFEST_PATH", folder.join("Cargo.toml"))
            .envs(variables.iter().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_program_is_told_from_what_else_cargo_builds() {
        let root = root().display();
        let message = |test: bool, executable: &str| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"package_id\":\"path+file://{root}/tests/kernels#a@0.1.0\",\
                 \"manifest_path\":\"{root}/tests/kernels/Cargo.toml\",\
                 \"target\":{{\"kind\":[\"test\"],\"crate_types\":[\"bin\"],\"name\":\"kernels\",\
                 \"src_path\":\"{root}/tests/kernels/tests/kernels/main.rs\",\"edition\":\"2024\",\
                 \"doc\":false,\"doctest\":false,\"test\":true}},\
                 \"profile\":{{\"opt_level\":\"0\",\"debuginfo\":2,\"test\":{test}}},\"features\":[],\
                 \"filenames\":[\"/t/kernels-1\"],\"executable\":{executable},\"fresh\":true}}"
            )
        };
        let program = Program::of_message(&message(true, "\"/t/kernels-1\"")).unwrap();
        assert_eq!(program.package, "tests/kernels");
        assert_eq!(program.name, "kernels");
        assert_eq!(program.file, Path::new("/t/kernels-1"));
        assert!(Program::of_message(&message(false, "\"/t/kernels-1\"")).is_none());
        assert!(Program::of_message(&message(true, "null")).is_none());
        assert!(Program::of_message("{\"reason\":\"build-finished\",\"success\":true}").is_none());
    }
}
