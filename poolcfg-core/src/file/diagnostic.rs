//! Diagnostics: one mistake, where it stands, and what to do about it.

use std::ops::Range;

use crate::base::code::Code;
use crate::base::escape::{self, escaped};
use crate::base::size::Size;
use crate::base::text::Text;
use crate::engine::footprint::MappingName;
use crate::fault::Fault;
use crate::file::ConfigFile;
use crate::file::nearest::nearest_profile;
use crate::model::limit::Limit;
use crate::plan::misfit::PlanMisfit;
use crate::resolved::ResolvedProcess;
use crate::setting::FilePlace;

/// One mistake in poolcfg.toml, or one misfit of what it asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// Its code.
    pub code: Code,
    /// What is wrong, as one sentence in lower case.
    pub message: String,
    /// The bytes of the file that it is about; `None` if the file does not have it.
    pub span: Option<Range<usize>>,
    /// The text beside the caret; may be empty.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// How many are reported at once; more are counted, as [`and_more`](crate::and_more) says.
    pub const TOLD: usize = 100;

    /// Line and column of the span in the text of the file.
    #[must_use]
    pub fn place(&self, source: &str) -> FilePlace {
        self.span
            .as_ref()
            .map_or(FilePlace::NOWHERE, |span| place_of(source, span.start))
    }

    /// A fault of the file's numbers for one target.
    #[must_use]
    pub fn from_fault(fault: &Fault<'_>, file: &ConfigFile) -> Self {
        let help = match fault {
            Fault::UnknownProfile { name, .. } => {
                let own = file.own_profiles().map(|profile| profile.name);
                nearest_profile(name, own.collect::<Vec<_>>().into_iter())
            }
            _ => fault.help().to_string(),
        };
        Self {
            code: fault.code(),
            message: escaped(fault.message().as_str()).to_string(),
            span: file.span(fault.place()),
            label: fault.label().to_string(),
            help: Some(escaped(&help).to_string()),
        }
    }

    /// A misfit of the file's pools on one target.
    #[must_use]
    pub fn from_misfit(misfit: &PlanMisfit, case: &ResolvedProcess<'_>, file: &ConfigFile) -> Self {
        let pool = &case.pools()[misfit.pool];
        let asked = &pool.asked;
        let region = match misfit.mapping {
            MappingName::Memories => asked.memory_reservation,
            MappingName::Tables => asked.table_reservation,
            MappingName::Stacks => asked.stack_reservation,
        };
        let need = Size::bytes(misfit.need).needed();
        let place = misfit.place(case);
        let label = match misfit.limit {
            Limit::Hole if !pool.is_set_at(place) => {
                format!("leaves less than the {need} of the {}", misfit.mapping)
            }
            Limit::Hole => format!(
                "{} of {} each, with guards: {}",
                misfit.mapping,
                region.exactly(),
                need
            ),
            Limit::RamAndSwap => format!(
                "{} of {}, mapped without MAP_NORESERVE",
                misfit.mapping, need
            ),
            Limit::MaxMapCount => {
                format!("{} maps in all, when every slot is in use", misfit.need)
            }
            Limit::RlimitAs => format!("{need} of address space in all"),
            Limit::RlimitData | Limit::CommitLimit => {
                format!("{need} of writable memory in all, when every slot is in use")
            }
        };
        Self {
            code: misfit.code(),
            message: misfit.message(case).as_str().to_owned(),
            span: file.span(place),
            label,
            help: Some(misfit.advice(case).as_str().to_owned()),
        }
    }

    /// The mistake as plain text, as a compile error shows it: code and sentence with the place in the file, which
    /// `shown` names, the line with a caret, the help, and where to read more.
    ///
    /// ```
    /// use poolcfg_core::file::ConfigFile;
    /// let source = "[pooling_allocator]\nguard_size = \"32MB\"\n";
    /// let mistakes = ConfigFile::parse(source).unwrap_err();
    /// assert_eq!(
    ///     mistakes[0].text(source, "poolcfg.toml").lines().next(),
    ///     Some("PC0006: invalid size `32MB` for `guard_size`: decimal units are not supported; write `MiB` (poolcfg.toml:2:14)"),
    /// );
    /// ```
    #[must_use]
    pub fn text(&self, source: &str, shown: &str) -> String {
        let mut text = format!("{}: {}", self.code.as_str(), self.message);
        if let Some(span) = &self.span {
            let place = self.place(source);
            text += &format!(" ({shown}:{}:{})", place.line, place.column);
            text += &excerpt(source, span, place, &self.label);
        }
        if let Some(help) = &self.help {
            text += &format!("\nhelp: {help}");
        }
        text + self.code.note(Text::new()).as_str()
    }
}

/// The line of a place with carets under the span, as far as it is on that line.
fn excerpt(source: &str, span: &Range<usize>, place: FilePlace, label: &str) -> String {
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
pub(super) fn place_of(source: &str, at: usize) -> FilePlace {
    let mut at = at.min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    let before = &source[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    FilePlace::new(
        u32::try_from(line).unwrap_or(u32::MAX),
        u32::try_from(column).unwrap_or(u32::MAX),
    )
}
