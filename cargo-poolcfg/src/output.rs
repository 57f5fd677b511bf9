//! Output: a text and its place. A file is written beside its place and renamed, so that none is ever left
//! half-written, and none is replaced that is not ours.

pub(crate) mod host_file;
pub(crate) mod mark;
mod present;
pub(crate) mod recorded;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use poolcfg_core::Code;
use poolcfg_core::file::read_text;

use crate::cli::error::{Error, all};
use crate::cli::exit::Exit;
use crate::cli::header;
use crate::cli::path::shown;
use crate::context::Context;
use crate::output::mark::Mark;
pub(crate) use crate::output::present::{Present, present};
use crate::project::{MODULE, Member};
use crate::render::rust_file;
use crate::target::here::record;

/// One text and its place; no place is stdout.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) place: Option<PathBuf>,
    text: String,
    /// By what the text is known as ours: only what has it is replaced.
    mark: Mark,
    /// How a line about it begins.
    heading: String,
    /// Whether it is the file of a package, which needs no `-o`.
    is_own: bool,
    /// The file that has to name the module.
    crate_root: Option<PathBuf>,
}

impl Output {
    /// A text for a file, or for stdout if the place is `-`.
    pub(crate) fn new(place: Option<PathBuf>, text: String, mark: Mark) -> Self {
        Self {
            place: place.filter(|path| path != Path::new("-")),
            text: record::seal(text),
            mark,
            heading: String::new(),
            is_own: false,
            crate_root: None,
        }
    }

    /// The same of a package.
    pub(crate) fn of(self, member: &Member) -> Self {
        Self {
            heading: member.heading(),
            is_own: self.place.as_deref() == Some(&member.rust_file()),
            crate_root: member.crate_root.clone(),
            ..self
        }
    }

    /// How it is written to this place.
    fn advice(&self, path: &Path) -> String {
        let command = match self.is_own {
            true => header::as_called(&self.text),
            false => header::again(&self.text, path),
        };
        match command {
            Some(command) => format!("`{command}` writes it"),
            None => "run the same command with `-o FILE` in place of `--check FILE`".to_owned(),
        }
    }

    /// Writes it, unless it is there already.
    ///
    /// # Errors
    /// When what is there is not ours to replace, or the place cannot be written to.
    pub(crate) fn put(&self, context: &Context<'_>) -> Result<(), Error> {
        let Some(path) = &self.place else {
            return context.shell.print(&self.text);
        };
        let heading = &self.heading;
        let there = present(path)?;
        let is_new = matches!(there, Present::Nothing);
        match there {
            // What is current keeps its time, so that nothing is built again.
            Present::Text(text) if self.is_said_by(&text) => {
                context
                    .shell
                    .say(&format!("{heading}{} is current", shown(path)));
                return Ok(());
            }
            Present::Text(text) if !self.may_replace(path, &text) => {
                return Err(self
                    .other_kind(path, &text)
                    .unwrap_or_else(|| self.in_the_way(path)));
            }
            Present::Foreign => return Err(foreign(path)),
            _ => {}
        }
        let new = write(path, &self.text, ", or write elsewhere with `-o FILE`")?;
        if let Some(folder) = new {
            let line = format!("{heading}created the folder {}", shown(&folder));
            context.shell.say(&line);
        }
        context
            .shell
            .say(&format!("{heading}wrote {}", shown(path)));
        if let Some(root) = self.crate_root.as_ref().filter(|_| is_new && self.is_own)
            && read_text(root).is_ok_and(|text| !text.contains(MODULE))
        {
            let line = format!("{heading}add `mod {MODULE};` to {} to use it", shown(root));
            context.shell.say(&line);
        }
        Ok(())
    }

    /// Whether a text says the same, whatever an editor, git or rustfmt did to its lines.
    fn is_said_by(&self, text: &str) -> bool {
        text.replace("\r\n", "\n") == self.text.replace("\r\n", "\n")
            || (self.mark == Mark::Begins(rust_file::MARK)
                && rust_file::says_the_same(text, &self.text))
    }

