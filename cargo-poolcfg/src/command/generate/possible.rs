//! What flags, packages and stdout can do together.

use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use poolcfg_core::{Fit, escaped};

use super::targets::host;
use crate::cli::args::{Emit, Generate};
use crate::cli::error::Error;
use crate::context::Context;
use crate::project::Member;

/// Refuses what flags, packages and stdout cannot do together.
pub(super) fn possible(
    context: &Context<'_>,
    members: &[Member],
    arguments: &Generate,
) -> Result<(), Error> {
    fits_ending(arguments)?;
    let host = host(arguments);
    if host.is_none() && arguments.pool.is_some() {
        return Err(Error::usage(
            "`--pool` selects the pool for a host's text, but this output holds all pools: remove it, or choose a host \
             with `--emit`",
        ));
    }
    if host.is_none() && arguments.machine.fit.fit == Some(Fit::NoPool) {
        return Err(Error::usage(
            "`--fit no-pool` leaves no pool to write: choose `--emit wasmtime-toml` or `--emit wasmtime-flags`",
        ));
    }
    let is_rust = arguments.emit() == Emit::Rust && arguments.template.is_none();
    let place = arguments.place();
    if let (true, [_, _, ..], Some(place)) = (is_rust, members, place) {
        let names: Vec<String> = members
            .iter()
            .filter_map(|member| member.named.clone())
            .collect();
        return Err(Error::usage(&format!(
            "`{}` is one file, and each of {} packages has its own: `{}`; leave the file out, or choose one package \
             with `-p PACKAGE`",
            escaped(&place.display().to_string()),
            members.len(),
            names.join("`, `")
        )));
    }
    let has_place = match place {
        Some(place) => place != Path::new("-"),
        None => is_rust && members.iter().all(|member| member.has_manifest),
    };
    let prints = arguments.check.is_none() && arguments.emit() != Emit::Json && !has_place;
    if prints && context.shell.is_json {
        return Err(Error::usage(match is_rust && place.is_none() {
            // Nothing asked for a text.
            true => {
                "`--message-format json` writes to stdout, and without a package there is no file for the limits: name one \
                 with `-o FILE`, or ask for the numbers alone with `cargo poolcfg check`"
            }
            false => {
                "`--message-format json` writes to stdout: choose a file for the text with `-o FILE`"
            }
        }));
    }
    Ok(())
}

/// Refuses a file whose name says that it holds another kind of text: no editor or host would take it for what it is.
fn fits_ending(arguments: &Generate) -> Result<(), Error> {
    // Of what is there already its text says whether it may be replaced.
    let is_new = |place: &&PathBuf| std::fs::symlink_metadata(place).is_err();
    let place = arguments.place().filter(is_new);
    let place = place.filter(|_| arguments.template.is_none());
    let ending = place.and_then(|place| place.extension()?.to_str());
    let (Some(place), Some(ending)) = (place, ending) else {
        return Ok(());
    };
    let kinds = Emit::value_variants().iter().filter(|kind| {
        kind.ending()
            .is_some_and(|own| own.eq_ignore_ascii_case(ending))
    });
    let kinds: Vec<&Emit> = kinds.collect();
    let is_meant = |meant: &&&Emit| meant.ending() != arguments.emit().ending();
    let Some(meant) = kinds.first().filter(is_meant) else {
        return Ok(());
    };
    let file = escaped(&place.display().to_string()).to_string();
    let names: Vec<_> = kinds
        .iter()
        .map(|kind| format!("`--emit {}`", kind.name()))
        .collect();
    let said = match (meant, arguments.emit) {
        (Emit::Rust, _) => "leave out `--emit`".to_owned(),
        (_, Some(_)) => format!("use {}", names.join(" or ")),
        (_, None) => format!("add {}", names.join(" or ")),
    };
    let other = match arguments.emit().ending() {
        Some(own) => format!("that ends in `.{own}`"),
        None => "with another ending".to_owned(),
    };
    Err(Error::usage(&format!(
        "`{file}` ends as the files of {} do, but this writes those of `--emit {}`: {said}, or name a file {other}",
        names.join(" and "),
        arguments.emit().name(),
    )))
}
