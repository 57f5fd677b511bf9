//! Files: the modules and components that a `wasmtime` command was told to run, be they binary, text, or compiled.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::inspect::{Wanted, inspect};
use crate::why::trace::told::MemoryFailure;

/// The most that is read of a text, and what of it tells whether it is one.
const MOST: u64 = 64 << 20;
const BEGINNING: u64 = 4 << 10;

/// What a command runs, as far as it is there.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Binary files; of texts what they say.
    pub(super) paths: Vec<PathBuf>,
    /// Whether one was compiled before, for a reservation and a guard that have to stay as they were.
    pub(super) is_compiled: bool,
    /// Where the binary files of texts are.
    folder: Option<TempDir>,
}

impl Files {
    /// Of a command: what it loads before, and the first file, behind which words are for the program in it.
    pub(super) fn of(failure: &MemoryFailure) -> Self {
        let mut files = Self::default();
        let folder = Path::new(&failure.folder);
        let mut words = failure.arguments.iter().skip(1);
        while let Some(word) = words.next() {
            let loaded = match word.strip_prefix("--preload") {
                Some("") => words.next().map(String::as_str),
                Some(rest) => rest.strip_prefix('='),
                None => None,
            };
            match loaded.and_then(|loaded| loaded.split_once('=')) {
                Some((_, path)) => {
                    files.add(&folder.join(path));
                }
                None if files.add(&folder.join(word)) => break,
                None => {}
            }
        }
        files
    }

    /// Adds a file; whether it is one to run.
    fn add(&mut self, path: &Path) -> bool {
        let binary = match FileKind::of(path) {
            FileKind::Binary => Some(path.to_owned()),
            FileKind::Text(binary) => self.keep(&binary),
            FileKind::Compiled => {
                self.is_compiled = true;
                return true;
            }
            FileKind::Other => None,
        };
        let is_file = binary.is_some();
        self.paths.extend(binary);
        is_file
    }

    /// Keeps what a text says as a file.
    fn keep(&mut self, binary: &[u8]) -> Option<PathBuf> {
        if self.folder.is_none() {
            self.folder = tempfile::tempdir().ok();
        }
        let folder = self.folder.as_ref()?;
        let path = folder.path().join(format!("{}.wasm", self.paths.len()));
        fs::write(&path, binary).ok()?;
        Some(path)
    }

    /// How far their memories may grow, as they declare it; `None` if one declares no maximum.
    pub(super) fn most_memory(&self) -> Option<u64> {
        let most = self.paths.iter().map(|file| {
            let inspected = inspect(file, Wanted::Workload).ok()?;
            inspected.needs().and_then(|needs| needs.memory_maximum)
        });
        most.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// How large their memories are from their beginning; 0 where nothing tells.
    pub(super) fn least_memory(&self) -> u64 {
        let least = self.paths.iter().filter_map(|file| {
            let inspected = inspect(file, Wanted::Workload).ok()?;
            inspected.needs().map(|needs| needs.memory_minimum)
        });
        least.max().unwrap_or(0)
    }
}

/// Whether a word names a file that `wasmtime` runs.
pub(super) fn is_file(failure: &MemoryFailure, word: &str) -> bool {
    let path = Path::new(&failure.folder).join(word);
    !matches!(FileKind::of(&path), FileKind::Other)
}

/// What a file is, as Wasmtime sees it: its name does not count.
enum FileKind {
    Binary,
    /// A text, and what it says.
    Text(Vec<u8>),
    /// What `wasmtime compile` writes.
    Compiled,
    Other,
}

impl FileKind {
    fn of(path: &Path) -> Self {
        let is_file = path.is_file();
        let opened = File::open(path).ok().filter(|_| is_file);
        opened.and_then(Self::read).unwrap_or(Self::Other)
    }

    fn read(mut file: File) -> Option<Self> {
        let mut bytes = Vec::new();
        file.by_ref().take(BEGINNING).read_to_end(&mut bytes).ok()?;
        if bytes.starts_with(b"\0asm") {
            return Some(Self::Binary);
        }
        if bytes.starts_with(b"\x7fELF") {
            return Some(Self::Compiled);
        }
        // Large files that are none are not read to their end.
        if !b"(;".contains(bytes.trim_ascii_start().first()?) {
            return None;
        }
        file.take(MOST).read_to_end(&mut bytes).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        wat::parse_str(text).ok().map(Self::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_what_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        let text = write("a", b"\n;; a comment\n(module (memory 20000))");
        let compiled = write("b", b"\x7fELF\x02");
        let other = write("c.wat", b"(module (memory");
        let mut files = Files::default();
        assert!(files.add(&text));
        assert_eq!(files.least_memory(), 20_000 << 16);
        assert_eq!(files.most_memory(), None);
        assert!(!files.add(&other) && !files.add(folder.path()) && !files.is_compiled);
        assert!(files.add(&compiled) && files.is_compiled);
        assert_eq!(files.paths.len(), 1);
    }
}
