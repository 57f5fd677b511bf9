//! Diagnostics: mistakes, warnings and notes, as text and as JSON.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
#[cfg(has_tracer)]
use poolcfg_core::file::Diagnostic;
use poolcfg_core::{Code, escaped_lines, is_escaped};
use serde::Serialize;

use crate::cli::error::Mistake;
use crate::cli::invoked_as::InvokedAs;
use crate::cli::path::relative;

/// An error, a warning or a note.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message<'a> {
    /// The command line is wrong.
    Usage(&'a clap::Error, InvokedAs),
    Mistake(&'a Mistake),
    /// What does not keep the command from its work and should be known.
    Warning(Code, &'a str),
    Note(&'a str),
}

/// The same for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub(crate) struct DiagnosticReport {
    /// The code for `--explain`; null for notes.
    pub code: Option<&'static str>,
    /// `error`, `warning` or `note`.
    pub level: &'static str,
    /// The message: one sentence in lower case.
    pub message: String,
    /// The file that it is about, relative to the current directory if it is inside; null if it is about none.
    pub file: Option<String>,
    /// The line, from 1; null if it is about none.
    pub line: Option<u32>,
    /// The column in characters, from 1; null if it is about none.
    pub column: Option<u32>,
    /// What to do about it; null if unknown.
    pub help: Option<String>,
    /// The text for people, without colors.
    pub rendered: String,
}

impl Message<'_> {
    /// The text for people.
    pub(crate) fn rendered(self, renderer: &Renderer) -> String {
        match self {
            // clap has colors of its own.
            Self::Usage(usage, program) => {
                let text = with_code(&usage.render().to_string());
                program.called(&text).into_owned()
            }
            Self::Mistake(one) => mistake(one, renderer),
            Self::Warning(code, text) => title(Level::WARNING, code, text, renderer),
            Self::Note(text) => format!("note: {}", escaped_lines(text)),
        }
    }

    /// The first line of a mistake.
    #[cfg(has_tracer)]
    pub(crate) fn title_of(mistake: &Mistake, renderer: &Renderer) -> String {
        let Diagnostic { code, message, .. } = &mistake.diagnostic;
        title(Level::ERROR, *code, message, renderer)
    }

    /// The same for programs.
    pub(crate) fn diagnostic(self) -> DiagnosticReport {
        let rendered = self.rendered(&Renderer::plain());
        let said = |level, code: Option<Code>, message: &str| DiagnosticReport {
            code: code.map(Code::as_str),
            level,
            message: message.to_owned(),
            file: None,
            line: None,
            column: None,
            help: None,
            rendered: rendered.clone(),
        };
        match self {
            Self::Usage(..) => of_usage(&rendered),
            Self::Warning(code, text) => said("warning", Some(code), text),
            Self::Note(text) => said("note", None, text),
            Self::Mistake(mistake) => {
                let Mistake {
                    diagnostic, source, ..
                } = mistake;
                let file = mistake.file();
                let text = source.as_ref().filter(|_| file.is_some());
                let place = text.map(|source| diagnostic.place(&source.text));
                let place = place.filter(|place| place.line > 0);
                DiagnosticReport {
                    file: file.map(relative),
                    line: place.map(|place| place.line),
                    column: place.map(|place| place.column),
                    help: diagnostic.help.clone(),
                    ..said("error", Some(diagnostic.code), &diagnostic.message)
                }
            }
        }
    }
}

/// What clap says, plain or with its colors, behind the code of all that it says.
pub(crate) fn with_code(text: &str) -> String {
    let code = Code::Usage.as_str();
    text.replacen("error:", &format!("error[{code}]:"), 1)
}

/// What clap says: a message, tips, and how the command is used.
fn of_usage(text: &str) -> DiagnosticReport {
    let text = escaped_lines(text).to_string();
    let mut paragraphs = text.trim().split("\n\n");
    let message = paragraphs.next().unwrap_or_default();
    let tips: Vec<&str> = paragraphs
        .flat_map(str::lines)
        .filter_map(|line| line.trim().strip_prefix("tip: "))
        .collect();
    DiagnosticReport {
        code: Some(Code::Usage.as_str()),
        level: "error",
        message: match message.split_once(": ") {
            Some((level, message)) if level.starts_with("error[") => message.to_owned(),
            _ => message.to_owned(),
        },
        file: None,
        line: None,
        column: None,
        help: (!tips.is_empty()).then(|| tips.join("; ")),
        rendered: text,
    }
}

/// One line, with its code.
fn title(level: Level<'_>, code: Code, text: &str, renderer: &Renderer) -> String {
    let title = level.primary_title(escaped_lines(text).to_string());
    renderer.render(&[Group::with_title(title.id(code.as_str()))])
}

/// A mistake with the lines that it is about.
fn mistake(mistake: &Mistake, renderer: &Renderer) -> String {
    let diagnostic = &mistake.diagnostic;
    let title = Level::ERROR
        .primary_title(escaped_lines(&diagnostic.message).to_string())
        .id(diagnostic.code.as_str());
    let mut group = match (&mistake.source, &diagnostic.span) {
        (Some(source), Some(span)) => {
            let excerpt = Excerpt::new(&source.text, span);
            let mut annotation = AnnotationKind::Primary.span(excerpt.span);
            if !diagnostic.label.is_empty() {
                annotation = annotation.label(escaped_lines(&diagnostic.label).to_string());
            }
            let snippet = Snippet::source(shown(excerpt.lines))
                .line_start(excerpt.number)
                .path(source.shown.as_str())
                .annotation(annotation);
            title.element(snippet)
        }
        (Some(_), None) | (None, _) => Group::with_title(title),
    };
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(escaped_lines(help).to_string()));
    }
    renderer.render(&[group])
}

/// The lines of a span, so that the rest of a long file is not looked at for each mistake.
struct Excerpt<'t> {
    lines: &'t str,
    /// The number of the first of them.
    number: usize,
    /// Where the span is in them.
    span: Range<usize>,
}

impl<'t> Excerpt<'t> {
    fn new(text: &'t str, span: &Range<usize>) -> Self {
        let end = span.end.min(text.len());
        let start = span.start.min(end);
        let (before, after) = (&text.as_bytes()[..start], &text.as_bytes()[end..]);
        let is_newline = |byte: &u8| *byte == b'\n';
        let from = before.iter().rposition(is_newline).map_or(0, |at| at + 1);
        let to = after
            .iter()
            .position(is_newline)
            .map_or(text.len(), |at| end + at);
        Self {
            lines: &text[from..to],
            number: before.iter().filter(|byte| is_newline(byte)).count() + 1,
            span: start - from..end - from,
        }
    }
}

/// The text of a file to be shown, with as many bytes: annotate-snippets shows most of what a terminal obeys as
/// something else, but not all of it.
fn shown(text: &str) -> String {
    let replaced = |char: char| match char.len_utf8() {
        2 => '\u{b7}',
        3 => char::REPLACEMENT_CHARACTER,
        _ => char,
    };
    text.chars()
        .map(|char| match is_escaped(char) {
            true => replaced(char),
            false => char,
        })
        .collect()
}
