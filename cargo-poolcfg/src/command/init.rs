//! `init`: writes a commented poolcfg.toml if there is none.

use std::fs::{OpenOptions, create_dir_all};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use poolcfg_core::Code;
use poolcfg_core::file::read_text;

use crate::cli::args::{Init, Packages};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::path::shown;
use crate::context::Context;
use crate::project::wasmtime_tables::Used;
use crate::project::{FileUse, Member};
use crate::render::envelope::Results;
use crate::render::files::FileResult;
use crate::wasmtime::lookup::{look_up, resolved};

/// The file that is written.
pub(crate) const TEMPLATE: &str = include_str!("../../templates/poolcfg.toml");

/// Writes it beside the Cargo.toml of the package, or where that of the workspace points, for the pools of Wasmtime where
/// one of the packages that share it depends on that.
///
/// # Errors
/// When there is one already, or it cannot be written.
pub(crate) fn run(context: &Context<'_>, arguments: &Init) -> Result<Exit, Error> {
    if arguments.force {
        return Err(Error::usage(
            "`init` overwrites nothing, and has no `--force`: move poolcfg.toml away first",
        ));
    }
    let packages = Packages {
        package: arguments.package.iter().cloned().collect(),
        workspace: false,
        exclude: Vec::new(),
    };
    let mut members = context.members(&packages, FileUse::Write)?;
    let mut files = Vec::new();
    while let Some(first) = members.first() {
        let path = first.place.clone();
        let (mut sharers, others): (Vec<_>, Vec<_>) =
            members.into_iter().partition(|member| member.place == path);
        members = others;
        files.push(write(context, &path, &mut sharers)?);
        context.found(|| Results::Files(files.clone()));
    }
    Ok(Exit::Fits)
}

/// Writes the file of these packages, of which there is one.
fn write(context: &Context<'_>, path: &Path, sharers: &mut [Member]) -> Result<FileResult, Error> {
    if sharers.iter().any(|member| member.source.is_some()) {
        return Err(exists(path));
    }
    if let Some(folder) = path.parent() {
        // Where `config` points there may be no folder yet.
        create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
    }
    let (text, user) = text(context, sharers);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => exists(path),
            _ => cannot_write(path, &error),
        })?;
    if let Err(error) = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
    {
        // Half a file would be taken for a whole one.
        drop(file);
        let _ = std::fs::remove_file(path);
        return Err(cannot_write(path, &error));
    }
    let owner = &sharers[user.unwrap_or_default()];
    let of = match (user, &owner.package) {
        (None, _) => String::new(),
        (Some(_), Some(package)) if sharers.len() > 1 => {
            format!(", for the pools of the Wasmtime of `{}`", package.name)
        }
        (Some(_), _) => ", for the pools of the package's Wasmtime".to_owned(),
    };
    context.shell.say(&format!("wrote {}{of}", shown(path)));
    Ok(FileResult::new(owner, path, "written"))
}

/// The file for the packages that share it, and the first of them that depends on Wasmtime.
fn text(context: &Context<'_>, sharers: &mut [Member]) -> (String, Option<usize>) {
    let named = sharers
        .iter()
        .position(|member| names_wasmtime(&member.dir.join("Cargo.toml")));
    let asked = named.unwrap_or_default();
    let package = sharers[asked].package.clone();
    let Some(package) = package.filter(|it| named.is_some() || it.has_wasmtime_beside()) else {
        return (TEMPLATE.to_owned(), None);
    };
    match resolved(context, &sharers[asked], &package, None) {
        Ok(metadata) => {
            for member in sharers.iter_mut() {
                let _ = look_up(context, member, &metadata, None);
            }
        }
        Err(unknown) if named.is_some() => {
            context.shell.note(&format!(
                "{unknown}, then `sync` writes version and features into poolcfg.toml"
            ));
            return (for_wasmtime(None), named);
        }
        // `check`, which needs it, reports what cargo does not know.
        Err(_) => {}
    }
    let Some(user) = sharers.iter().position(|it| !it.wasmtime.is_empty()) else {
        return (TEMPLATE.to_owned(), None);
    };
    let mut used = sharers.iter().flat_map(|member| &member.wasmtime);
    let first = used.next().copied();
    // Which of several counts is for people to say.
    let only = first.filter(|first| used.all(|used| used == first));
    (for_wasmtime(only), Some(user))
}

/// Whether a Cargo.toml has `wasmtime` among its dependencies, which Cargo.lock may not have yet.
fn names_wasmtime(manifest: &Path) -> bool {
    let text = read_text(manifest).unwrap_or_default();
    let Ok(toml) = text.parse::<toml_edit::DocumentMut>() else {
        return false;
    };
    let dependencies = toml.get("dependencies");
    dependencies.is_some_and(|table| table.get("wasmtime").is_some())
}

