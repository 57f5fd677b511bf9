//! What the tests of the command share: folders that go away, and how a run ended.

#![allow(
    dead_code,
    reason = "every test program uses a part of what they share"
)]

pub(crate) mod generated;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

/// A folder that goes away with its owner.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// Writes a file, and makes the folders above it.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }
}

/// The commands that a help text lists.
pub(crate) fn commands(help: &str) -> impl Iterator<Item = &str> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
}

/// How a run ended and what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The JSON object, which is all that stdout has, and as the schema says.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        json(&self.stdout)
    }

    /// The only result of the JSON object.
    #[track_caller]
    pub(crate) fn only_result(&self) -> Value {
        let mut json = self.json();
        match json["results"].as_array_mut().map(Vec::as_mut_slice) {
            Some([result]) => result.take(),
            _ => panic!("not one result: {json:#}"),
        }
    }

    #[track_caller]
    pub(crate) fn ends(&self, status: i32) -> &Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "{text}\n{self:#?}");
        self
    }

    #[track_caller]
    pub(crate) fn says_nothing_of(&self, text: &str) -> &Self {
        assert!(!self.stderr.contains(text), "{text}\n{self:#?}");
        self
    }
}

/// A text that is one JSON object and keeps to the schema.
#[track_caller]
pub(crate) fn json(text: &str) -> Value {
    static SCHEMA: OnceLock<(boon::Schemas, boon::SchemaIndex)> = OnceLock::new();
    let (schemas, schema) = SCHEMA.get_or_init(|| {
        let text = include_str!("../../schema/poolcfg-2.schema.json");
        let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
        let name = "poolcfg-2.schema.json";
        compiler
            .add_resource(name, serde_json::from_str(text).unwrap())
            .unwrap();
        let schema = compiler.compile(name, &mut schemas).unwrap();
        (schemas, schema)
    });
    let json = match serde_json::from_str(text) {
        Ok(json) => json,
        Err(error) => panic!("{error}\n{text}"),
    };
    if let Err(error) = schemas.validate(&json, *schema) {
        panic!("{error}\n{json:#}");
    }
    json
}

pub(crate) fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran {
        status: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// The command under one of its two names, without what the environment may say to it.
pub(crate) fn program(name: &str, folder: &Path) -> Command {
    let path = match name {
        "poolcfg" => env!("CARGO_BIN_EXE_poolcfg"),
        _ => env!("CARGO_BIN_EXE_cargo-poolcfg"),
    };
    let mut command = Command::new(path);
    // The texts that are expected have characters that the locale C lacks.
    command.env("LC_ALL", "C.UTF-8");
    command.current_dir(folder).stdin(Stdio::null());
    for variable in [
        "POOLCFG_VA_PROFILE",
        "CARGO_BUILD_TARGET",
        "CARGO_TERM_COLOR",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
        "RUSTFLAGS",
    ] {
        command.env_remove(variable);
    }
    command
}

/// What a line of the shell shows on a terminal of so many columns and lines, which util-linux's `script` makes, without
/// colours.
#[cfg(target_os = "linux")]
pub(crate) fn on_terminal(folder: &Path, (columns, lines): (usize, usize), line: &str) -> String {
    let line = format!("stty cols {columns} rows {lines}; {line}");
    let mut script = Command::new("script");
    script
        .current_dir(folder)
        .args(["--quiet", "--command", &line, "/dev/null"])
        .stdin(Stdio::null())
        .env("TERM", "xterm")
        .env("LC_ALL", "C.UTF-8")
        .env("NO_COLOR", "1");
    ran(&mut script).stdout.replace('\r', "")
}
