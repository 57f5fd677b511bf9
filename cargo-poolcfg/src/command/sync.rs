//! `sync`: the Wasmtime that poolcfg.toml names, brought in line with Cargo.lock, and its counts in line with its
//! workload.
//!
//! - here: the Wasmtime; `counts`: the counts; `edits`: the files as they are to be; `left`: what is wrong with them then

mod counts;
mod edits;
mod left;

use std::collections::BTreeSet;
use std::path::PathBuf;

use cargo_metadata::Metadata;
use poolcfg_core::Code;
use poolcfg_core::file::TargetFacts;

use crate::cli::args::Sync;
use crate::cli::error::{Error, Source, all};
use crate::cli::exit::Exit;
use crate::cli::path::shown;
use crate::context::Context;
use crate::project::difference::{Difference, rewritten};
use crate::project::wasmtime_tables::place;
use crate::project::workload::has_workload;
use crate::project::{CargoPackage, FileUse, Member};
use crate::render::envelope::Results;
use crate::render::files::FileResult;
use crate::target::facts;
use crate::wasmtime::held::VersionFlag;
use crate::wasmtime::lookup::{Lookup, look_up, resolved};
use crate::wasmtime::shared::{Sharer, pass_over};
use counts::{Rest, counts};
use edits::{Edits, ReadFile};
use left::left;

/// Writes the version and the features that the project uses, and the counts that the workload needs, into the tables of
/// every chosen package, or with `--check` tells where they are not there. What is wrong with the rest of a file is told
/// after that, as `cargo fix` does.
///
/// # Errors
/// Where cargo does not know, or a file cannot be read or written, or no target takes it as it then is; with `--check`
/// and [`Exit::Misfit`] where a file says something else.
pub(crate) fn run(context: &Context<'_>, arguments: &Sync) -> Result<Exit, Error> {
    let mut members = context.members(&arguments.packages, FileUse::Read)?;
    let mut edits = Edits::default();
    let mut lacking = None;
    let synced = with_lock(context, arguments, &mut members, &mut edits, &mut lacking);
    if arguments.check {
        let rest = match (&synced, &lacking) {
            (Ok(()), None) => Rest::Agrees,
            _ => Rest::Open,
        };
        let held = counts(context, &members, arguments, &mut edits, rest);
        return all([synced, lacking.map_or(Ok(()), Err), held]).map(|_| Exit::Fits);
    }
    synced?;
    // The counts are known without Cargo.lock.
    let written = counts(context, &members, arguments, &mut edits, Rest::Open);
    let written = written.and_then(|()| edits.write(context));
    match (written, lacking) {
        (Ok(()), None) => left(context, &members, arguments, &edits),
        (written, lacking) => all([lacking.map_or(Ok(()), Err), written]).map(drop),
    }
    .map(|()| Exit::Fits)
}

/// Brings the version and the features of each file in line with Cargo.lock; where what cargo has resolved is not known,
/// `lacking` says so.
fn with_lock(
    context: &Context<'_>,
    arguments: &Sync,
    members: &mut [Member],
    edits: &mut Edits,
    lacking: &mut Option<Error>,
) -> Result<(), Error> {
    // Tables of one target are not all that the file says.
    let name = context.only_target(members, arguments.target.as_slice(), false);
    let mut of_wasmtime = Vec::new();
    let mut files = Vec::new();
    let mut native = BTreeSet::new();
    for member in members {
        let Some(source) = &member.source else {
            return Err(Error::new(
                Code::NoFile,
                format!("no poolcfg.toml in `{}`", shown(&member.dir)),
                match &member.named {
                    Some(name) => format!("`cargo poolcfg init -p {name}` writes one"),
                    None => "`cargo poolcfg init` writes one".to_owned(),
                },
            ));
        };
        match place(&source.text) {
            Some(_) => of_wasmtime.push(member),
            None => {
                files.push(FileResult::new(member, &source.path, "native"));
                // Of a file that several packages share it is said once.
                if !native.insert(source.path.clone()) {
                    continue;
                }
                let (heading, shown) = (member.heading_of_mistake(), &source.shown);
                let line = format!(
                    "{heading}{shown} has no pool with `engine = \"wasmtime\"`: nothing to do"
                );
                context.shell.say(&line);
                let package = member.package.as_ref();
                if package.is_some_and(CargoPackage::has_wasmtime_beside) {
                    context.shell.say(&format!(
                        "{heading}Cargo.lock has Wasmtime: for its pool, set `engine = \"wasmtime\"` under `[pooling_allocator]` and run this again"
                    ));
                }
            }
        }
    }
    context.found(|| Results::Files(files.clone()));
    let Some(first) = of_wasmtime.first() else {
        return Ok(());
    };
    let Some(package) = &first.package else {
        return without_lock(context, &of_wasmtime, files);
    };
    let platform = match name {
        None => None,
        Some(name) => facts(&[name], &context.rustc())?.pop(),
    };
    let platform = platform.map(|target| target.facts);
    let metadata = match resolved(context, first, package, platform.as_ref()) {
        Ok(metadata) => metadata,
        Err(unknown) => {
            *lacking = Some(unknown.error(first, ""));
            // What becomes of those with a workload is known all the same.
            files.extend(of_wasmtime.iter().filter_map(|member| counted(member)));
            context.found(|| Results::Files(files));
            return Ok(());
        }
    };
    let (of_wasmtime, kept) = users(context, of_wasmtime, &metadata, platform.as_ref())?;
    files.extend(kept);
    let found = all(of_wasmtime
        .iter()
        .map(|member| member.differences(platform.as_ref(), VersionFlag::Lacks)))?;
    let held = of_wasmtime.iter().zip(&found);
    files.extend(held.filter_map(|(member, differences)| file(member, differences)));
    context.found(|| Results::Files(files.clone()));
    if arguments.check {
        let held = of_wasmtime.iter().zip(&found);
        all(held.map(|(member, differences)| member.disagreement(differences.iter())))?;
    }
    put_right(context, of_wasmtime, &found, platform.as_ref(), edits)
}

