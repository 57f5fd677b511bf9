//! Flags that each say one key, and where what they say stands.

use poolcfg_core::{FilePlace, Setting};

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

impl OwnFlag {
    /// In the order of their numbers.
    const ALL: [Self; 6] = [
        Self::VaProfile,
        Self::RelocationModel,
        Self::StackLimit,
        Self::Aslr,
        Self::Layout,
        Self::EngineVersion,
    ];

    /// The one whose place is so many behind the first.
    pub(super) fn with_number(number: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// The flag, and the key that it says.
    pub(super) const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::VaProfile => ("--va-profile", "va_profile"),
            Self::RelocationModel => ("--relocation-model", "relocation_model"),
            Self::StackLimit => ("--stack-limit", "stack_limit"),
            Self::Aslr => ("--aslr", "aslr"),
            Self::Layout => ("--layout", "layout"),
            Self::EngineVersion => ("--engine-version", "version"),
        }
    }
}

/// A value of a flag, with its place behind the `first` ones.
pub(super) fn at<T>(first: u32, flag: OwnFlag, value: Option<T>) -> Option<Setting<T>> {
    let number = first.saturating_add(flag as u32).saturating_add(1);
    let place = FilePlace::flag(number);
    value.map(|value| Setting { value, place })
}
