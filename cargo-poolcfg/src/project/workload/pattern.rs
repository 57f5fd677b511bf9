//! Patterns of paths: which files they mean.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use glob::Pattern;

/// Whether a path means the files that match it where none has this very name.
pub(super) fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// Folders of any depth, those of links not among them, so that links in a circle have an end. Shells do the same.
const FOLDERS: &str = "**";

/// The paths below `folder` that a pattern means, in the order of their names; none where nothing matches. A name that
/// is not Unicode matches as it is shown.
///
/// # Errors
/// Why it is no pattern, or which folder cannot be read.
pub(super) fn matching(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let no_pattern =
        |error: glob::PatternError| format!("`{pattern}` is no pattern: {}", error.msg);
    Pattern::new(pattern).map_err(no_pattern)?;
    let mut parts = Vec::new();
    for part in Path::new(pattern).components() {
        parts.push(match part.as_os_str().to_str() {
            Some(FOLDERS)
                if parts
                    .last()
                    .is_some_and(|last| matches!(last, PatternPart::Folders)) =>
            {
                continue;
            }
            Some(FOLDERS) => PatternPart::Folders,
            Some(name) if is_pattern(name) => {
                PatternPart::Names(Pattern::new(name).map_err(no_pattern)?)
            }
            _ => PatternPart::Name(part),
        });
    }
    if let Some(PatternPart::Folders) = parts.last() {
        parts.push(PatternPart::Names(Pattern::new("*").map_err(no_pattern)?));
    }
    let mut found = Vec::new();
    search(folder, &parts, &inside, &mut found)
        .map_err(|error| format!("`{pattern}` cannot be searched for: {error}"))?;
    found.sort();
    found.dedup();
    Ok(found)
}

/// A part of a path.
enum PatternPart<'p> {
    /// A name as it is, or a root.
    Name(Component<'p>),
    Names(Pattern),
    Folders,
}

/// Lists a folder.
type Lister<'l> = &'l dyn Fn(&Path) -> io::Result<Vec<PathBuf>>;

fn search(
    base: &Path,
    parts: &[PatternPart<'_>],
    list: Lister<'_>,
    found: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let [part, rest @ ..] = parts else {
        if fs::symlink_metadata(base).is_ok() {
            found.push(base.to_owned());
        }
        return Ok(());
    };
    match part {
        PatternPart::Name(name) => search(&base.join(name), rest, list, found),
        PatternPart::Names(pattern) => named(&list(base)?, pattern, rest, list, found),
        PatternPart::Folders => {
            let all = list(base)?;
            match rest {
                // What is in the folder is known.
                [PatternPart::Names(pattern), rest @ ..] => {
                    named(&all, pattern, rest, list, found)?;
                }
                _ => search(base, rest, list, found)?,
            }
            for path in &all {
                if fs::symlink_metadata(path).is_ok_and(|what| what.is_dir()) {
                    search(path, parts, list, found)?;
                }
            }
            Ok(())
        }
    }
}

/// Goes on from those of these paths whose names match.
fn named(
    paths: &[PathBuf],
    pattern: &Pattern,
    rest: &[PatternPart<'_>],
    list: Lister<'_>,
    found: &mut Vec<PathBuf>,
) -> io::Result<()> {
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if pattern.matches(&name) {
            search(path, rest, list, found)?;
        }
    }
    Ok(())
}

/// What is in a folder; nothing if it is none.
fn inside(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let read = match folder.as_os_str().is_empty() {
        true => fs::read_dir("."),
        false => fs::read_dir(folder),
    };
    let entries = match read {
        Ok(entries) => entries,
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
            return Ok(Vec::new());
        }
        Err(error) => {
            let text = format!("`{}`: {error}", folder.display());
            return Err(io::Error::new(error.kind(), text));
        }
    };
    entries
        .map(|entry| Ok(folder.join(entry?.file_name())))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn each_folder_is_read_once() {
        let read = RefCell::new(Vec::new());
        let list = |folder: &Path| {
            read.borrow_mut().push(folder.to_owned());
            inside(folder)
        };
        let any = Pattern::new("*.rs").expect("a pattern");
        let parts = [PatternPart::Folders, PatternPart::Names(any)];
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/project");
        let mut found = Vec::new();
        search(&source, &parts, &list, &mut found).expect("it can be read");
        assert!(found.contains(&source.join("edit.rs")));
        assert!(found.contains(&source.join("workload/pattern.rs")));
        let mut read = read.into_inner();
        let times = read.len();
        assert!(times > 1);
        read.sort();
        read.dedup();
        assert_eq!(read.len(), times);
    }
}