/// Those whose files are held to what cargo has resolved: all but the packages that are passed over, and those that have
/// no Wasmtime beside others that do, or in a file that names its own and has a workload. The files of the last are told.
fn users<'m>(
    context: &Context<'_>,
    members: Vec<&'m mut Member>,
    metadata: &Metadata,
    platform: Option<&TargetFacts>,
) -> Result<(Vec<&'m mut Member>, Vec<FileResult>), Error> {
    let mut sharers = all(members.into_iter().map(|member| {
        let found = look_up(context, member, metadata, platform)?;
        Ok(Sharer {
            member,
            is_mixed: false,
            found,
        })
    }))?;
    pass_over(context, &mut sharers);
    let has_user = sharers
        .iter()
        .any(|sharer| sharer.found.unknown().is_none());
    let mut kept = Vec::new();
    let held = sharers.into_iter().filter_map(|sharer| match sharer.found {
        Lookup::Known => Some(Ok(sharer.member)),
        // The counts are of the version that the file names.
        Lookup::Unknown(unknown)
            if !unknown.lacks_lock
                && sharer.member.names_version(platform)
                && counted(sharer.member).is_some() =>
        {
            let warning = format!(
                "{}: the version and the features in its file stay as they are",
                unknown.message
            );
            context.shell.warn(unknown.code, &warning);
            kept.extend(counted(sharer.member));
            None
        }
        // Where others are brought in line, as with `check --workspace`.
        Lookup::Unknown(unknown) if has_user && !unknown.lacks_lock => {
            let warning = format!("{}: its file stays as it is", unknown.message);
            context.shell.warn(unknown.code, &warning);
            None
        }
        Lookup::Unknown(unknown) => Some(Err(unknown.error(sharer.member, ""))),
    });
    let mut users = all(held)?;
    users.retain(|member| !member.is_passed_over);
    Ok((users, kept))
}

/// Where there is no package to ask, the workload alone may have been in line with the files.
fn without_lock(
    context: &Context<'_>,
    of_wasmtime: &[&mut Member],
    mut files: Vec<FileResult>,
) -> Result<(), Error> {
    let sources = of_wasmtime.iter();
    let sources: Vec<(&Member, &Source)> = sources
        .filter_map(|member| Some((&**member, member.source.as_ref()?)))
        .collect();
    if !sources.iter().all(|(_, source)| has_workload(&source.text)) {
        return Err(Error::new(
            Code::Tool,
            "no package, or no cargo, to ask which Wasmtime version is used",
            "write the version by hand, such as `version = \"48\"`",
        ));
    }
    files.extend(sources.iter().filter_map(|(member, _)| counted(member)));
    context.found(|| Results::Files(files));
    context
        .shell
        .note("the version of Wasmtime was not checked: no Cargo.toml is here or above, or cargo does not run");
    Ok(())
}

/// A file with a workload, whose counts alone are held to something.
fn counted(member: &Member) -> Option<FileResult> {
    let source = member.source.as_ref()?;
    has_workload(&source.text).then(|| FileResult::new(member, &source.path, "current"))
}

/// A file as it is before anything is written.
fn file(member: &Member, differences: &[Difference]) -> Option<FileResult> {
    let state = match differences.is_empty() {
        true => "current",
        false => "stale",
    };
    let path = &member.source.as_ref()?.path;
    Some(FileResult::new(member, path, state).with(differences))
}

/// Puts right what differs. The file that several packages point at is of the first: for the others it must
/// then be right.
fn put_right(
    context: &Context<'_>,
    members: Vec<&mut Member>,
    found: &[Vec<Difference>],
    platform: Option<&TargetFacts>,
    edits: &mut Edits,
) -> Result<(), Error> {
    let mut seen: BTreeSet<PathBuf> = BTreeSet::new();
    let each = members.into_iter().zip(found);
    let settled = each.map(|(member, differences)| {
        let heading = member.heading();
        let Some(source) = member.source.clone() else {
            return Ok(());
        };
        if !seen.insert(source.path.clone()) {
            let (edited, file) = edits.read(member, &source);
            member.file = file;
            member.source = Some(edited);
            return match member.differences(platform, VersionFlag::Lacks)?.is_empty() {
                true => Ok(()),
                false => Err(shared(&source.shown)),
            };
        }
        if differences.is_empty() {
            context
                .shell
                .say(&format!("{heading}{} agrees with Cargo.lock", source.shown));
            return Ok(());
        }
        let text = rewritten(&source.text, differences)?;
        let lines = differences.iter().map(Difference::line);
        edits.put(member, &source, ReadFile::again(text)?, lines);
        Ok(())
    });
    all(settled).map(|_| ())
}

fn shared(shown: &str) -> Error {
    Error::new(
        Code::OutOfSync,
        format!(
            "several packages share {shown}, but use different versions or features of Wasmtime"
        ),
        "give each its own poolcfg.toml, or let all use the same Wasmtime",
    )
    .exiting(Exit::Misfit)
}
