//! The two streams: stdout for what was asked for, stderr for everything else. A program asks for one JSON object,
//! and then text for people goes to stderr alone.

use std::cell::RefCell;
use std::io::{self, Write as _};

use annotate_snippets::Renderer;
use poolcfg_core::file::Diagnostic;
use poolcfg_core::{Code, Text, and_more, escaped, escaped_lines};

use crate::cli::diagnostic::{DiagnosticReport, Message, with_code};
use crate::cli::error::{Error, Mistake};
use crate::cli::exit::Exit;
use crate::cli::invoked_as::InvokedAs;
use crate::cli::markdown::refilled;
use crate::cli::terminal::{columns, columns_of_stderr, shown};
use crate::cli::wrap::wrapped;

/// How much is said on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    Quiet,
    Normal,
    Verbose,
}

/// Where things are said.
#[derive(Debug)]
pub(crate) struct Shell {
    /// What the texts call the command.
    program: InvokedAs,
    pub(crate) verbosity: Verbosity,
    /// Whether stdout is for the JSON object alone.
    pub(crate) is_json: bool,
    diagnostics: RefCell<Vec<DiagnosticReport>>,
}

impl Shell {
    pub(crate) fn new(program: InvokedAs, verbosity: Verbosity, is_json: bool) -> Self {
        Self {
            program,
            verbosity,
            is_json,
            diagnostics: RefCell::default(),
        }
    }

    /// Every mistake, warning and note up to now.
    pub(crate) fn diagnostics(&self) -> Vec<DiagnosticReport> {
        self.diagnostics.borrow().clone()
    }

    /// What people asked for; nothing where a program asked for JSON.
    pub(crate) fn print(&self, text: &str) -> Result<(), Error> {
        match self.is_json {
            true => Ok(()),
            false => print(text),
        }
    }

    /// A picture that people asked for, in the characters of the terminal.
    pub(crate) fn draw(&self, picture: &str) -> Result<(), Error> {
        self.print(&shown(&self.program.called(picture)))
    }

    /// Lines that people asked for, broken where the terminal ends.
    pub(crate) fn list(&self, text: &str) -> Result<(), Error> {
        self.draw(&wrapped(text, columns()))
    }

    /// A text of Markdown that people asked for, with paragraphs as wide as the terminal.
    pub(crate) fn explain(&self, text: &str) -> Result<(), Error> {
        self.draw(&refilled(text, columns()))
    }

    /// What the command decided or did; nothing with `-q`.
    pub(crate) fn say(&self, line: &str) {
        if self.verbosity >= Verbosity::Normal {
            tell(&escaped_lines(&self.program.called(line)).to_string());
        }
    }

    /// What does not keep the command from its work and should be known; nothing for people with `-q`.
    pub(crate) fn warn(&self, code: Code, text: &str) {
        self.message(Message::Warning(code, &self.program.called(text)));
    }

    /// What belongs to an answer; nothing for people with `-q`.
    pub(crate) fn note(&self, text: &str) {
        self.message(Message::Note(&self.program.called(text)));
    }

    fn message(&self, message: Message<'_>) {
        self.keep(message);
        if self.verbosity >= Verbosity::Normal {
            tell(&message.rendered(&Renderer::styled()));
        }
    }

    /// What only `-v` shows.
    pub(crate) fn detail(&self, line: &str) {
        if self.verbosity >= Verbosity::Verbose {
            self.say(line);
        }
    }

    /// Mistakes, as rustc writes them, and the status they end in.
    pub(crate) fn fail(&self, error: &Error) -> Exit {
        self.keep_error(error);
        match error {
            Error::Usage(usage) => {
                print_usage(usage, self.program);
                Exit::Usage
            }
            Error::Mistakes { mistakes, exit } => {
                let (told, rest) = told(mistakes);
                for mistake in told {
                    let mistake = mistake.called(self.program);
                    let text = Message::Mistake(&mistake).rendered(&Renderer::styled());
                    tell(&format!("{text}\n"));
                }
                if let Some(rest) = rest {
                    tell(&format!("{rest}\n"));
                }
                *exit
            }
        }
    }

