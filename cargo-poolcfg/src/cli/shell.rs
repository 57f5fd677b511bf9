//! The two streams: stdout for what was asked for, stderr for everything else.

use std::io::{self, IsTerminal as _, Write as _};
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use clap::ColorChoice;
use poolcfg_core::{Code, escaped, escaped_lines, is_escaped};

use crate::cli::error::{Error, Mistake};
use crate::cli::exit::Exit;

/// How much is said on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    Quiet,
    Normal,
    Verbose,
}

/// Where things are said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shell {
    pub(crate) verbosity: Verbosity,
}

/// Makes `--color` hold for both streams.
pub(crate) fn choose_color(choice: ColorChoice) {
    match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

impl Shell {
    /// What the command decided or did; nothing with `-q`.
    pub(crate) fn say(self, line: &str) {
        if self.verbosity >= Verbosity::Normal {
            // Nobody is left to be told that stderr is gone.
            let _ = writeln!(anstream::stderr(), "{}", escaped_lines(line));
        }
    }

    /// What does not stand in the way and should be known; nothing with `-q`.
    pub(crate) fn warn(self, text: &str) {
        self.warn_of(None, text);
    }

    /// The same with the code under which `--explain` says more.
    pub(crate) fn warn_of(self, code: Option<Code>, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            let text = escaped_lines(text).to_string();
            let mut title = Level::WARNING.primary_title(text);
            if let Some(code) = code {
                title = title.id(code.as_str());
            }
            let group = Group::with_title(title);
            let _ = writeln!(
                anstream::stderr(),
                "{}",
                Renderer::styled().render(&[group])
            );
        }
    }

    /// What only `-v` shows.
    pub(crate) fn detail(self, line: &str) {
        if self.verbosity >= Verbosity::Verbose {
            self.say(line);
        }
    }

    /// Mistakes, as rustc writes them, and the status they end in.
    pub(crate) fn fail(self, error: &Error) -> Exit {
        match error {
            Error::Usage(usage) => {
                print_usage(usage);
                // Help and version are answers and no mistakes.
                if usage.use_stderr() {
                    Exit::Usage
                } else {
                    Exit::Fits
                }
            }
            Error::Mistakes { mistakes, exit } => {
                for mistake in mistakes {
                    let _ = writeln!(anstream::stderr(), "{}\n", render(mistake));
                }
                *exit
            }
        }
    }
}

/// Prints what clap says. It quotes arguments as they are, so that its colours cannot be told from what an argument
/// does to a terminal: then it is printed without any.
fn print_usage(usage: &clap::Error) {
    let is_plain = |argument: std::ffi::OsString| {
        let argument = argument.to_string_lossy().into_owned();
        escaped(&argument).to_string() == argument
    };
    if !usage.use_stderr() || std::env::args_os().all(is_plain) {
        let _ = usage.print();
        return;
    }
    let text = usage.render().to_string();
    let _ = write!(anstream::stderr(), "{}", escaped_lines(&text));
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

/// Writes what was asked for. A reader that has gone away, as in `… | head`, is no mistake.
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut stdout = anstream::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::new(
            Code::Io,
            format!("cannot write to stdout: {error}"),
            "redirect it to a place with room, or use `-o FILE`",
        )),
        _ => Ok(()),
    }
}

fn render(mistake: &Mistake) -> String {
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
        (Some(source), None) => {
            title.element(annotate_snippets::Origin::path(source.shown.as_str()))
        }
        (None, _) => Group::with_title(title),
    };
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(escaped_lines(help).to_string()));
    }
    Renderer::styled().render(&[group])
}

/// Columns of the terminal; 80 where there is none.
pub(crate) fn width() -> usize {
    if !io::stdout().is_terminal() {
        return 80;
    }
    match terminal_size::terminal_size() {
        Some((terminal_size::Width(columns), _)) => usize::from(columns),
        None => 80,
    }
}