/// The template with Wasmtime's pool, and the version and features of the only one.
fn for_wasmtime(used: Option<Used>) -> String {
    let lines = TEMPLATE.lines().map(|line| {
        let key = line.trim_start_matches("# ").split(" = ").next();
        let said = |new: String| match line.split_once("  #") {
            Some((_, comment)) => format!("{new:<33}#{comment}"),
            None => new,
        };
        match (key, used) {
            (Some("engine"), _) => {
                let own = "engine = \"wasmtime\"";
                format!("{own:<33}# Wasmtime's pooling allocator; or \"native\", poolcfg-runtime's own pool")
            }
            (Some(TABLE), Some(_)) => TABLE.to_owned(),
            (Some("version"), Some(used)) => {
                said(format!("version = \"{}\"", used.version.major))
            }
            (Some("features"), Some(used)) => {
                let words = used.features.iter().map(|word| format!("\"{word}\""));
                said(format!("features = [{}]", words.collect::<Vec<_>>().join(", ")))
            }
            _ => line.to_owned(),
        }
    });
    lines.flat_map(|line| [line, "\n".to_owned()]).collect()
}

/// The header of the table with what only Wasmtime has.
const TABLE: &str = "[pooling_allocator.wasmtime]";

fn exists(path: &Path) -> Error {
    Error::new(
        Code::ForeignFile,
        format!("`{}` already exists", shown(path)),
        "edit it, or move it away to start again",
    )
    .about(path)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    Error::io("write", path, error, "make the folder writable")
}

#[cfg(test)]
mod tests {
    use poolcfg_core::file::{ConfigFile, TargetFacts};

    use super::*;

    /// The template's commented lines are TOML with known keys too, and every value it shows is one
    /// that the keys take.
    #[test]
    fn every_line_of_the_template_can_be_used() {
        ConfigFile::parse(TEMPLATE).expect("the template as it is");
        let uncommented = lines("", "no such line");
        assert_ne!(uncommented, TEMPLATE);
        let file = match ConfigFile::parse(&uncommented) {
            Ok(file) => file,
            Err(mistakes) => panic!("{mistakes:#?}\n{uncommented}"),
        };
        let board = TargetFacts::builtin("riscv64gc-unknown-linux-gnu").expect("a known triple");
        let case = file.settings(&board).resolve(board.target());
        assert!(case.is_ok(), "{case:#?}");
    }

    /// Whoever takes the `#` from a line changes what the table above it says, and no other.
    #[test]
    fn every_key_stands_once() {
        let keys = TEMPLATE.lines().filter_map(|line| {
            let (key, _) = line.trim_start_matches("# ").split_once(" = ")?;
            let is_key = key
                .chars()
                .all(|char| char.is_ascii_lowercase() || "_.".contains(char));
            is_key.then_some(key)
        });
        let mut seen = std::collections::BTreeSet::new();
        let again: Vec<_> = keys.filter(|key| !seen.insert(*key)).collect();
        assert!(
            again.is_empty() && seen.len() > 40,
            "{again:?} {}",
            seen.len()
        );
    }

    /// The lines of the template between two, as they are without their `#`.
    fn lines(from: &str, to: &str) -> String {
        TEMPLATE
            .lines()
            .skip_while(|line| !line.starts_with(from))
            .take_while(|line| !line.starts_with(to))
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.starts_with('[') || rest.contains(" = ") => rest,
                _ => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect()
    }

    /// What the template calls the defaults are the defaults of x86_64.
    #[test]
    fn the_template_tells_the_defaults() {
        let host = TargetFacts::builtin("x86_64-unknown-linux-gnu").expect("a known triple");
        let case = |text: &str| {
            let file = ConfigFile::parse(text).expect("it parses");
            let case = file
                .settings(&host)
                .resolve(host.target())
                .expect("no fault");
            (case.pools()[0].asked, case.pools()[0].min_instances)
        };
        let table = lines("[pooling_allocator]", "# For the engine");
        assert_eq!(case(&table), case(""));
        // The two keys that say so have no default.
        let wasmtime: String = lines("# For the engine", "# Named pools")
            .lines()
            .filter(|line| !line.contains("no default"))
            .flat_map(|line| [line, "\n"])
            .collect();
        let engine = "[pooling_allocator]\nengine = \"wasmtime\"\n";
        assert_eq!(
            case(&format!("{engine}{wasmtime}")),
            case(&format!("{engine}wasmtime.version = \"48\"\n"))
        );
    }
}
