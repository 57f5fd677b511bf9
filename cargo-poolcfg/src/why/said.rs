//! What the command line of `wasmtime` says: the numbers of its options, and the files of WebAssembly on it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::inspect::{Wanted, inspect};
use crate::why::trace::told::MemoryFailure;

/// The groups of options whose values are `KEY=VALUE`.
const GROUPS: [&str; 2] = ["-O", "-W"];

/// Each `KEY=VALUE` of the options of a command line, which may follow the group's letter or be the next word.
fn values(arguments: &[String]) -> impl Iterator<Item = (&str, &str)> {
    let mut words = arguments.iter();
    let mut groups = Vec::new();
    while let Some(word) = words.next() {
        let Some(value) = GROUPS.iter().find_map(|group| word.strip_prefix(group)) else {
            continue;
        };
        match value {
            "" => groups.extend(words.next().map(String::as_str)),
            value => groups.push(value),
        }
    }
    let values = groups.into_iter().flat_map(|group| group.split(','));
    values.filter_map(|value| value.split_once('='))
}

/// The number that options say last under one of these names.
pub(super) fn number(arguments: &[String], names: &[&str]) -> Option<u64> {
    let said = values(arguments).filter(|(name, _)| names.contains(name));
    said.last()?.1.parse().ok()
}

/// Whether an option is switched off.
pub(super) fn is_off(arguments: &[String], name: &str) -> bool {
    let last = values(arguments).filter(|(said, _)| *said == name).last();
    matches!(last, Some((_, "n" | "no" | "false")))
}

/// The modules and components that a process was told to run, as far as they are there.
pub(super) fn files(failure: &MemoryFailure) -> Vec<PathBuf> {
    let folder = Path::new(&failure.folder);
    let paths = failure
        .arguments
        .iter()
        .skip(1)
        .map(|word| folder.join(word));
    paths.filter(|path| is_wasm(path)).collect()
}

fn is_wasm(path: &Path) -> bool {
    let mut beginning = [0; 4];
    let is_file = path.is_file();
    is_file
        && File::open(path).is_ok_and(|mut file| file.read_exact(&mut beginning).is_ok())
        && beginning == *b"\0asm"
}

/// How far the memories of files may grow, as they declare it; `None` if one declares no maximum.
pub(super) fn most_memory(files: &[PathBuf]) -> Option<u64> {
    let most = files.iter().map(|file| {
        let inspected = inspect(file, Wanted::Program).ok()?;
        inspected.needs().and_then(|needs| needs.memory_maximum)
    });
    most.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// How large the memories of files are from their beginning; 0 where nothing tells.
pub(super) fn least_memory(files: &[PathBuf]) -> u64 {
    let least = files.iter().filter_map(|file| {
        let inspected = inspect(file, Wanted::Program).ok()?;
        inspected.needs().map(|needs| needs.memory_minimum)
    });
    least.max().unwrap_or(0)
}

/// Whether a program is the `wasmtime` command under another name: it has the name of an option.
pub(super) fn is_command(program: &Path) -> bool {
    const NAME: &[u8] = b"pooling-total-memories";
    const PIECE: usize = 1 << 20;
    let Ok(mut file) = File::open(program) else {
        return false;
    };
    let mut piece = Vec::new();
    loop {
        // The end of the piece before, in which the name may begin.
        let kept = piece.len().min(NAME.len() - 1);
        piece.drain(..piece.len() - kept);
        let limit = u64::try_from(PIECE).unwrap_or(u64::MAX);
        match file.by_ref().take(limit).read_to_end(&mut piece) {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
        if has_word(&piece, NAME) {
            return true;
        }
    }
}

/// Whether a word stands in a text.
fn has_word(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn numbers_are_read_wherever_they_stand() {
        let line = words("wasmtime run -Omemory-reservation=1 -O a=b,memory-reservation=2 -W x=3");
        assert_eq!(number(&line, &["memory-reservation"]), Some(2));
        assert_eq!(number(&line, &["none", "x"]), Some(3));
        assert_eq!(number(&line, &["a"]), None);
        assert!(is_off(&words("w -O g=y,g=n"), "g") && !is_off(&words("w -O g=n,g=y"), "g"));
    }

    #[test]
    fn a_name_is_found_across_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("program");
        for (before, is_there) in [(0, true), ((1 << 20) - 5, true), (3 << 20, true)] {
            let mut bytes = vec![b'-'; before];
            bytes.extend_from_slice(b"pooling-total-memories");
            std::fs::write(&file, &bytes).unwrap();
            assert_eq!(is_command(&file), is_there, "{before}");
            bytes.pop();
            std::fs::write(&file, &bytes).unwrap();
            assert!(!is_command(&file), "{before}");
        }
    }
}
