//! Targets: which ones are named, and what each is.

pub(crate) mod beside;
pub(crate) mod executable;
pub(crate) mod here;
mod nearest;
pub(crate) mod rustc;
pub(crate) mod spec;
pub(crate) mod waiting;

use std::path::Path;

use poolcfg_core::file::TargetFacts;

use crate::cli::error::{Error, all};
use crate::cli::invoked_as::InvokedAs;
use crate::target::beside::Beside;
use crate::target::rustc::{Rustc, built_for};

/// A target, and how the command line names it.
#[derive(Clone, Debug)]
pub(crate) struct NamedTarget {
    /// The triple, or the path of a target spec.
    pub(crate) name: String,
    pub(crate) facts: TargetFacts,
}

impl NamedTarget {
    /// A target by its triple.
    pub(crate) fn of(facts: &TargetFacts) -> Self {
        Self {
            name: facts.triple().to_owned(),
            facts: facts.clone(),
        }
    }
}

/// What `--target` says, or else `CARGO_BUILD_TARGET` or `build.target`; `None` if that is the host
/// by default.
pub(crate) fn named(flags: &[String], config: Option<&cargo_config2::Config>) -> Vec<String> {
    match config.map(|config| config.build_target_for_cli(flags)) {
        Some(Ok(names)) => names,
        // Without a configuration, or with one that only cargo can make sense of, the flags are what
        // there is.
        Some(Err(_)) | None => flags.to_vec(),
    }
}

/// The facts of each name, each target once and in the order of the names; without names, of the host.
///
/// # Errors
/// Every name that is not a target.
pub(crate) fn facts(names: &[String], rustc: &Rustc) -> Result<Vec<NamedTarget>, Error> {
    let host = ["host-tuple".to_owned()];
    let names = if names.is_empty() { &host } else { names };
    let outcomes = std::thread::scope(|scope| {
        let threads: Vec<_> = names
            .iter()
            .map(|name| Beside::new(scope, move || one(name, rustc)))
            .collect();
        threads.into_iter().map(Beside::end).collect::<Vec<_>>()
    });
    let mut targets: Vec<NamedTarget> = Vec::new();
    for target in all(outcomes)? {
        if !targets.iter().any(|known| known.name == target.name) {
            targets.push(target);
        }
    }
    Ok(targets)
}

/// The target of this machine, for what is measured on it. `poolcfg` asks no compiler: it is what the program was
/// built for. As a subcommand of cargo it is the host of the rustc that builds, or where that does not run, as under
/// a limit that is too small for it, again what this program was built for.
///
/// # Errors
/// When that is not in the built-in table, and rustc does not say either.
pub(crate) fn here(program: InvokedAs, rustc: &Rustc) -> Result<Vec<NamedTarget>, Error> {
    let facts = match program {
        InvokedAs::Alone => built_for().or_else(|_| rustc.host())?,
        InvokedAs::Subcommand => rustc.host().or_else(|_| built_for())?,
    };
    Ok(vec![NamedTarget::of(&facts)])
}

fn one(name: &str, rustc: &Rustc) -> Result<NamedTarget, Error> {
    if name == "host-tuple" {
        return Ok(NamedTarget::of(&rustc.host()?));
    }
    let facts = if Path::new(name)
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        spec::read(Path::new(name))?
    } else {
        rustc.facts(name)?
    };
    Ok(NamedTarget {
        name: name.to_owned(),
        facts,
    })
}
