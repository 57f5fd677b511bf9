//! The two streams: stdout for what was asked for, stderr for everything else.

use std::io::{self, IsTerminal as _, Write as _};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use clap::ColorChoice;
use poolcfg_core::{Code, escaped_lines};

use crate::error::{Error, Mistake};
use crate::exit::Exit;

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
                let _ = usage.print();
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
            let end = source.text.len();
            let span = span.start.min(end)..span.end.min(end);
            let mut annotation = AnnotationKind::Primary.span(span);
            if !diagnostic.label.is_empty() {
                annotation = annotation.label(escaped_lines(&diagnostic.label).to_string());
            }
            let snippet = Snippet::source(&*source.text)
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
