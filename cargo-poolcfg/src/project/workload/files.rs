//! The files that a workload names: those of the list of poolcfg.toml, each with the entry that names it, and those of a
//! flag.

use std::ops::Range;
use std::path::{Path, PathBuf};

use poolcfg_core::Code;
use poolcfg_core::file::Diagnostic;

use crate::cli::args::Missing;
use crate::cli::error::{Error, Source, all, diagnostic};
use crate::cli::exit::Exit;
use crate::cli::path::shown;
use crate::cli::shell::Shell;
use crate::inspect::beyond::{NeededKey, shared};
use crate::inspect::{Inspected, Needs, Wanted, inspect_each};
use crate::project::workload::pattern::{self, is_pattern};
use crate::project::workload::tables::List;

/// The help where an entry is no pattern.
const PATTERNS: &str =
    "`*` stands for a part of a name, `**` for folders, `[ab]` for `a` or `b`, and `[[]` for `[`";

/// What to do with a file that is no part of a workload.
const TAKE_OUT: &str = "remove it from `workload`";

/// The files of a list.
pub(super) struct WorkloadFiles {
    pub(super) files: Vec<(PathBuf, Inspected)>,
    /// Whether nothing is passed over.
    pub(super) is_whole: bool,
}

impl WorkloadFiles {
    /// Looks into every file of a list.
    ///
    /// # Errors
    /// At the entry that is wrong; with [`Exit::Misfit`] where no pool takes a file.
    pub(super) fn read(
        shell: &Shell,
        source: &Source,
        list: &List,
        missing: Missing,
    ) -> Result<Self, Error> {
        let folder = source.path.parent().unwrap_or(Path::new(""));
        let mut is_whole = true;
        let mut paths: Vec<(PathBuf, Range<usize>)> = Vec::new();
        let mut mistakes = Vec::new();
        for (entry, span) in &list.entries {
            match meant(folder, entry) {
                Ok(found) => {
                    for path in &found.folders {
                        let text = format!(
                            "`{}` matches `{entry}` of the workload, but is a folder and was skipped",
                            shown(path)
                        );
                        shell.note(&text);
                    }
                    for what in found.missing(entry) {
                        if missing == Missing::PassedOver {
                            is_whole = false;
                            shell.note(&format!("{what}: it is passed over"));
                        } else {
                            mistakes.push(not_there(what, span.clone()));
                        }
                    }
                    paths.extend(found.files.into_iter().map(|path| (path, span.clone())));
                }
                Err(mistake) => mistakes.push(Diagnostic {
                    span: Some(span.clone()),
                    ..mistake
                }),
            }
        }
        if !mistakes.is_empty() {
            return Err(Error::of(mistakes, Some(source)));
        }
        paths.sort_by(|one, other| one.0.cmp(&other.0));
        paths.dedup_by(|one, other| one.0 == other.0);
        let (paths, spans): (Vec<_>, Vec<_>) = paths.into_iter().unzip();
        let files = needs(shell, paths, TAKE_OUT).into_iter().zip(spans);
        let files = all(files.map(|(file, span)| {
            let file = file.and_then(|(path, file)| possible(path, file));
            file.map_err(|error| error.at(source, &span))
        }))?;
        Ok(Self { files, is_whole })
    }

    /// What each needs.
    pub(super) fn needs(&self) -> impl Iterator<Item = (&Path, &Needs)> {
        let files = self.files.iter();
        files.filter_map(|(path, file)| Some((path.as_path(), file.needs()?)))
    }
}

/// The file, where a pool can take it.
fn possible(path: PathBuf, file: Inspected) -> Result<(PathBuf, Inspected), Error> {
    let alone = || file.needs().map(|needs| (path.as_path(), needs));
    let elements = file.needs().map(|needs| needs.table_elements.least);
    let elements = elements.filter(|elements| u32::try_from(*elements).is_err());
    let message = match (shared(alone()), elements) {
        (Some(path), _) => format!("`{}` has a shared memory, which no pool takes", shown(path)),
        (None, Some(elements)) => format!(
            "`{}` needs `{}` = {elements}, which is more than may be set",
            shown(&path),
            NeededKey::TableElements.word()
        ),
        (None, None) => return Ok((path, file)),
    };
    Err(Error::new(Code::OutOfWorkload, message, TAKE_OUT).exiting(Exit::Misfit))
}

/// What an entry of the list means.
#[derive(Debug, Default)]
struct Matches {
    /// What is there and is no folder. What is no file either is reported when it is read.
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    /// Links to what is not there.
    dangling: Vec<PathBuf>,
}

