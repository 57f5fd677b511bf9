//! The edits of a run: every file as it is to be. None is written before all are known to be right, so that a run that
//! fails leaves every file as it was.

use std::path::PathBuf;

use poolcfg_core::Code;
use poolcfg_core::file::ConfigFile;

use crate::cli::error::{Error, Source};
use crate::context::Context;
use crate::output::write;
use crate::project::Member;

/// The files that are to be written, in the order of the packages.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<EditedFile>);

#[derive(Debug)]
struct EditedFile {
    path: PathBuf,
    text: String,
    /// What is said of it.
    lines: Vec<String>,
}

impl Edits {
    /// A file as it is to be.
    pub(super) fn source(&self, source: &Source) -> Source {
        let edited = self.0.iter().find(|file| file.path == source.path);
        let text = edited.map(|file| file.text.as_str().into());
        Source {
            text: text.unwrap_or_else(|| source.text.clone()),
            ..source.clone()
        }
    }

    /// Takes a new text of a file, with a line for each change.
    ///
    /// # Errors
    /// Where the text is none that can be read again.
    pub(super) fn put(
        &mut self,
        member: &Member,
        source: &Source,
        text: String,
        lines: impl IntoIterator<Item = String>,
    ) -> Result<(), Error> {
        reread(&text)?;
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
            text,
            lines: said,
        });
        Ok(())
    }

    /// Writes the files, and says so.
    ///
    /// # Errors
    /// At the first that cannot be written.
    pub(super) fn write(&self, context: &Context<'_>) -> Result<(), Error> {
        for file in &self.0 {
            write(&file.path, &file.text, "")?;
            context.changed(&file.path, "written", &[]);
            for line in &file.lines {
                context.shell.say(line);
            }
        }
        Ok(())
    }
}

/// What the new text says: a file that cannot be read again is never written.
pub(super) fn reread(text: &str) -> Result<ConfigFile, Error> {
    ConfigFile::parse(text).map_err(|_| {
        Error::new(
            Code::Io,
            "the edited file would not be a valid poolcfg.toml",
            "this is a bug in poolcfg: please report it, and set the keys by hand",
        )
    })
}
