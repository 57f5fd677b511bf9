//! Flags that each say one key: where what they say stands, and the line of the file that would say the same.

use std::path::PathBuf;

use poolcfg_core::{FilePlace, Setting, Text};

use super::{VARIABLE, Wish};
use crate::cli::error::Source;

/// A flag that says one key.
#[derive(Clone, Copy, Debug)]
pub(super) enum OwnFlag {
    VaProfile,
    RelocationModel,
    StackLimit,
    Aslr,
    Layout,
    EngineVersion,
}

/// A value of a flag, with its place behind the `first` ones.
pub(super) fn at<T>(first: u32, flag: OwnFlag, value: Option<T>) -> Option<Setting<T>> {
    let number = first.saturating_add(flag as u32).saturating_add(1);
    let place = FilePlace::flag(number);
    value.map(|value| Setting { value, place })
}

impl Wish {
    /// The flag at a place as a line of the file; `None` if none is there.
    pub(super) fn own_line(&self, place: FilePlace) -> Option<Source> {
        let index = place.as_flag()?.checked_sub(self.first)?.checked_sub(1)?;
        let keys = &self.keys;
        let quoted = |key: &str, value: &str| format!("{key} = {value:?}");
        let lines = [
            (
                "--va-profile",
                self.va_profile
                    .as_deref()
                    .map(|name| quoted("va_profile", name)),
            ),
            (
                "--relocation-model",
                keys.relocation_model
                    .map(|key| quoted("relocation_model", key.value.word())),
            ),
            (
                "--stack-limit",
                keys.stack_limit
                    .map(|key| quoted("stack_limit", key.value.text().as_str())),
            ),
            ("--aslr", keys.aslr.map(|key| aslr(&key.value.text()))),
            (
                "--layout",
                keys.layout.map(|key| quoted("layout", key.value.word())),
            ),
            (
                "--engine-version",
                self.engine_version
                    .map(|version| quoted("version", &version.to_string())),
            ),
        ];
        let (flag, line) = lines.into_iter().nth(usize::try_from(index).ok()?)?;
        let shown = match self.is_variable && flag == "--va-profile" {
            true => VARIABLE,
            false => flag,
        };
        Some(Source {
            path: PathBuf::new(),
            shown: shown.to_owned(),
            text: line?.into(),
        })
    }
}

/// Bits are a number in the file, and words are in quotes.
fn aslr(value: &Text) -> String {
    let value = value.as_str();
    match value.parse::<u32>() {
        Ok(bits) => format!("aslr = {bits}"),
        Err(_) => format!("aslr = {value:?}"),
    }
}
