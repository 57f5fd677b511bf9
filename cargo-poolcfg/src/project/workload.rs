//! The workload that poolcfg.toml names: its files, the counts that they need, and where the file says others.

use std::ops::Range;
use std::path::{Path, PathBuf};

use poolcfg_core::Code;
use poolcfg_core::file::Diagnostic;
use toml_edit::{Document, TableLike, Value};

use crate::cli::args::Missing;
use crate::cli::error::{Error, Source, all, diagnostic};
use crate::cli::exit::Exit;
use crate::cli::path::shown;
use crate::cli::shell::Shell;
use crate::inspect::workload::PerInstance;
use crate::inspect::{Inspected, inspect};
use crate::project::Member;
use crate::project::edit::{Edit, set_count};
use crate::project::pool_tables::{WASMTIME, edited, header, pool_tables, table};

const WORKLOAD: &str = "workload";

/// The help where an entry is no pattern.
const PATTERNS: &str = "`*` stands for a part of a name, `**` for folders";

/// A pool's `wasmtime` table that names a workload.
struct WorkloadTable {
    /// The keys that lead to the table of the pool.
    path: Vec<String>,
    /// Each entry of the list, and where it stands.
    entries: Vec<(String, Range<usize>)>,
    /// The list.
    span: Range<usize>,
    /// The counts that it says, and where.
    said: Vec<(String, u64, Range<usize>)>,
}

/// A count that is not what the files need.
#[derive(Clone, Debug)]
pub(crate) struct CountDifference {
    path: Vec<String>,
    /// The bytes of the value; those of the list where nothing is said.
    span: Range<usize>,
    pub(crate) key: &'static str,
    pub(crate) said: Option<u64>,
    pub(crate) needed: u64,
    /// The file that needs it, as messages show it.
    file: String,
}

impl CountDifference {
    /// The header of the table that holds the key.
    pub(crate) fn table(&self) -> String {
        header(&self.path)
    }

    fn diagnostic(&self) -> Diagnostic {
        let Self {
            key, needed, file, ..
        } = self;
        let message = match self.said {
            Some(said) => format!("`{key}` is {said}, and the workload needs {needed}"),
            None => format!(
                "`{}` says no `{key}`, and the workload needs {needed}",
                self.table()
            ),
        };
        Diagnostic {
            span: Some(self.span.clone()),
            label: format!("`{file}` needs {needed}"),
            ..diagnostic(
                Code::OutOfWorkload,
                message,
                "`cargo poolcfg sync` writes what it needs",
            )
        }
    }

    /// What is written in its place, and what was there.
    fn line(&self) -> String {
        let Self {
            key, needed, file, ..
        } = self;
        let was = self
            .said
            .map_or_else(String::new, |said| format!(", was {said}"));
        format!("{} {key} = {needed}{was}: `{file}` needs it", self.table())
    }
}

/// Whether poolcfg.toml names a workload.
pub(crate) fn has_workload(source: &str) -> bool {
    !tables(source).is_empty()
}

/// Where the counts of a package are not those that its workload needs.
///
/// # Errors
/// Where a file is not there, or cannot be inspected.
pub(crate) fn differences(
    shell: &Shell,
    source: &Source,
    missing: Missing,
) -> Result<Vec<CountDifference>, Error> {
    let found = all(tables(&source.text)
        .iter()
        .map(|table| table.differences(shell, source, missing)))?;
    Ok(found.into_iter().flatten().collect())
}

/// Holds the counts of each package to its workload.
///
/// # Errors
/// With [`Exit::Misfit`] where they disagree; as for [`differences`].
pub(crate) fn hold<'m>(
    shell: &Shell,
    members: impl IntoIterator<Item = &'m Member>,
    missing: Missing,
) -> Result<(), Error> {
    let sources = members
        .into_iter()
        .filter_map(|member| member.source.as_ref());
    let held = sources.map(|source| disagreement(source, &differences(shell, source, missing)?));
    all(held).map(drop)
}

/// What says that the counts and the workload disagree.
///
/// # Errors
/// Where there is anything to say.
pub(crate) fn disagreement(source: &Source, found: &[CountDifference]) -> Result<(), Error> {
    let list: Vec<_> = found.iter().map(CountDifference::diagnostic).collect();
    match list.is_empty() {
        true => Ok(()),
        false => Err(Error::of(list, Some(source)).exiting(Exit::Misfit)),
    }
}

/// The file with every count put right and everything else as it is, and a line for each.
///
/// # Errors
/// When a table cannot be found again, which is a fault of ours.
pub(crate) fn rewritten(
    source: &str,
    found: &[CountDifference],
) -> Result<(String, Vec<String>), Error> {
    let mut edit = Edit::new(source);
    for difference in found {
        let table = edited(&mut edit, &difference.path, difference.span.start)?;
        set_count(table, difference.key, difference.needed);
    }
    let lines = found.iter().map(CountDifference::line).collect();
    Ok((edit.text(), lines))
}

/// The tables that name a workload, in the order of the file.
fn tables(source: &str) -> Vec<WorkloadTable> {
    let Ok(document) = Document::parse(source) else {
        return Vec::new();
    };
    let pools = pool_tables(&document).into_iter();
    pools
        .filter_map(|(path, pool)| WorkloadTable::new(pool, path))
        .collect()
}

