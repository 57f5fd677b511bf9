//! What the options of `wasmtime` say on its command line.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// The groups of options whose values are `KEY=VALUE`, by their letters and their names.
const GROUPS: [(&str, &str); 2] = [("-O", "--optimize"), ("-W", "--wasm")];

/// The names of the reservation of a memory: the new one, and the one up to 27.
pub(super) const RESERVATION: [&str; 2] = ["memory-reservation", "static-memory-maximum-size"];

/// The names of the guard of a memory: the new one, and the one up to 26.
pub(super) const GUARD: [&str; 2] = ["memory-guard-size", "static-memory-guard-size"];

/// A word of a command line, or an option that is one or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommandPart<'a> {
    Word(&'a str),
    /// The letter of a group, and its values with commas between them.
    Group(&'static str, &'a str),
}

/// The parts of a command line: the values of a group follow its letter or its name, or are the next word.
pub(super) fn parts(words: &[String]) -> Vec<CommandPart<'_>> {
    let mut words = words.iter();
    let mut parts = Vec::new();
    while let Some(word) = words.next() {
        let found = GROUPS.iter().find_map(|(letter, name)| {
            let rest = word
                .strip_prefix(name)
                .or_else(|| word.strip_prefix(letter))?;
            Some((*letter, rest.strip_prefix('=').unwrap_or(rest)))
        });
        parts.push(match found {
            None => CommandPart::Word(word),
            Some((letter, "")) => words.next().map_or(CommandPart::Word(word), |values| {
                CommandPart::Group(letter, values)
            }),
            Some((letter, values)) => CommandPart::Group(letter, values),
        });
    }
    parts
}

/// Each `KEY=VALUE` of the options of a command line.
fn values(arguments: &[String]) -> impl Iterator<Item = (&str, &str)> {
    let parts = parts(arguments).into_iter();
    let groups = parts.filter_map(|part| match part {
        CommandPart::Word(_) => None,
        CommandPart::Group(_, values) => Some(values),
    });
    groups
        .flat_map(|group| group.split(','))
        .filter_map(|value| value.split_once('='))
}

/// The names of what options say.
pub(super) fn names(arguments: &[String]) -> Vec<&str> {
    values(arguments).map(|(name, _)| name).collect()
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
        for said in [
            "-O=a=5",
            "--optimize a=5",
            "--optimize=a=5",
            "--wasm=b=c,a=5",
        ] {
            let line = words(&format!("wasmtime {said}"));
            assert_eq!(number(&line, &["a"]), Some(5), "{said}");
        }
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
