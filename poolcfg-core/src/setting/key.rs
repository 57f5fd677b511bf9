//! A key and its value, with the place where it stands, and how it is read, written and described.

#[cfg(feature = "file")]
use crate::setting::kind::ValueKind;

/// Where something stands in poolcfg.toml; line 0 is not in the file at all, but a default or a variable, or a flag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePlace {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl FilePlace {
    /// Not in the file: a default, a variable, or a flag that says one thing only.
    pub const NOWHERE: Self = Self { line: 0, column: 0 };

    /// Not in the file, but the `--set` flag with this number, from 1: its column on line 0.
    #[must_use]
    pub const fn flag(number: u32) -> Self {
        Self {
            line: 0,
            column: number,
        }
    }

    /// The number of the `--set` flag; `None` if it is none.
    #[must_use]
    pub const fn as_flag(self) -> Option<u32> {
        match self {
            Self { line: 0, column } if column > 0 => Some(column),
            _ => None,
        }
    }

    /// Whether the file or a `--set` flag says it.
    pub(crate) const fn is_said(self) -> bool {
        self.line > 0 || self.column > 0
    }

    /// The first of these places that counts and is said; [`NOWHERE`](Self::NOWHERE) if there is none.
    pub(crate) const fn first_said(places: &[(bool, Self)]) -> Self {
        let mut i = 0;
        while i < places.len() {
            let (counts, place) = places[i];
            if counts && place.is_said() {
                return place;
            }
            i += 1;
        }
        Self::NOWHERE
    }

    /// Whether it is the same place.
    pub(crate) const fn is(self, other: Self) -> bool {
        self.line == other.line && self.column == other.column
    }

    /// This line and column.
    #[must_use]
    pub const fn new(line: u32, column: u32) -> Self {
        Self { line, column }
    }
}

/// A value and where it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it was set.
    pub place: FilePlace,
}

impl<T> Setting<T> {
    /// A value set at a line and a column of the file.
    #[must_use]
    pub const fn at(value: T, line: u32, column: u32) -> Self {
        Self {
            value,
            place: FilePlace::new(line, column),
        }
    }

    /// A value that no file sets.
    #[must_use]
    pub const fn given(value: T) -> Self {
        Self {
            value,
            place: FilePlace::NOWHERE,
        }
    }
}

/// A key that may not be said.
pub type Key<T> = Option<Setting<T>>;

/// Reads the value of a key that is said. A type of value is read in one way, whatever the key.
#[cfg(feature = "file")]
pub(crate) trait Read<T> {
    /// The value and its place; `None` if it is no value of this type.
    fn read(&mut self) -> Key<T>;
}

/// Writes the value of a key that is said.
#[cfg(feature = "file")]
pub(crate) trait Write<T> {
    /// Writes one key of this name.
    fn write(&mut self, name: &str, setting: &Setting<T>);
}

/// What a value is, for who describes the file. A type of value is described in one way, whatever the key.
#[cfg(feature = "file")]
pub(crate) trait Described {
    /// What a value of this type is in the file.
    const KIND: ValueKind;
}
