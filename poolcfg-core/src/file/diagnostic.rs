//! Diagnostics: one mistake, where it stands, and what to do about it.

use std::ops::Range;

use crate::base::code::Code;
use crate::base::escape::{self, escaped};
use crate::base::size::{GRAIN, Size};
use crate::case::Case;
use crate::engine::footprint::MappingName;
use crate::fault::Fault;
use crate::file::ConfigFile;
use crate::file::nearest::nearest_profile;
use crate::plan::misfit::{Limit, Misfit};
use crate::setting::Place;

/// One mistake in poolcfg.toml, or one misfit of what it asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its code.
    pub code: Code,
    /// What is wrong, as one sentence in lower case.
    pub message: String,
    /// The bytes of the file that it is about; none where the file says nothing of it.
    pub span: Option<Range<usize>>,
    /// What stands beside the caret; may be empty.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Line and column of the span in the text of the file.
    #[must_use]
    pub fn place(&self, source: &str) -> Place {
        self.span
            .as_ref()
            .map_or(Place::NOWHERE, |span| place_of(source, span.start))
    }

    /// A fault of the file's numbers for one target.
    #[must_use]
    pub fn from_fault(fault: &Fault<'_>, file: &ConfigFile) -> Self {
        let (label, help) = match fault {
            Fault::Zero { .. } => ("zero".to_owned(), None),
            Fault::MinAboveMax { max_instances, .. } => (
                format!("above {max_instances}, the most that are asked"),
                None,
            ),
            Fault::TotalTooSmall { each, .. } => (format!("below {each}"), None),
            Fault::NotMultiple {
                memory_reservation, ..
            } => {
                let excess = memory_reservation.get() % GRAIN.get();
                (format!("{excess} bytes above a multiple of 64 KiB"), None)
            }
            Fault::MemoryAboveReservation {
                memory_reservation, ..
            } => {
                let reservation = memory_reservation.exact();
                (format!("above the reservation of {reservation}"), None)
            }
            Fault::Overflow { .. } => ("too many bytes in all".to_owned(), None),
            Fault::UnknownProfile { name, .. } => {
                let own = file.own_profiles().map(|profile| profile.name);
                let help = nearest_profile(name, own.collect::<Vec<_>>().into_iter());
                ("unknown profile".to_owned(), Some(help))
            }
            Fault::ProfileOfOtherTarget { arch, os, .. } => match os {
                Some(os) => (format!("for {}-{}", arch.name(), os.name()), None),
                None => (format!("for {}", arch.name()), None),
            },
            Fault::TooFewMaps { .. } => ("too few".to_owned(), None),
            Fault::LimitTooSmall { least, .. } => (format!("below {}", least.exact()), None),
            Fault::LimitBelowHeadroom { headroom, .. } => {
                (format!("not above {}", headroom.exact()), None)
            }
            Fault::NoAddressSpace { .. } => (String::new(), None),
            Fault::AslrAboveMaximum { most, .. } => (format!("above {most} bits"), None),
            Fault::StackLimitAboveWindow { .. } => ("not below the window".to_owned(), None),
            Fault::NoHole { .. } => ("leaves no hole".to_owned(), None),
            Fault::HeadroomAboveHoles { .. } => ("more than there is".to_owned(), None),
            Fault::NoVersion { .. } => ("no version".to_owned(), None),
            Fault::NoEngine { .. } => ("Wasmtime settings".to_owned(), None),
            Fault::OtherEngine { .. } => ("only for the engine `native`".to_owned(), None),
            Fault::LacksFeature { feature, .. } => (format!("needs `{feature}`"), None),
            Fault::LacksSetting { since, .. } => {
                (format!("requires Wasmtime {since} or later"), None)
            }
            Fault::KeysOfOtherTarget { .. } => ("only for x86_64-linux".to_owned(), None),
            Fault::TooManyKeys { most, .. } => (format!("above {most}"), None),
            Fault::WasmStackAboveStack {
                stack_reservation, ..
            } => (format!("the stack has {}", stack_reservation.exact()), None),
            Fault::GuardTooSmall { least, .. } => (format!("below {}", least.exact()), None),
            Fault::GuardLeaks { .. } => ("no guard".to_owned(), None),
            Fault::MemoryAbovePages { most, .. } => (format!("above {}", most.exact()), None),
            Fault::TooMany { .. } => ("too many in all".to_owned(), None),
        };
        Self {
            code: fault.code(),
            message: escaped(fault.message().as_str()).to_string(),
            span: file.span(fault.place()),
            label,
            help: Some(match help {
                Some(help) => escaped(&help).to_string(),
                None => escaped(fault.help().as_str()).to_string(),
            }),
        }
    }

    /// A misfit of the file's pools on one target.
    #[must_use]
    pub fn from_misfit(misfit: &Misfit, case: &Case<'_>, file: &ConfigFile) -> Self {
        let pool = &case.pools()[misfit.pool];
        let asked = &pool.asked;
        let region = match misfit.mapping {
            MappingName::Memories => asked.memory_reservation,
            MappingName::Tables => asked.table_reservation,
            MappingName::Stacks => asked.stack_reservation,
        };
        let need = Size::bytes(misfit.need).needed();
        let label = match misfit.limit {
            Limit::Hole => format!(
                "{} of {} each, with guards: {}",
                misfit.mapping,
                region.exact(),
                need
            ),
            Limit::RamAndSwap => format!(
                "{} of {}, mapped without MAP_NORESERVE",
                misfit.mapping, need
            ),
            Limit::MaxMapCount => format!(
                "all pools together take {} mappings when every slot is live",
                misfit.need
            ),
            Limit::RlimitAs => format!("all pools together reserve {}", need),
            Limit::RlimitData | Limit::CommitLimit => {
                format!("all pools together make {need} writable when every slot is live")
            }
        };
        Self {
            code: misfit.code(),
            message: misfit.message(case).as_str().to_owned(),
            span: file.span(misfit.place(case)),
            label,
            help: Some(misfit.advice(case).as_str().to_owned()),
        }
    }

    /// The mistake as plain text, as a compile error shows it: the sentence with its place in the file,
    /// which `shown` names, the line with a caret, and the help.
    ///
    /// ```
    /// use poolcfg_core::file::ConfigFile;
    /// let source = "[pooling_allocator]\nguard_size = \"32MB\"\n";
    /// let mistakes = ConfigFile::parse(source).unwrap_err();
    /// assert_eq!(
    ///     mistakes[0].text(source, "poolcfg.toml").lines().next(),
    ///     Some("invalid size `32MB` for `guard_size`: decimal units are not supported; write `MiB` (poolcfg.toml:2:14)"),
    /// );
    /// ```
    #[must_use]
    pub fn text(&self, source: &str, shown: &str) -> String {
        let mut text = self.message.clone();
        if let Some(span) = &self.span {
            let place = self.place(source);
            text += &format!(" ({shown}:{}:{})", place.line, place.column);
            text += &excerpt(source, span, place, &self.label);
        }
        if let Some(help) = &self.help {
            text += &format!("\nhelp: {help}");
        }
        text
    }
}