    /// The lines that [`Shell::fail`] and [`Shell::lead_on`] take on the terminal for this; none where stderr is no
    /// terminal.
    pub(crate) fn lines_of(&self, error: &Error) -> usize {
        let (Error::Mistakes { mistakes, .. }, Some(columns)) = (error, columns_of_stderr()) else {
            return 0;
        };
        let lines = told(mistakes).0.iter().map(|mistake| {
            let mistake = mistake.called(self.program);
            let text = Message::Mistake(&mistake).rendered(&Renderer::styled());
            wrapped(&shown(&text), Some(columns)).lines().count() + 1
        });
        lines.sum::<usize>() + 1
    }

    /// One mistake, and lines that belong to it.
    #[cfg(has_tracer)]
    pub(crate) fn fail_with(&self, error: &Error, lines: &[String]) {
        self.keep_error(error);
        if let Error::Mistakes { mistakes, .. } = error {
            for mistake in mistakes {
                let mistake = mistake.called(self.program);
                let text = Message::title_of(&mistake, &Renderer::styled());
                tell(&text);
            }
        }
        for line in lines {
            tell(&escaped_lines(&self.program.called(line)).to_string());
        }
    }

    /// Keeps mistakes for programs; for people they are printed at the end.
    pub(crate) fn keep_error(&self, error: &Error) {
        match error {
            Error::Usage(usage) => self.keep(Message::Usage(usage, self.program)),
            Error::Mistakes { mistakes, .. } => {
                let (told, rest) = told(mistakes);
                for mistake in told {
                    self.keep(Message::Mistake(&mistake.called(self.program)));
                }
                if let Some(rest) = rest {
                    self.keep(Message::Note(rest.as_str()));
                }
            }
        }
    }

    /// The last line: how to read more about the errors and warnings that people were told.
    pub(crate) fn lead_on(&self, exit: Exit) {
        let kept = self.diagnostics.borrow();
        let is_shown = |level| match self.verbosity {
            Verbosity::Quiet => level == "error" && exit != Exit::Fits,
            Verbosity::Normal | Verbosity::Verbose => true,
        };
        let mut codes: Vec<&str> = kept
            .iter()
            .filter(|diagnostic| is_shown(diagnostic.level))
            .filter_map(|diagnostic| diagnostic.code)
            .collect();
        codes.sort_unstable();
        codes.dedup();
        let command = self.program.command();
        let line = match &codes[..] {
            [] => return,
            [code] => format!("`{command} --explain {code}` says more"),
            [code, others @ ..] => format!(
                "`{command} --explain {code}` says more, and so on for {}",
                others.join(", ")
            ),
        };
        tell(&line);
    }

    /// Keeps it for programs, once.
    fn keep(&self, message: Message<'_>) {
        let diagnostic = message.diagnostic();
        let mut kept = self.diagnostics.borrow_mut();
        if !kept.contains(&diagnostic) {
            kept.push(diagnostic);
        }
    }
}

/// Lines on stderr, in the characters of the terminal and broken where it ends.
fn tell(text: &str) {
    let text = wrapped(&shown(text), columns_of_stderr());
    // Nobody is left to be told that stderr is gone.
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// The mistakes that are printed, and what stands for the others.
fn told(mistakes: &[Mistake]) -> (&[Mistake], Option<Text>) {
    match mistakes.split_at_checked(Diagnostic::TOLD) {
        None | Some((_, [])) => (mistakes, None),
        Some((told, rest)) => {
            let count = u32::try_from(rest.len()).unwrap_or(u32::MAX);
            (told, Some(and_more(count)))
        }
    }
}

/// Prints what clap says. It quotes arguments as they are, so that its colours cannot be told from what an argument
/// does to a terminal: then it is printed without any.
fn print_usage(usage: &clap::Error, program: InvokedAs) {
    let is_plain = |argument: std::ffi::OsString| {
        let argument = argument.to_string_lossy().into_owned();
        escaped(&argument).to_string() == argument
    };
    if std::env::args_os().all(is_plain) {
        let text = with_code(&usage.render().ansi().to_string());
        tell(program.called(&text).trim_end());
        return;
    }
    let text = with_code(&usage.render().to_string());
    let text = escaped_lines(&program.called(&text)).to_string();
    tell(text.trim_end());
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
            "redirect stdout elsewhere, such as to a file with `> FILE`",
        )),
        _ => Ok(()),
    }
}
