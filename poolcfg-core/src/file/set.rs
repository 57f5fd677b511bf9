//! `--set KEY=VALUE`: keys of the file that a command line says, read as the file's are.

mod flag;
mod keys;

use std::ops::Range;

use toml_edit::{Document, Item};

use crate::base::code::Code;
use crate::base::escape::escaped;
use crate::file::notes::Notes;
use crate::file::set::flag::{SetFlag, SetMistake};
use crate::file::set::keys::{FlagKeys, read_flags};
use crate::file::{ConfigFile, Diagnostic};
use crate::setting::FilePlace;

/// The keys that all `--set` flags set; the later one wins. What they say is read by
/// [`ConfigFile::with_flags`], which knows the pools of the file.
///
/// ```
/// use poolcfg_core::file::{ConfigFile, SetFlags, TargetFacts};
/// let flags = SetFlags::parse(["pooling_allocator.memory_reservation=64MiB"]).unwrap();
/// let file = ConfigFile::empty().with_flags(&flags).unwrap();
/// let board = TargetFacts::builtin("riscv64gc-unknown-linux-gnu").unwrap();
/// let key = file.settings(&board).pools()[0].memory_reservation.unwrap();
/// assert_eq!(key.value, poolcfg_core::Size::mib(64));
/// assert_eq!(flags.text(key.place), Some("pooling_allocator.memory_reservation = \"64MiB\""));
/// ```
#[derive(Clone, Debug, Default)]
pub struct SetFlags {
    flags: Vec<SetFlag>,
}

impl SetFlags {
    /// Reads the flags as lines of the file, such as `address_space.rlimit_as=64GiB`. A value is TOML; what is not, such
    /// as `64GiB` or `static`, is a text without its quotes.
    ///
    /// # Errors
    /// Every flag that is no such line, with the text that the mistake points into.
    pub fn parse<'a>(
        flags: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Vec<(String, Diagnostic)>> {
        let mut read = Vec::new();
        let mut mistakes = Vec::new();
        for flag in flags {
            match SetFlag::parse(flag) {
                Ok(flag) => read.push(flag),
                Err(mistake) => mistakes.push(*mistake),
            }
        }
        match mistakes.is_empty() {
            true => Ok(Self { flags: read }),
            false => Err(mistakes),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.flags.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.flags.len()).unwrap_or(u32::MAX)
    }

    /// Whether one of them sets a key, such as `address_space.aslr`, for every target or for some.
    #[must_use]
    pub fn sets(&self, key: &str) -> bool {
        let holds = |flag: &SetFlag| {
            let Ok(document) = Document::parse(flag.text.as_str()) else {
                return false;
            };
            let root = document.as_item();
            let of_targets = root.get("target").and_then(Item::as_table_like);
            let of_targets = of_targets.into_iter().flat_map(|targets| targets.iter());
            let mut roots = std::iter::once(root).chain(of_targets.map(|(_, item)| item));
            roots.any(|root| {
                let mut keys = key.split('.');
                keys.try_fold(root, |item, key| item.get(key)).is_some()
            })
        };
        self.flags.iter().any(holds)
    }

    /// The flag at a place as a line of the file; `None` if no flag is there.
    #[must_use]
    pub fn text(&self, place: FilePlace) -> Option<&str> {
        Some(&self.at(place)?.text)
    }

    /// The bytes of the value in that line.
    #[must_use]
    pub fn span(&self, place: FilePlace) -> Option<Range<usize>> {
        Some(self.at(place)?.value.clone())
    }

    fn at(&self, place: FilePlace) -> Option<&SetFlag> {
        let index = usize::try_from(place.as_flag()?).ok()?.checked_sub(1)?;
        self.flags.get(index)
    }

    /// Those that no later one outranks, each with its number from 1.
    fn kept(&self) -> impl Iterator<Item = (u32, &SetFlag)> {
        let each = self.flags.iter().enumerate();
        each.filter_map(|(index, flag)| {
            let mut later = self.flags[index + 1..].iter();
            let number = u32::try_from(index).ok()?.checked_add(1)?;
            later
                .all(|other| other.keys != flag.keys)
                .then_some((number, flag))
        })
    }

    /// All that they say, in a file with these pools and profiles.
    fn read(&self, file: &ConfigFile) -> Result<FlagKeys, Vec<SetMistake>> {
        let mut text = String::new();
        let mut starts = Vec::new();
        let mut numbers = Vec::new();
        for (number, flag) in self.kept() {
            starts.push(text.len());
            numbers.push(number);
            text += &flag.text;
            text.push('\n');
        }
        let place = |diagnostic: Diagnostic| {
            let at = diagnostic.span.as_ref().map_or(0, |span| span.start);
            let line = starts.partition_point(|start| *start <= at).max(1) - 1;
            let start = starts.get(line).copied().unwrap_or_default();
            let line = text[start..].lines().next().unwrap_or_default();
            let in_line = |at: usize| at.saturating_sub(start).min(line.len());
            let span = diagnostic.span.clone();
            let span = span.map(|span| in_line(span.start)..in_line(span.end));
            (line.to_owned(), Diagnostic { span, ..diagnostic })
        };
        let document = Document::parse(text.as_str()).map_err(|error| {
            let span = error.span();
            let message = format!(
                "two `--set` flags contradict each other: {}",
                escaped(error.message())
            );
            let help = "set each key by one flag, or a whole table by one flag".to_owned();
            vec![place(Diagnostic {
                code: Code::Syntax,
                message,
                span,
                label: String::new(),
                help: Some(help),
            })]
        })?;
        let notes = Notes::of_flags(&text, numbers);
        read_flags(document.as_table(), notes, file)
            .map_err(|diagnostics| diagnostics.into_iter().map(place).collect())
    }
}

impl ConfigFile {
    /// The same file, and later than all that it says what the flags say. A file without named pools takes their
    /// names, and any file their profiles.
    ///
    /// # Errors
    /// Every mistake, with the text that it points into.
    pub fn with_flags(self, flags: &SetFlags) -> Result<Self, Vec<(String, Diagnostic)>> {
        if flags.is_empty() {
            return Ok(self);
        }
        let FlagKeys {
            names,
            profiles,
            layers,
        } = flags.read(&self)?;
        let kept = self.profiles.into_iter();
        let kept = kept.filter(|(name, _)| !profiles.iter().any(|(other, _)| other == name));
        Ok(Self {
            names,
            profiles: kept.chain(profiles.iter().cloned()).collect(),
            flags: layers,
            ..self
        })
    }
}
