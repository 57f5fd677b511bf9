//! `inspect`: what files that people run need of a pool, and the keys to set for all of them.

use poolcfg_core::WasmtimeVersion;

use crate::cli::args::Inspect;
use crate::cli::error::{Error, all};
use crate::cli::exit::Exit;
use crate::context::Context;
use crate::inspect::bounds::hosts;
use crate::inspect::program::Program;
use crate::inspect::workload::Keys;
use crate::inspect::{Inspected, Wanted, inspect_each};
use crate::project::workload::files::named;
use crate::render::envelope::Results;
use crate::render::inspected::{InspectReport, text};
use crate::target::rustc::built_for;

/// Looks into each file.
///
/// # Errors
/// Every file that cannot be read, or is damaged; the others are reported all the same.
pub(crate) fn run(context: &Context<'_>, arguments: &Inspect) -> Result<Exit, Error> {
    // Sizes are those of a machine of 64 bits, whichever that is.
    let facts = built_for()?;
    let target = facts.target();
    let version = arguments.engine_version;
    let mut files = Vec::new();
    let named = arguments.files.iter().flat_map(|path| match named(path) {
        Ok(paths) => paths.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    });
    let looked = inspect_each(context.shell, named.collect(), Wanted::Anything);
    let failed = all(looked.into_iter().map(|file| {
        files.push(file?);
        Ok(())
    }));
    let mut texts = Vec::new();
    let mut reports = Vec::new();
    for (path, file) in &files {
        let hosts = hosts(file, version, target);
        texts.push(text(path, file, &hosts));
        reports.push(InspectReport::new(path, file, hosts).into());
        if let Some(needs) = file.needs()
            && needs.has_own_shared
        {
            let path = crate::cli::path::shown(path);
            let text =
                format!("`{path}` has a shared memory of its own, which no pool of Wasmtime takes");
            context.shell.note(&text);
        }
        if let Inspected::Program(program, _) = file
            && program.has_damaged_list
        {
            let path = crate::cli::path::shown(path);
            let text = format!("`{path}`: {}", Program::DAMAGED_LIST);
            context.shell.note(&text);
        }
    }
    if let Some(version) = version.filter(|version| version.major > WasmtimeVersion::NEWEST) {
        let newest = WasmtimeVersion::NEWEST;
        context.shell.note(&format!(
            "Wasmtime {version} is newer than {newest}, the newest known version, and is taken as {newest}"
        ));
    }
    let inspected: Vec<&Inspected> = files.iter().map(|(_, file)| file).collect();
    let newest = WasmtimeVersion::major(WasmtimeVersion::NEWEST);
    let version = version.unwrap_or(newest);
    let (keys, refused) = Keys::of(&inspected, version, target).accepted(version, &facts);
    refused.iter().for_each(|text| context.shell.note(text));
    let toml = keys.toml();
    context.found(|| Results::Inspected(reports));
    context.envelope.borrow_mut().keys = Some(keys);
    context.shell.list(&texts.join("\n"))?;
    if !toml.is_empty() {
        let gap = if texts.is_empty() { "" } else { "\n" };
        // To be copied as it is.
        context.shell.print(&format!("{gap}{toml}"))?;
    }
    failed.map(|_| Exit::Fits)
}
