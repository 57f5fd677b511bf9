//! Cells: the ways to link and to start a process that a kernel tells apart.

use std::fmt;

use poolcfg_core::{
    AddressSpaceKeys, Aslr, PoolKeys, RelocationModel, ResolvedProcess, Setting, Settings,
    StackLimit, Target,
};

/// How the program is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// A PIE that an interpreter loads: rustc's default.
    Pie,
    /// A PIE without interpreter.
    StaticPie,
    /// Linked to a fixed, low address.
    Static,
}

impl Program {
    /// Every way.
    pub const ALL: [Self; 3] = [Self::Pie, Self::StaticPie, Self::Static];

    /// Its word in reports, and the name of its file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pie => "pie",
            Self::StaticPie => "static-pie",
            Self::Static => "static",
        }
    }

    /// What the model calls it.
    #[must_use]
    pub const fn relocation_model(self) -> RelocationModel {
        match self {
            Self::Pie | Self::StaticPie => RelocationModel::Pie,
            Self::Static => RelocationModel::Static,
        }
    }
}

/// One of the twelve cells of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// How the program is linked.
    pub program: Program,
    /// The stack limit at its start.
    pub stack_limit: StackLimit,
    /// How far ASLR may move things.
    pub aslr: Aslr,
}

impl Cell {
    /// Every cell.
    pub fn all() -> impl Iterator<Item = Self> {
        [Aslr::Minimum, Aslr::Maximum].into_iter().flat_map(|aslr| {
            StackLimit::NAMED.iter().flat_map(move |stack_limit| {
                Program::ALL.into_iter().map(move |program| Self {
                    program,
                    stack_limit: *stack_limit,
                    aslr,
                })
            })
        })
    }

    /// The cell of three words, such as `pie finite minimum`.
    pub fn of_words(words: &[&str]) -> Option<Self> {
        let [program, stack_limit, aslr] = words else {
            return None;
        };
        Some(Self {
            program: Program::ALL.into_iter().find(|of| of.word() == *program)?,
            stack_limit: StackLimit::from_text(stack_limit).ok()?,
            aslr: Aslr::from_text(aslr)?,
        })
    }

    /// What the model is told of a process in this cell, with one pool of these keys.
    #[must_use]
    pub fn settings<'a>(&self, va_profile: &'a str, pool: PoolKeys) -> Settings<'a> {
        Settings::new(&[], &[])
            .pooling_allocator(pool)
            .address_space(AddressSpaceKeys {
                va_profile: Some(Setting::given(va_profile)),
                relocation_model: Some(Setting::given(self.program.relocation_model())),
                stack_limit: Some(Setting::given(self.stack_limit)),
                aslr: Some(Setting::given(self.aslr)),
                ..AddressSpaceKeys::EMPTY
            })
    }

    /// The case of these settings on the target that the program is built for.
    ///
    /// # Panics
    /// When the profile is not one of the target's: the test names only such.
    #[must_use]
    pub fn case<'a>(&self, va_profile: &'a str, pool: PoolKeys) -> ResolvedProcess<'a> {
        match self.settings(va_profile, pool).resolve(Target::CURRENT) {
            Ok(case) => case,
            Err(faults) => panic!("{}", faults.message("the test").as_str()),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            program,
            stack_limit,
            aslr,
        } = self;
        write!(f, "{} {stack_limit} {aslr}", program.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_twelve_and_each_is_read_as_it_is_written() {
        let all: Vec<Cell> = Cell::all().collect();
        assert_eq!(all.len(), 12);
        for cell in all {
            let text = cell.to_string();
            let words: Vec<&str> = text.split(' ').collect();
            assert_eq!(Cell::of_words(&words), Some(cell));
        }
    }
}
