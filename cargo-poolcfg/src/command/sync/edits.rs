//! The edits of a run: every file as it is to be. None is written before all are known to be right, so that a run that
//! fails leaves every file as it was.

use std::path::PathBuf;
use std::sync::Arc;

use poolcfg_core::Code;
use poolcfg_core::file::ConfigFile;

use crate::cli::error::{Error, Source};
use crate::context::Context;
use crate::output::write;
use crate::project::Member;

/// The files that are to be written, in the order of the packages.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<EditedFile>);

/// The text of a file, and what it says.
#[derive(Clone, Debug)]
pub(super) struct ReadFile {
    pub(super) text: Arc<str>,
    pub(super) file: ConfigFile,
}

impl ReadFile {
    /// A new text.
    ///
    /// # Errors
    /// Where it cannot be read again: such a file is never written.
    pub(super) fn again(text: String) -> Result<Self, Error> {
        match ConfigFile::parse(&text) {
            Ok(file) => Ok(Self {
                text: text.into(),
                file,
            }),
            Err(_) => Err(Error::new(
                Code::Io,
                "the edited file would not be a valid poolcfg.toml",
                "this is a bug in poolcfg: please report it, and set the keys by hand",
            )),
        }
    }
}

#[derive(Debug)]
struct EditedFile {
    path: PathBuf,
    read: ReadFile,
    /// What is said of it.
    lines: Vec<String>,
}

impl Edits {
    /// A file of a package as it is to be, and what it says.
    pub(super) fn read(&self, member: &Member, source: &Source) -> (Source, ConfigFile) {
        let edited = self.0.iter().find(|file| file.path == source.path);
        let Some(EditedFile { read, .. }) = edited else {
            return (source.clone(), member.file.clone());
        };
        let source = Source {
            text: read.text.clone(),
            ..source.clone()
        };
        (source, read.file.clone())
    }

    /// Takes a new text of a file, with a line for each change.
    pub(super) fn put(
        &mut self,
        member: &Member,
        source: &Source,
        read: ReadFile,
        lines: impl IntoIterator<Item = String>,
    ) {
        let heading = member.heading();
        let earlier = self.0.iter().position(|file| file.path == source.path);
        let mut said = match earlier.map(|index| self.0.remove(index)) {
            Some(mut earlier) => {
                earlier.lines.pop();
                earlier.lines
            }
            None => Vec::new(),
        };
        said.extend(lines.into_iter().map(|line| format!("{heading}{line}")));
        said.push(format!("{heading}wrote {}", source.shown));
        self.0.push(EditedFile {
            path: source.path.clone(),
            read,
            lines: said,
        });
    }

    /// Writes the files, and says so.
    ///
    /// # Errors
    /// At the first that cannot be written.
    pub(super) fn write(&self, context: &Context<'_>) -> Result<(), Error> {
        for file in &self.0 {
            write(&file.path, &file.read.text, "")?;
            context.changed(&file.path, "written", &[]);
            for line in &file.lines {
                context.shell.say(line);
            }
        }
        Ok(())
    }
}
