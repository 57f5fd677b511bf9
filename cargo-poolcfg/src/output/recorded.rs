//! The recorded command: the first line of a generated file says how to write it again. Without flags that is what
//! happens, and `--check` asks whether it would write the same now.

use std::ffi::OsString;
use std::path::Path;

use poolcfg_core::Code;

use crate::cli::args::Generate;
use crate::cli::error::Error;
use crate::cli::header;
use crate::given::wish::Wish;
use crate::output::host_file::Chosen;
use crate::output::present::{Present, present};
use crate::project::Member;
use crate::target::NamedTarget;

/// The command that writes the same Rust file again, on any machine.
///
/// # Errors
/// When a name cannot stand in the header.
pub(crate) fn rust(member: &Member, targets: &[NamedTarget], wish: &Wish) -> Result<String, Error> {
    let mut words = vec![OsString::from("cargo"), "poolcfg".into()];
    let mut flag = |name: &str, value: String| words.extend([name.into(), value.into()]);
    if let Some(name) = &member.named {
        flag("-p", name.clone());
    }
    // This machine or a program has only one.
    if !wish.knows_target() {
        for target in said(member, targets) {
            flag("--target", relative(&target.name));
        }
    }
    words.extend(wish.flags());
    quoted(&words)
}

/// The targets that have to be said: behind them come those with tables of their own, in the order of the file.
fn said<'t>(member: &Member, targets: &'t [NamedTarget]) -> &'t [NamedTarget] {
    let is_enough = |said: &&[NamedTarget]| {
        let is_said = |triple: &&str| said.iter().any(|target| target.name == **triple);
        let rest = member.file.triples().filter(|triple| !is_said(triple));
        let names = targets.iter().map(|target| target.name.as_str());
        rest.eq(names.skip(said.len()))
    };
    let mut parts = (0..targets.len()).map(|count| &targets[..count]);
    parts.find(is_enough).unwrap_or(targets)
}

/// The command that writes the same text for a host again, on any machine with the same project.
///
/// # Errors
/// When a name cannot stand in the header.
pub(crate) fn host(
    chosen: &Chosen<'_>,
    targets: &[Vec<NamedTarget>],
    pool: Option<&String>,
    wish: &Wish,
    arguments: &Generate,
) -> Result<String, Error> {
    let mut words = vec![OsString::from("poolcfg")];
    let mut flag = |name: &str, value: String| words.extend([name.into(), value.into()]);
    flag("--emit", arguments.emit().name().to_owned());
    if let Some(name) = &chosen.member.named {
        flag("-p", name.clone());
    }
    let named = targets
        .iter()
        .flatten()
        .find(|target| target.facts.triple() == chosen.target);
    if let Some(target) = named.filter(|_| !wish.knows_target()) {
        flag("--target", relative(&target.name));
    }
    if let Some(pool) = pool {
        flag("--pool", pool.clone());
    }
    words.extend(wish.flags());
    quoted(&words)
}

/// A target as it is called, or the file name of a specification where its path is of this machine.
fn relative(target: &str) -> String {
    let path = Path::new(target);
    match path.file_name() {
        Some(file) if path.is_absolute() => file.to_string_lossy().into_owned(),
        _ => target.to_owned(),
    }
}

/// The words quoted as a shell takes them.
///
/// # Errors
/// When one cannot stand in the header, which is one line of a comment.
fn quoted(words: &[OsString]) -> Result<String, Error> {
    let fit = |word: &OsString| {
        let word = word.to_str()?;
        let is_fit = !word.contains(|char: char| char.is_control() || char == '`');
        Some(word.to_owned()).filter(|_| is_fit)
    };
    let unfit = words.iter().find(|word| fit(word).is_none());
    let words: Vec<_> = words.iter().filter_map(fit).collect();
    match (unfit, shlex::try_join(words.iter().map(String::as_str))) {
        (None, Ok(command)) => Ok(command),
        (unfit, _) => Err(Error::new(
            Code::UnknownTarget,
            format!(
                "`{}` cannot be recorded in the first line of the file",
                unfit
                    .map_or("a name".into(), |word| word.to_string_lossy())
                    .escape_default()
            ),
            "rename it: no backticks, line breaks or other control characters, and UTF-8",
        )),
    }
}

/// The flags with which the file at a place was written; `None` if that says none that can be used again.
pub(crate) fn read(place: &Path) -> Option<Generate> {
    let Ok(Present::Text(text)) = present(place) else {
        return None;
    };
    header::flags(&text)
}
