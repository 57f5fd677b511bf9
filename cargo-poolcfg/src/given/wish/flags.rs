//! The flags of a wish as they were given: said again, found again, and left out.

use std::ffi::OsString;
use std::ops::Range;
use std::path::PathBuf;

use poolcfg_core::file::{ConfigFile, SetFlags};
use poolcfg_core::{
    Engine, FilePlace, Fit, RelocationModel, Settings, Text, Variable, WasmtimeVersion,
};

use super::{Wish, of_flag};
use crate::cli::error::Source;

impl Wish {
    /// The flags that say the same.
    pub(crate) fn flags(&self) -> Vec<OsString> {
        let mut flags = Vec::new();
        let mut say = |flag: &str, value: Option<&str>| {
            if let Some(value) = value {
                flags.extend([flag.into(), value.into()]);
            }
        };
        say("--va-profile", self.va_profile.as_deref());
        let keys = &self.keys;
        say(
            "--relocation-model",
            keys.relocation_model.map(|key| key.value.word()),
        );
        let stack_limit = keys.stack_limit.map(|key| key.value.text());
        say("--stack-limit", stack_limit.as_ref().map(Text::as_str));
        let aslr = keys.aslr.map(|key| key.value.text());
        say("--aslr", aslr.as_ref().map(Text::as_str));
        say("--layout", keys.layout.map(|key| key.value.word()));
        say("--engine", self.engine.map(Engine::word));
        let version = self.engine_version.map(|version| version.to_string());
        say("--engine-version", version.as_deref());
        say("--fit", self.fit.map(Fit::word));
        flags.extend_from_slice(&self.files);
        for flag in &self.set.0 {
            flags.extend(["--set".into(), flag.into()]);
        }
        if self.here.is_some() {
            flags.push("--here".into());
        }
        flags
    }

    /// The flags that name the Wasmtime of these pools, as messages show them.
    pub(crate) fn asks_for_versions(
        &self,
        settings: &Settings<'_>,
    ) -> Vec<(String, WasmtimeVersion)> {
        if let Some(version) = self.engine_version {
            return vec![(format!("`--engine-version {version}`"), version)];
        }
        let said = settings.pools().iter();
        let said = said.filter_map(|keys| {
            let version = keys.wasmtime.version?;
            Some((self.set_flag(version.place)?, version.value))
        });
        said.collect()
    }

    /// The flag that says where the program is loaded, as messages show it.
    pub(crate) fn asks_for_model(
        &self,
        settings: &Settings<'_>,
    ) -> Option<(String, RelocationModel)> {
        if let Some(model) = self.keys.relocation_model {
            let model = model.value;
            return Some((format!("`--relocation-model {model}`"), model));
        }
        let model = settings.space().relocation_model?;
        Some((self.set_flag(model.place)?, model.value))
    }

    /// The `--set` flag at a place, as messages show it.
    fn set_flag(&self, place: FilePlace) -> Option<String> {
        let number = usize::try_from(place.as_flag()?).ok()?;
        let flag = self.set.0.get(number.checked_sub(1)?)?;
        Some(format!("`--set {flag}`"))
    }

    /// The file of a package as it would be without each of the `--set` flags, by the place of that flag; nothing where
    /// the others are wrong without it.
    pub(crate) fn without_one_flag(
        &self,
        source: Option<&Source>,
    ) -> impl Iterator<Item = (FilePlace, ConfigFile)> {
        (0..self.set.0.len())
            .zip(1..)
            .filter_map(move |(at, number)| {
                let (before, after) = self.set.0.split_at_checked(at)?;
                let left = before.iter().chain(after.iter().skip(1));
                Some((FilePlace::flag(number), with_flags(source, left)?))
            })
    }

    /// The same without all of them, by the place of the last one; `None` if there are none.
    pub(crate) fn without_flags(&self, source: Option<&Source>) -> Option<(FilePlace, ConfigFile)> {
        let last = FilePlace::flag(self.set.1.len());
        last.as_flag()?;
        Some((last, with_flags(source, std::iter::empty())?))
    }

    /// The flag at a place as a line of the file, and where the value stands in it; `None` if no flag is there.
    pub(super) fn flag(&self, place: FilePlace) -> Option<(Source, Range<usize>)> {
        let set = &self.set.1;
        if let (Some(text), Some(span)) = (set.text(place), set.span(place)) {
            return Some((of_flag(text), span));
        }
        let index = place.as_flag()?.checked_sub(set.len())?.checked_sub(1)?;
        let given = self.given.lines().nth(usize::try_from(index).ok()?);
        let source = given.or_else(|| self.own_line(place))?;
        let start = source.text.find("= ")? + 2;
        let end = source.text.len();
        Some((source, start..end))
    }

    /// The flag at a place as a line of the file; `None` if none is there.
    fn own_line(&self, place: FilePlace) -> Option<Source> {
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
            true => Variable::VA_PROFILE.to_string(),
            false => flag.to_owned(),
        };
        Some(Source {
            path: PathBuf::new(),
            shown,
            text: line?.into(),
        })
    }
}

/// The file of a package under these flags; `None` if they are wrong.
fn with_flags<'a>(
    source: Option<&Source>,
    flags: impl Iterator<Item = &'a String>,
) -> Option<ConfigFile> {
    let set = SetFlags::parse(flags.map(String::as_str)).ok()?;
    let file = match source {
        Some(source) => ConfigFile::parse(&source.text).ok()?,
        None => ConfigFile::empty(),
    };
    file.with_flags(&set).ok()
}

/// Bits are a number in the file, and words are in quotes.
fn aslr(value: &Text) -> String {
    let value = value.as_str();
    match value.parse::<u32>() {
        Ok(bits) => format!("aslr = {bits}"),
        Err(_) => format!("aslr = {value:?}"),
    }
}
