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

/// A value of a flag, with its place behind the `first` ones.
pub(super) fn at<T>(first: u32, flag: OwnFlag, value: Option<T>) -> Option<Setting<T>> {
    let number = first.saturating_add(flag as u32).saturating_add(1);
    let place = FilePlace::flag(number);
    value.map(|value| Setting { value, place })
}