    /// Whether the text at its place is what would be written now.
    fn is_current(&self, context: &Context<'_>) -> Result<(), Error> {
        let Some(path) = &self.place else {
            return Err(Error::new(
                Code::Stale,
                "no file to check: the output goes to stdout",
                "name it with `-o FILE`",
            )
            .exiting(Exit::Usage));
        };
        let heading = &self.heading;
        let what = match present(path)? {
            Present::Text(text) if self.is_said_by(&text) => {
                let shell = context.shell;
                shell.say(&format!("{heading}{} is current", shown(path)));
                return Ok(());
            }
            Present::Text(text) => match self.other_kind(path, &text) {
                Some(error) => return Err(error.exiting(Exit::Misfit)),
                // What would not be replaced is not told to be written again.
                None if self.mark.is_missing(&text) => {
                    return Err(foreign(path).exiting(Exit::Misfit));
                }
                None => "is not current",
            },
            Present::Foreign => return Err(foreign(path).exiting(Exit::Misfit)),
            Present::Nothing => "does not exist",
            Present::Other => "is not current",
        };
        let error = Error::new(
            Code::Stale,
            format!("{heading}`{}` {what}", shown(path)),
            self.advice(path),
        );
        Err(error.about(path).exiting(Exit::Misfit))
    }

    /// What is in the way where poolcfg wrote the text at the place, but for another kind of output.
    fn other_kind(&self, path: &Path, text: &str) -> Option<Error> {
        let command = header::as_called(text)?;
        let is_other = !self.mark.is_on(text);
        let mut words = command.split(' ');
        let kind = words.find(|word| *word == "--emit").and(words.next());
        let add = match kind {
            Some(kind) => format!("add `--emit {kind}`"),
            None => "leave out `--emit`".to_owned(),
        };
        is_other.then(|| {
            let file = shown(path);
            let error = Error::new(
                Code::ForeignFile,
                format!("`{file}` holds what `{command}` wrote, and this is another kind of text"),
                format!("{add}, or write to another file with `-o FILE`"),
            );
            error.about(path)
        })
    }

    /// Whether a text at the place is ours to replace: it has the mark, or it is blank and no source of anything.
    fn may_replace(&self, path: &Path, text: &str) -> bool {
        let is_source = path
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "toml");
        match self.mark {
            _ if self.mark.is_on(text) => true,
            _ if !text.trim().is_empty() => false,
            Mark::Begins(_) => true,
            Mark::Envelope | Mark::Has(_) | Mark::Unknown => !is_source,
        }
    }

    /// A text at the place that is not ours to replace.
    fn in_the_way(&self, path: &Path) -> Error {
        if self.mark != Mark::Unknown {
            return foreign(path);
        }
        let file = shown(path);
        let help = "put `{{ generated }}` into a comment of the template and move the file away once, or write to another \
                    file with `-o FILE`";
        let message = format!("`{file}` exists, and nothing in it says that poolcfg wrote it");
        Error::new(Code::ForeignFile, message, help).about(path)
    }
}

/// Whether every file is what would be written now.
///
/// # Errors
/// Every file that is not, and a text without a place.
pub(crate) fn check(context: &Context<'_>, outputs: &[Output]) -> Result<(), Error> {
    all(outputs.iter().map(|output| output.is_current(context))).map(drop)
}

/// Writes a whole file, or leaves what is there. `elsewhere` is what the help adds. Returns its folder if that was
/// not there.
///
/// # Errors
/// When the place cannot be written to.
pub(crate) fn write(path: &Path, text: &str, elsewhere: &str) -> Result<Option<PathBuf>, Error> {
    put(path, text).map_err(|error| {
        let what = match error.kind() {
            io::ErrorKind::InvalidInput => "name a regular file",
            _ => "check that it and its folder are writable and that the disk has room",
        };
        Error::io("write", path, &error, &format!("{what}{elsewhere}"))
    })
}

fn put(path: &Path, text: &str) -> io::Result<Option<PathBuf>> {
    let there = fs::metadata(path).ok();
    if there
        .as_ref()
        .is_some_and(|there| there.is_file() && there.permissions().readonly())
    {
        // A rename would replace it all the same.
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it is read-only",
        ));
    }
    if there.as_ref().is_some_and(|there| !there.is_file()) {
        // A device or pipe cannot be replaced, and whoever opens a pipe may wait for a reader that never comes.
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    // A link stays one: what it points at is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let new = (!folder.exists()).then(|| folder.to_owned());
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".poolcfg-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any new file: what the umask leaves.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    // The name of what is beside it means nothing to the user.
    let mut file = builder
        .tempfile_in(folder)
        .map_err(|error| io::Error::from(error.kind()))?;
    file.write_all(text.as_bytes())?;
    if let Some(there) = there {
        // What is replaced is read and written by the same people as before.
        file.as_file().set_permissions(there.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(new)
}

/// A file that poolcfg has not written.
pub(crate) fn foreign(path: &Path) -> Error {
    Error::new(
        Code::ForeignFile,
        format!("`{}` exists and was not written by poolcfg", shown(path)),
        "move it away, or write to another file with `-o FILE`",
    )
    .about(path)
}