impl Matches {
    fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut found = Self::default();
        for path in paths {
            if is_dangling(&path) {
                found.dangling.push(path);
            } else if path.is_dir() {
                found.folders.push(path);
            } else {
                found.files.push(path);
            }
        }
        found
    }

    /// What is to be said of each file of the entry that is not there.
    fn missing(&self, entry: &str) -> Vec<String> {
        if self.dangling.is_empty() && self.files.is_empty() {
            let brackets = match entry.contains('[') {
                true => ", in which brackets stand for one of the characters between them",
                false => "",
            };
            return vec![match is_pattern(entry) {
                true => format!("no file matches `{entry}` of the workload{brackets}"),
                false => format!("`{entry}` of the workload is not there"),
            }];
        }
        let dangling = self.dangling.iter();
        dangling
            .map(|path| {
                let path = shown(path);
                format!("`{path}` of the workload is a link to a file that is not there")
            })
            .collect()
    }
}

fn is_dangling(path: &Path) -> bool {
    let to = std::fs::metadata(path);
    to.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        && std::fs::symlink_metadata(path).is_ok()
}

/// The files that an entry of the list means: none where they are not there. A folder is none.
fn meant(folder: &Path, entry: &str) -> Result<Matches, Diagnostic> {
    if !is_pattern(entry) && folder.join(entry).is_dir() {
        let within = match entry.trim_end_matches('/') {
            "" | "." if !entry.starts_with('/') => "*.wasm".to_owned(),
            within => format!("{within}/*.wasm"),
        };
        let message = match entry {
            "" => "expected the path of a file, found an empty text".to_owned(),
            _ => format!("`{entry}` is a folder"),
        };
        let help = match entry {
            "" => "name a file, such as `app.wasm`, or remove the entry".to_owned(),
            _ => format!("name the files in it: `{within}`"),
        };
        return Err(diagnostic(Code::NotInspectable, message, help));
    }
    let found = matching(folder, entry);
    let found = found.map_err(|why| diagnostic(Code::NoWorkload, why, PATTERNS));
    found.map(Matches::of)
}

/// What each file of the workload is, which must be WebAssembly; `help` is what to do with a program.
pub(crate) fn needs(
    shell: &Shell,
    paths: Vec<PathBuf>,
    help: &str,
) -> Vec<Result<(PathBuf, Inspected), Error>> {
    let files = inspect_each(shell, paths.into_iter().map(Ok).collect(), Wanted::Workload);
    let files = files.into_iter().map(|file| {
        let (path, file) = file?;
        is_countable(shell, &path, &file, help)?;
        Ok((path, file))
    });
    files.collect()
}

/// Tells what is not counted of a file.
///
/// # Errors
/// Where it is a program.
fn is_countable(shell: &Shell, path: &Path, file: &Inspected, help: &str) -> Result<(), Error> {
    let Some(needs) = file.needs() else {
        return Err(Error::new(
            Code::NotInspectable,
            format!(
                "`{}` is a program, and a workload consists of modules and components",
                shown(path)
            ),
            help,
        )
        .about(path));
    };
    if !needs.open.is_empty() {
        let open: Vec<_> = needs.open.iter().map(String::as_str).collect();
        let text = format!(
            "`{}` may need more than is counted, because of {}",
            shown(path),
            open.join(", and ")
        );
        shell.warn(Code::OutOfWorkload, &text);
    }
    Ok(())
}

/// What an entry means, be it a file or not: nothing where it is not there.
fn matching(folder: &Path, entry: &str) -> Result<Vec<PathBuf>, String> {
    let path = folder.join(entry);
    let is_there = std::fs::symlink_metadata(&path).is_ok();
    // What is there and is no file is reported when it is read.
    match (is_there, is_pattern(entry)) {
        (true, _) => return Ok(vec![path]),
        (false, false) => return Ok(Vec::new()),
        (false, true) => {}
    }
    pattern::matching(folder, entry)
}

/// The files that a flag names: a file that is there, or else those that match it as a pattern.
///
/// # Errors
/// When it is a pattern, and no file matches it.
pub(crate) fn named(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let is_there = std::fs::symlink_metadata(path).is_ok();
    let Some(entry) = path.to_str().filter(|it| is_pattern(it) && !is_there) else {
        return Ok(vec![path.to_owned()]);
    };
    let found = matching(Path::new(""), entry).map(|mut paths| {
        paths.retain(|path| !path.is_dir());
        paths
    });
    let (message, help) = match found {
        Ok(files) if !files.is_empty() => return Ok(files),
        Ok(_) => (
            format!("no file matches `{}`", shown(path)),
            "build it, or correct the pattern, which starts at the current folder",
        ),
        Err(why) => (why, PATTERNS),
    };
    Err(Error::new(Code::NoWorkload, message, help))
}

fn not_there(message: String, span: Range<usize>) -> Diagnostic {
    Diagnostic {
        span: Some(span),
        label: "not built yet?".to_owned(),
        ..diagnostic(
            Code::NoWorkload,
            message,
            "build it, or correct the path, which starts at the folder of poolcfg.toml; `--allow-missing` leaves out what is not there yet",
        )
    }
}