impl WorkloadTable {
    fn new(pool: &dyn TableLike, path: Vec<String>) -> Option<Self> {
        let own = table(pool, WASMTIME)?;
        let list = own.get(WORKLOAD)?;
        let span = list.span()?;
        let entries = list.as_array()?.iter().filter_map(|entry| {
            let at = entry.span().unwrap_or_else(|| span.clone());
            Some((entry.as_str()?.to_owned(), at))
        });
        let said = own.iter().filter_map(|(key, value)| {
            let count = value.as_value().and_then(Value::as_integer)?;
            Some((key.to_owned(), u64::try_from(count).ok()?, value.span()?))
        });
        Some(Self {
            path,
            entries: entries.collect(),
            said: said.collect(),
            span,
        })
    }

    fn differences(
        &self,
        shell: &Shell,
        source: &Source,
        missing: Missing,
    ) -> Result<Vec<CountDifference>, Error> {
        let folder = source.path.parent().unwrap_or(Path::new(""));
        let mut is_whole = true;
        let mut files = Vec::new();
        let mut mistakes = Vec::new();
        for (entry, span) in &self.entries {
            match matching(folder, entry) {
                Ok(paths) if !paths.is_empty() => files.extend(paths),
                Ok(_) if missing == Missing::PassedOver => {
                    is_whole = false;
                    let text =
                        format!("`{entry}` of the workload is not there, and is passed over");
                    shell.note(&text);
                }
                Ok(_) => mistakes.push(not_there(entry, span.clone())),
                Err(why) => mistakes.push(Diagnostic {
                    span: Some(span.clone()),
                    ..diagnostic(Code::NoWorkload, why, PATTERNS)
                }),
            }
        }
        if !mistakes.is_empty() {
            return Err(Error::of(mistakes, Some(source)));
        }
        files.sort();
        files.dedup();
        let inspected = all(files
            .iter()
            .map(|path| needs(shell, path, "take it out of `workload`")))?;
        let Some(counts) = PerInstance::of(&inspected) else {
            return Ok(Vec::new());
        };
        let of_file = |key: &str, needed: u64| {
            let each = files.iter().zip(&inspected);
            let mut of = each.filter(|(_, file)| {
                let counts = PerInstance::of([*file]);
                counts.is_some_and(|counts| counts.keys().any(|one| one == (key, needed)))
            });
            of.next().map_or_else(String::new, |(path, _)| shown(path))
        };
        let differs = counts.keys().filter_map(|(key, needed)| {
            let said = self.said.iter().find(|(said, ..)| said == key);
            let is_right = said.is_some_and(|(_, said, _)| match is_whole {
                true => *said == needed,
                false => *said >= needed,
            });
            (!is_right).then(|| CountDifference {
                path: self.path.clone(),
                span: said.map_or_else(|| self.span.clone(), |(_, _, span)| span.clone()),
                key,
                said: said.map(|(_, said, _)| *said),
                needed,
                file: of_file(key, needed),
            })
        });
        Ok(differs.collect())
    }
}

/// What a file of the workload is, which must be WebAssembly; `help` is what to do with a program.
pub(crate) fn needs(shell: &Shell, path: &Path, help: &str) -> Result<Inspected, Error> {
    let file = inspect(path)?;
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
            "`{}` may need more: not counted is {}",
            shown(path),
            open.join(", and ")
        );
        shell.warn(Code::OutOfWorkload, &text);
    }
    Ok(file)
}

/// Whether an entry means the files that match it, and not the one of its name.
fn is_pattern(entry: &str) -> bool {
    entry.contains(['*', '?', '['])
}

/// The files that an entry means: none where they are not there.
fn matching(folder: &Path, entry: &str) -> Result<Vec<PathBuf>, String> {
    if !is_pattern(entry) {
        let path = folder.join(entry);
        // What is there and is no file is told when it is looked into.
        return Ok(std::fs::symlink_metadata(&path).map_or_else(|_| Vec::new(), |_| vec![path]));
    }
    let pattern = Path::new(&glob::Pattern::escape(&folder.to_string_lossy())).join(entry);
    let found = glob::glob(&pattern.to_string_lossy());
    let found = found.map_err(|error| format!("`{entry}` is no pattern: {}", error.msg))?;
    let files = found.filter_map(Result::ok).filter(|path| path.is_file());
    Ok(files.collect())
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
    let (message, help) = match matching(Path::new(""), entry) {
        Ok(files) if !files.is_empty() => return Ok(files),
        Ok(_) => (
            format!("no file matches `{}`", shown(path)),
            "build it first",
        ),
        Err(why) => (why, PATTERNS),
    };
    Err(Error::new(Code::NoWorkload, message, help))
}

fn not_there(entry: &str, span: Range<usize>) -> Diagnostic {
    let message = match is_pattern(entry) {
        true => format!("no file matches `{entry}` of the workload"),
        false => format!("`{entry}` of the workload is not there"),
    };
    Diagnostic {
        span: Some(span),
        label: "not built yet?".to_owned(),
        ..diagnostic(
            Code::NoWorkload,
            message,
            "build it first; `--allow-missing` passes over what is not there",
        )
    }
}
