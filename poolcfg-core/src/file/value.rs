//! Values by their type: each type of value is read in one way, whatever the key.

use crate::base::code::Code;
use crate::base::size::Size;
use crate::engine::Engine;
use crate::engine::wasmtime::{
    WasmtimeFeature, WasmtimeFeatures, WasmtimeVersion, WasmtimeVersionError,
};
use crate::file::nearest;
use crate::file::notes::{Entry, Notes, list, with_article};
use crate::setting::ValueKind;
use crate::setting::{Described, Keep, Key, OnMisfit, ProtectionKeys, Read, Switch};
use crate::target::Arch;
use crate::target::shape::{Aslr, RelocationModel, SearchLayout, StackLimit};

/// The value of one key, as the file has it.
pub(super) struct Value<'e, 'k, 'n, 's> {
    pub(super) entry: &'e Entry<'k>,
    pub(super) notes: &'n mut Notes<'s>,
}

/// Each type of value, what it is in the file, and what reads it.
macro_rules! read {
    ($($type:ty = $kind:expr, |$notes:ident, $entry:ident| $read:expr;)+) => {$(
        impl Described for $type {
            const KIND: ValueKind = $kind;
        }


        impl Read<$type> for Value<'_, '_, '_, '_> {
            fn read(&mut self) -> Key<$type> {
                let (entry, notes) = (self.entry, &mut *self.notes);
                let ($entry, $notes) = (entry, notes);
                $read
            }
        }
    )+};
}

read! {
    u32 = ValueKind::Count, |notes, entry| notes.count(entry);
    bool = ValueKind::Flag, |notes, entry| notes.flag(entry);
    Size = ValueKind::Size, |notes, entry| notes.size(entry);
    Option<Size> = ValueKind::Limit, |notes, entry| notes.limit(entry);
    ProtectionKeys = ValueKind::ProtectionKeys, |notes, entry| notes.protection_keys(entry);
    Switch = ValueKind::Switch, |notes, entry| notes.switch(entry);
    Aslr = ValueKind::Aslr, |notes, entry| notes.aslr(entry);
    StackLimit = ValueKind::StackLimit, |notes, entry| notes.stack_limit(entry);
    Engine = ValueKind::Word(Engine::WORDS), |notes, entry| notes.word(entry, Engine::ALL, Engine::word);
    OnMisfit = ValueKind::Word(OnMisfit::WORDS), |notes, entry| notes.word(entry, OnMisfit::ALL, OnMisfit::word);
    Keep = ValueKind::Word(Keep::WORDS), |notes, entry| notes.word(entry, Keep::ALL, Keep::word);
    RelocationModel = ValueKind::Word(RelocationModel::WORDS), |notes, entry| notes.word(entry, RelocationModel::ALL, RelocationModel::word);
    Arch = ValueKind::Word(Arch::NAMES), |notes, entry| notes.word(entry, &arches(), Arch::name);
    SearchLayout = ValueKind::Word(SearchLayout::WORDS), |notes, entry| notes.word(entry, SearchLayout::ALL, SearchLayout::word);
    WasmtimeVersion = ValueKind::Version, |notes, entry| version(entry, notes);
    WasmtimeFeatures = ValueKind::Features, |notes, entry| features(entry, notes);
}

/// The architectures that a profile can be of.
fn arches() -> Vec<Arch> {
    Arch::NAMES
        .iter()
        .map(|name| Arch::from_name(name))
        .collect()
}

impl Described for &str {
    const KIND: ValueKind = ValueKind::Profile;
}

/// Names of profiles are held by the table itself, see [`SpaceLayer`](super::layer::SpaceLayer).
impl Read<&'static str> for Value<'_, '_, '_, '_> {
    fn read(&mut self) -> Key<&'static str> {
        None
    }
}

fn version(entry: &Entry<'_>, notes: &mut Notes<'_>) -> Key<WasmtimeVersion> {
    let Some(text) = entry.item.as_str() else {
        let number = entry.item.as_integer();
        let help = number.map(|number| format!("write `version = \"{number}\"`"));
        notes.wrong_type(entry, "a string", help);
        return None;
    };
    match text.parse::<WasmtimeVersion>() {
        Ok(version) => Some(notes.setting(entry, version)),
        Err(error) => {
            let (label, help) = match error {
                WasmtimeVersionError::NotVersion => (
                    "invalid version",
                    "write the major version, such as `\"48\"`; or run `cargo poolcfg sync` to take it from Cargo.lock"
                        .to_owned(),
                ),
                WasmtimeVersionError::TooOld => (
                    "too old",
                    format!(
                        "the supported versions are {} to {}",
                        WasmtimeVersion::OLDEST,
                        WasmtimeVersion::NEWEST
                    ),
                ),
            };
            notes.mistake(
                Code::BadVersion,
                &entry.span,
                format!(
                    "invalid Wasmtime version `{}`: {error}",
                    text.escape_default()
                ),
                label,
                Some(help),
            );
            None
        }
    }
}

fn features(entry: &Entry<'_>, notes: &mut Notes<'_>) -> Key<WasmtimeFeatures> {
    let known = || WasmtimeFeature::ALL.iter().map(|feature| feature.word());
    let Some(array) = entry.item.as_array() else {
        let help = format!("write `features = [\"async\"]`, of {}", list(known()));
        notes.wrong_type(entry, "an array of features", Some(help));
        return None;
    };
    let mut features = WasmtimeFeatures::EMPTY;
    let mut whole = true;
    for value in array {
        let word = value.as_str().unwrap_or_default();
        if let Some(feature) = WasmtimeFeature::from_word(word) {
            features = features.with(feature);
            continue;
        }
        whole = false;
        let span = value.span().unwrap_or_else(|| entry.span.clone());
        let Some(text) = value.as_str() else {
            notes.mistake(
                Code::WrongType,
                &span,
                format!(
                    "invalid type in `features`: expected a string, found {}",
                    with_article(value.type_name())
                ),
                "expected a string",
                Some(format!("expected one of {}", list(known()))),
            );
            continue;
        };
        let shown = text.escape_default();
        let help = match nearest(word, known()) {
            Some(near) => format!(
                "did you mean `\"{near}\"`? Expected one of {}",
                list(known())
            ),
            None => format!(
                "expected one of {}; omit other features of Wasmtime: they do not change what is mapped",
                list(known())
            ),
        };
        notes.mistake(
            Code::UnknownWord,
            &span,
            format!("unknown feature `{shown}` in `features`"),
            "unknown feature",
            Some(help),
        );
    }
    whole.then(|| notes.setting(entry, features))
}
