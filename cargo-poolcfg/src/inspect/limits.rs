//! Limits: how many of each there may be in a module or a component, by the validator that Wasmtime has, and how many of all
//! are kept of a file. What is above them is refused before it takes memory. Source: src/limits.rs of wasmparser 0.254.

use super::stream::Unreadable;

/// What a module or a component may have some of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EngineLimit {
    Types,
    Imports,
    Tables,
    Memories,
    Globals,
    Tags,
    Exports,
    ElementSegments,
    DataSegments,
    /// Of modules and of components together, in one component.
    Instances,
    Modules,
    Components,
}

/// Functions of a module, which imports have a part in.
pub(super) const FUNCTIONS: u32 = 1_000_000;

impl EngineLimit {
    const fn of(self) -> (u32, &'static str) {
        match self {
            Self::Types => (1_000_000, "types"),
            Self::Imports => (1_000_000, "imports"),
            Self::Tables => (100, "tables"),
            Self::Memories => (100, "memories"),
            Self::Globals => (1_000_000, "globals"),
            Self::Tags => (1_000_000, "tags"),
            Self::Exports => (1_000_000, "exports"),
            Self::ElementSegments => (100_000, "element segments"),
            Self::DataSegments => (100_000, "data segments"),
            Self::Instances => (1000, "instances"),
            Self::Modules => (1000, "modules"),
            Self::Components => (1000, "components"),
        }
    }

    /// Where there are so many.
    ///
    /// # Errors
    /// Where that is more than any engine takes.
    pub(super) fn check(self, count: u64) -> Result<(), Unreadable> {
        let (most, what) = self.of();
        match count <= u64::from(most) {
            true => Ok(()),
            false => Err(Unreadable::Impossible(format!(
                "more than any engine takes: {what} count exceeds limit of {most}"
            ))),
        }
    }
}

/// How many declarations are kept of a file: names that a module inside a component imports, and what components declare.
const KEPT: u32 = 300_000;

/// How many more may be kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeptRoom(u32);

impl Default for KeptRoom {
    fn default() -> Self {
        Self(KEPT)
    }
}

impl KeptRoom {
    /// Takes room for so many more.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) fn take(&mut self, count: usize) -> Result<(), Unreadable> {
        let left = u32::try_from(count)
            .ok()
            .and_then(|count| self.0.checked_sub(count));
        let error = || Unreadable::TooLarge(format!("more than {KEPT} declarations in components"));
        self.0 = left.ok_or_else(error)?;
        Ok(())
    }
}
