//! The process under a limit: its recheck, and when that succeeds, every slot in use at once.

use std::fmt;

use poolcfg_core::{Engine, Promise, Size};
use poolcfg_runtime::{Pool, PoolLimits, RecheckError, Region, Reserved, Warning, WasmtimeLimits};
use poolcfg_tests_kernels::{Injected, Mapped, Obstacle, Oddity, Use, touch, use_every_slot};

use crate::inject::{self, Strength};
use crate::pools::Planned;
use crate::said::{Refused, Said, Took};

/// What a build plans with that counts on pages of 4 KiB.
const SMALL_PAGES: &str = "va39";

/// Meets the limit with the pool.
pub(crate) fn run(
    profile: &'static str,
    injected: Injected,
    engine: Engine,
    strength: Strength,
) -> Result<Said, String> {
    let planned = match (injected, strength) {
        (Injected::Oddity(Oddity::PageSize), Strength::On) => Planned::new(SMALL_PAGES),
        _ => Planned::new(profile),
    };
    let promise = planned.pool(injected, engine);
    let _first = match (injected, strength) {
        (Injected::Obstacle(Obstacle::SecondPool), Strength::On) => Some(first(&planned)?),
        _ => None,
    };
    inject::own(injected, strength)?;
    let started = match engine {
        Engine::Native => native(promise)?,
        Engine::Wasmtime => wasmtime(promise)?,
    };
    match started {
        Ok(took) => Ok(Said::Took(took)),
        Err(RecheckError::Misfit(misfit)) => Ok(Said::Refused(Refused {
            limit: misfit.limit.name().to_owned(),
            need: misfit.need,
            have: misfit.have,
            max_instances: misfit.largest_fit.max_instances,
            memory_reservation: misfit.largest_fit.memory_reservation,
            message: misfit.to_string(),
        })),
        Err(error) => Err(error.to_string()),
    }
}

/// The pool before this one, with its slot in use.
fn first(planned: &Planned) -> Result<Pool, String> {
    let reserved = PoolLimits::new(planned.first()).recheck().map_err(text)?;
    let pool = Pool::new(reserved).map_err(text)?;
    let mut slot = pool.acquire().map_err(text)?;
    let memory = slot.memory_mut();
    touch(memory, memory.capacity())?;
    drop(slot);
    Ok(pool)
}

type Started = Result<Took, RecheckError>;

fn native(promise: Promise<'static>) -> Result<Started, String> {
    match PoolLimits::new(promise).recheck() {
        Ok(reserved) => every_slot(reserved).map(Ok),
        Err(error) => Ok(Err(error)),
    }
}

fn took(instances: u32, reservation: Size, warnings: &[Warning]) -> Took {
    Took {
        instances,
        reservation,
        warnings: warnings.iter().map(ToString::to_string).collect(),
    }
}

/// Acquires every slot, uses it as far as it goes, and releases it.
fn every_slot(reserved: Reserved) -> Result<Took, String> {
    let limits = reserved.limits();
    let took = took(
        reserved.instances(),
        limits.memory_reservation,
        &reserved.warnings(),
    );
    use_every_slot(reserved, Region::capacity)?;
    Ok(took)
}

fn wasmtime(promise: Promise<'static>) -> Result<Started, String> {
    match WasmtimeLimits::new(promise).recheck() {
        Ok(checked) => {
            let limits = checked.limits();
            Mapped::new(&limits)?.use_every_slot(Use::Written)?;
            Ok(Ok(took(
                checked.instances(),
                limits.memory_reservation,
                &checked.warnings(),
            )))
        }
        Err(error) => Ok(Err(error)),
    }
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}
