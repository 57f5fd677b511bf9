//! The flags of a wish as they were given: said again, found again, and left out.

use std::ffi::OsString;
use std::ops::Range;
use std::path::PathBuf;

use poolcfg_core::file::{ConfigFile, SetFlags};
use poolcfg_core::{
    Engine, FilePlace, Fit, RelocationModel, Settings, Text, Variable, WasmtimeVersion,
};

use super::own::OwnFlag;
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
        for flag in [
            OwnFlag::VaProfile,
            OwnFlag::RelocationModel,
            OwnFlag::StackLimit,
            OwnFlag::Aslr,
            OwnFlag::Layout,
        ] {
            say(flag.names().0, self.value(flag).as_deref());
        }
        say("--engine", self.engine.map(Engine::word));
        let version = OwnFlag::EngineVersion;
        say(version.names().0, self.value(version).as_deref());
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
        let own = OwnFlag::with_number(index)?;
        let (flag, key) = own.names();
        let value = self.value(own)?;
        let shown = match own {
            OwnFlag::VaProfile if self.is_variable => Variable::VA_PROFILE.to_string(),
            _ => flag.to_owned(),
        };
        // The bits of ASLR are a number.
        let line = match own {
            OwnFlag::Aslr if value.parse::<u32>().is_ok() => format!("{key} = {value}"),
            _ => format!("{key} = {value:?}"),
        };
        Some(Source {
            path: PathBuf::new(),
            shown,
            text: line.into(),
        })
    }

    /// What a flag says.
    fn value(&self, flag: OwnFlag) -> Option<String> {
        let keys = &self.keys;
        let word = |word: &'static str| word.to_owned();
        let text = |text: Text| text.as_str().to_owned();
        match flag {
            OwnFlag::VaProfile => self.va_profile.clone(),
            OwnFlag::RelocationModel => keys.relocation_model.map(|key| word(key.value.word())),
            OwnFlag::StackLimit => keys.stack_limit.map(|key| text(key.value.text())),
            OwnFlag::Aslr => keys.aslr.map(|key| text(key.value.text())),
            OwnFlag::Layout => keys.layout.map(|key| word(key.value.word())),
            OwnFlag::EngineVersion => self.engine_version.map(|version| version.to_string()),
        }
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
