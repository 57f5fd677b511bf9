//! `profiles`: every VA profile there is, or those of some targets.

use poolcfg_core::file::TargetFacts;
use poolcfg_core::{Fault, Target, VaProfile};

use crate::cli::args::Profiles;
use crate::cli::error::{Error, all};
use crate::cli::exit::Exit;
use crate::cli::terminal::columns;
use crate::context::Context;
use crate::render::envelope::Results;
use crate::render::owner::Unowned;
use crate::render::table::{profiles, rows};
use crate::target::facts;

/// Lists them.
///
/// # Errors
/// Unknown targets, and targets without a profile.
pub(crate) fn run(context: &Context<'_>, arguments: &Profiles) -> Result<Exit, Error> {
    let targets = if arguments.target.is_empty() {
        Vec::new()
    } else {
        let named = facts(&arguments.target, &context.rustc())?;
        all(named.iter().map(|named| has_profile(&named.facts)))?
    };
    context.found(|| Results::Profiles(rows(&targets).into_iter().map(Unowned::from).collect()));
    context.shell.draw(&profiles(&targets, columns()))?;
    Ok(Exit::Fits)
}

fn has_profile(facts: &TargetFacts) -> Result<Target, Error> {
    let target = facts.target();
    if VaProfile::floor(target).is_some() {
        return Ok(target);
    }
    let fault = Fault::NoAddressSpace { target };
    let message = format!("on `{}`: {}", facts.triple(), fault.message());
    Err(Error::new(fault.code(), message, fault.help().as_str()))
}
