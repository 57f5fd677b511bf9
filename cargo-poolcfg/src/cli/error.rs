//! Errors: mistakes with a code and a place, and the exit status they lead to.

use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use poolcfg_core::file::Diagnostic;
use poolcfg_core::{Code, escaped, escaped_lines};

use crate::cli::exit::Exit;
use crate::cli::invoked_as::InvokedAs;
use crate::cli::path::shown;

/// A text that diagnostics point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Where it is; empty if it is a flag and no file.
    pub(crate) path: PathBuf,
    /// Its path as messages show it.
    pub(crate) shown: String,
    /// What it holds.
    pub(crate) text: Arc<str>,
}

/// One mistake, and the text that it is in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) diagnostic: Diagnostic,
    pub(crate) source: Option<Source>,
    /// The file that it is about as a whole, where the message names it and no text of it is shown.
    file: Option<PathBuf>,
}

impl Mistake {
    pub(crate) fn new(diagnostic: Diagnostic, source: Option<Source>) -> Self {
        Self {
            diagnostic,
            source,
            file: None,
        }
    }

    /// The same in the words of the program as it was called.
    pub(crate) fn called(&self, program: InvokedAs) -> Self {
        let mut mistake = self.clone();
        let said = &mut mistake.diagnostic;
        let help = said.help.as_mut();
        for text in [&mut said.message, &mut said.label].into_iter().chain(help) {
            *text = program.called(text).into_owned();
        }
        mistake
    }

    /// What two mistakes have in common that are one.
    fn key(&self) -> (&Diagnostic, Option<&Path>) {
        (&self.diagnostic, self.file())
    }

    /// The file that it is in, or that it is about.
    pub(crate) fn file(&self) -> Option<&Path> {
        let source = self.source.as_ref().map(|source| source.path.as_path());
        let file = source.or(self.file.as_deref());
        file.filter(|path| !path.as_os_str().is_empty())
    }
}

/// Why the command stops, or what it found.
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line is wrong.
    Usage(clap::Error),
    /// Mistakes, all there are.
    Mistakes { mistakes: Vec<Mistake>, exit: Exit },
}

impl Error {
    /// One mistake that stands in no file.
    pub(crate) fn new(code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::from(diagnostic(code, message, help))
    }

    /// Flags that do not go together, or not with the packages; `text` is one sentence.
    pub(crate) fn usage(text: &str) -> Self {
        let kind = clap::error::ErrorKind::ArgumentConflict;
        Self::Usage(clap::Error::raw(kind, format!("{text}\n")))
    }

    /// One file that cannot be read or written.
    pub(crate) fn io(doing: &str, path: &Path, error: &io::Error, help: &str) -> Self {
        let message = format!("cannot {doing} `{}`: {error}", shown(path));
        Self::new(Code::Io, message, help).about(path)
    }

    /// One file that cannot be read, where the error says what to do about it; `what` is the file.
    pub(crate) fn unread(what: &str, path: &Path, error: &io::Error) -> Self {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "check the path: there is no such file",
            io::ErrorKind::PermissionDenied => "make it readable for you, or run this as its owner",
            io::ErrorKind::InvalidData => "save it as UTF-8 text",
            io::ErrorKind::IsADirectory => "name a file: this is a folder",
            _ => "check that it is a file that can be read",
        };
        Self::io(format!("read {what}").trim_end(), path, error, help)
    }

    /// Mistakes of one text.
    pub(crate) fn of(diagnostics: Vec<Diagnostic>, source: Option<&Source>) -> Self {
        let mistake = |diagnostic| Mistake::new(diagnostic, source.cloned());
        Self::from(diagnostics.into_iter().map(mistake).collect::<Vec<_>>())
    }

    /// These mistakes and another's; wrong usage stays alone.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (
                Self::Mistakes { mut mistakes, exit },
                Self::Mistakes {
                    mistakes: mut more,
                    exit: other,
                },
            ) => {
                // Two targets with the same mistake in the same place of the same file are one mistake.
                let known: HashSet<_> = mistakes.iter().map(Mistake::key).collect();
                more.retain(|mistake| !known.contains(&mistake.key()));
                drop(known);
                mistakes.append(&mut more);
                Self::Mistakes {
                    mistakes,
                    exit: exit.max(other),
                }
            }
            (usage @ Self::Usage(_), _) | (_, usage) => usage,
        }
    }

    /// The same mistakes, ending in another status.
    pub(crate) fn exiting(self, exit: Exit) -> Self {
        match self {
            Self::Mistakes { mistakes, .. } => Self::Mistakes { mistakes, exit },
            usage @ Self::Usage(_) => usage,
        }
    }

    /// The same mistakes, each at this place of a text.
    pub(crate) fn at(mut self, source: &Source, span: &Range<usize>) -> Self {
        if let Self::Mistakes { mistakes, .. } = &mut self {
            for mistake in mistakes {
                mistake.source = Some(source.clone());
                mistake.diagnostic.span = Some(span.clone());
            }
        }
        self
    }

    /// The same mistakes, where they name this file as a whole.
    pub(crate) fn about(mut self, path: &Path) -> Self {
        if let Self::Mistakes { mistakes, .. } = &mut self {
            for mistake in mistakes {
                mistake.file = Some(path.to_owned());
            }
        }
        self
    }
}

impl From<Mistake> for Error {
    fn from(mistake: Mistake) -> Self {
        Self::from(vec![mistake])
    }
}

impl From<Vec<Mistake>> for Error {
    fn from(mistakes: Vec<Mistake>) -> Self {
        Self::Mistakes {
            mistakes,
            exit: Exit::Failed,
        }
    }
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::of(vec![diagnostic], None)
    }
}

impl From<clap::Error> for Error {
    fn from(error: clap::Error) -> Self {
        Self::Usage(error)
    }
}

/// A mistake that stands in no file.
pub(crate) fn diagnostic(
    code: Code,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Diagnostic {
    let (message, help) = (message.into(), help.into());
    // Variables, arguments and files are quoted in both. What another tool says may be several lines.
    let shown = match code {
        Code::Tool => escaped_lines(&message),
        _ => escaped(&message),
    };
    Diagnostic {
        code,
        message: shown.to_string(),
        span: None,
        label: String::new(),
        help: (!help.is_empty()).then(|| escaped(&help).to_string()),
    }
}

/// The results of many, or every mistake of those that failed.
pub(crate) fn all<T>(results: impl IntoIterator<Item = Result<T, Error>>) -> Result<Vec<T>, Error> {
    let (good, bad) = sound(results);
    bad.map(|()| good)
}

/// Those of many that did not fail, and every mistake of the rest.
pub(crate) fn sound<T>(
    results: impl IntoIterator<Item = Result<T, Error>>,
) -> (Vec<T>, Result<(), Error>) {
    let mut good = Vec::new();
    let mut bad: Option<Error> = None;
    for result in results {
        match result {
            Ok(value) => good.push(value),
            Err(error) => {
                bad = Some(match bad {
                    Some(before) => before.and(error),
                    None => error,
                });
            }
        }
    }
    (good, bad.map_or(Ok(()), Err))
}
