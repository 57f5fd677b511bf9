//! The triple that somebody may have meant who wrote none.

use poolcfg_core::file::{TargetFacts, nearest};

/// What other tools call an architecture, and rustc's name of it.
const ARCHITECTURES: [(&str, &str); 9] = [
    ("amd64", "x86_64"),
    ("arm64", "aarch64"),
    ("armhf", "armv7"),
    ("armv7l", "armv7"),
    ("i386", "i686"),
    ("ppc64le", "powerpc64le"),
    ("riscv32", "riscv32gc"),
    ("riscv64", "riscv64gc"),
    ("x64", "x86_64"),
];

/// Parts that most triples of their kind have.
const USUAL: [&str; 4] = ["unknown", "linux", "gnu", "gnueabihf"];

/// The triple that has all parts of `word` in their order and the fewest others, the usual ones before any other; or else
/// the one that is spelt most alike.
pub(super) fn triple(word: &str) -> Option<&'static str> {
    let triples = || TargetFacts::builtin_triples();
    let mut parts: Vec<&str> = word.split('-').collect();
    let arch = ARCHITECTURES
        .iter()
        .find(|(other, _)| Some(other) == parts.first());
    if let (Some((_, arch)), Some(first)) = (arch, parts.first_mut()) {
        *first = arch;
    }
    let others = |triple: &&str| {
        let mut wanted = parts.iter().peekable();
        let others = triple
            .split('-')
            .filter(|part| wanted.next_if_eq(&part).is_none());
        let others: Vec<&str> = others.collect();
        let unusual = others.iter().filter(|part| !USUAL.contains(part)).count();
        wanted.peek().is_none().then_some((unusual, others.len()))
    };
    let with_all = triples().filter_map(|triple| Some((others(&triple)?, triple)));
    let with_all = with_all.min_by_key(|(others, _)| *others);
    with_all
        .map(|(_, triple)| triple)
        .or_else(|| nearest(word, triples()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_what_most_triples_have() {
        for (word, meant) in [
            ("aarch64-unknown-linux", "aarch64-unknown-linux-gnu"),
            ("riscv64-linux", "riscv64gc-unknown-linux-gnu"),
            ("riscv64-unknown-linux-gnu", "riscv64gc-unknown-linux-gnu"),
            ("arm64-linux-musl", "aarch64-unknown-linux-musl"),
            ("x86_64-linux-gnu", "x86_64-unknown-linux-gnu"),
            ("amd64", "x86_64-unknown-linux-gnu"),
            ("armv7-linux", "armv7-unknown-linux-gnueabihf"),
            ("x86_64-windows-msvc", "x86_64-pc-windows-msvc"),
            ("aarch64-darwin", "aarch64-apple-darwin"),
            ("riscv64gc-unknown-linux-gun", "riscv64gc-unknown-linux-gnu"),
        ] {
            assert_eq!(triple(word), Some(meant), "{word}");
        }
        assert_eq!(triple("risc"), None);
        assert_eq!(triple(""), None);
    }
}