/// The line of a place with carets under the span, as far as it is on that line.
fn excerpt(source: &str, span: &Range<usize>, place: Place, label: &str) -> String {
    let number = place.line.to_string();
    let Some(line) = usize::try_from(place.line)
        .ok()
        .and_then(|line| source.lines().nth(line.saturating_sub(1)))
    else {
        return String::new();
    };
    let before = usize::try_from(place.column).unwrap_or(1).saturating_sub(1);
    // A tab moves as far under itself as above.
    let indent: String = line
        .chars()
        .take(before)
        .map(|char| if char == '\t' { '\t' } else { ' ' })
        .collect();
    let marked = source
        .get(span.clone())
        .and_then(|text| text.lines().next())
        .map_or(1, |text| text.chars().count().max(1));
    // Each character stays one character, so that the caret stands where it should.
    let line: String = line
        .chars()
        .map(|char| match char {
            '\t' => char,
            _ if escape::is_escaped(char) => char::REPLACEMENT_CHARACTER,
            _ => char,
        })
        .collect();
    let margin = " ".repeat(number.len());
    let caret = "^".repeat(marked);
    let label = format!("{caret} {label}");
    format!(
        "\n{margin} |\n{number} | {line}\n{margin} | {indent}{}",
        label.trim_end()
    )
}

/// Line and column, from 1, of a byte of a text.
pub(super) fn place_of(source: &str, at: usize) -> Place {
    let mut at = at.min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    let before = &source[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    Place::new(
        u32::try_from(line).unwrap_or(u32::MAX),
        u32::try_from(column).unwrap_or(u32::MAX),
    )
}
