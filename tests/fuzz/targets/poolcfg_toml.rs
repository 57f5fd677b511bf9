//! Any text as poolcfg.toml, asked what the property tests of poolcfg-core ask.
#![no_main]

#[path = "../../../poolcfg-core/tests/any_file/ask.rs"]
mod ask;

use std::sync::LazyLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use poolcfg_core::file::TargetFacts;

static TARGETS: LazyLock<Vec<TargetFacts>> = LazyLock::new(ask::targets);

const VARIABLES: [Option<&str>; 4] = [None, Some("sv39"), Some("own"), Some("none such")];

fuzz_target!(|text: &[u8]| -> Corpus {
    let Ok(source) = std::str::from_utf8(text) else {
        return Corpus::Reject;
    };
    // One target and one variable for each text: all of them would cost sixty times as much and find
    // little more in each text.
    let sum = text.iter().map(|byte| usize::from(*byte)).sum::<usize>();
    let target = &TARGETS[sum % TARGETS.len()..][..1];
    let variable = &VARIABLES[sum / TARGETS.len() % VARIABLES.len()..][..1];
    ask::ask(source, target, variable);
    Corpus::Keep
});
