//! Environment variables by which an operator lowers a pool's limits without rebuilding.
//!
//! For the pool without a name they are `POOLCFG_MAX_INSTANCES` and so on; for the pool `plugins` they
//! are `POOLCFG_PLUGINS_MAX_INSTANCES` and so on, in capitals and with `_` for `-`.
//!
//! | variable | value | what it may do |
//! |---|---|---|
//! | `MAX_INSTANCES` | a count | lower what is asked, to 1 at least; the guarantee goes down with it |
//! | `MIN_INSTANCES` | a count | lower or raise the least that is of use, up to the instances asked for; above the guarantee it takes its place |
//! | `MEMORY_RESERVATION` | a size | lower it, in multiples of 64 KiB; `max_memory_size` goes down with it |
//! | `MAX_MEMORY_SIZE` | a size | lower it, to a page at least |
//! | `GUARD_SIZE` | a size | raise it: code may rely on the guard that the build chose |
//! | `TABLE_RESERVATION`, `STACK_RESERVATION` | a size | lower it, to a page at least |
//!
//! With a lower reservation or a higher guard, Wasmtime refuses code that was compiled for the build's.
//!
//! Sizes are written as in poolcfg.toml. A value that cannot be read, goes the wrong way or contradicts
//! another one is an error, also when it is empty; none is ever left out silently.

mod error;

use std::ffi::OsString;

use poolcfg_core::{GRAIN, Keep, Limits, Promise, Size, Variable};

pub use error::{VariableError, VariableFault};

/// A promise after the operator's variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) asked: Limits,
    pub(crate) guaranteed: Limits,
    pub(crate) min_instances: u32,
    pub(crate) keep: Keep,
}

/// The variable of a pool's key.
pub(crate) fn variable(pool: &str, key: &str) -> String {
    Variable { pool, key }.to_string()
}

/// The keys, in the order in which they are read.
const KEYS: [&str; 7] = [
    Variable::MAX_INSTANCES,
    Variable::MIN_INSTANCES,
    "MEMORY_RESERVATION",
    "MAX_MEMORY_SIZE",
    "TABLE_RESERVATION",
    "STACK_RESERVATION",
    "GUARD_SIZE",
];

/// Those of the variables that look like ours and that neither this pool nor, by their shape, another
/// pool reads. [`Variable::VA_PROFILE`] is read when the program is built.
pub(crate) fn stray(pool: &str, variables: &[String]) -> Vec<String> {
    let is_stray = |name: &&String| {
        let Some(rest) = name.strip_prefix(Variable::PREFIX) else {
            return false;
        };
        let bare = KEYS.contains(&rest);
        let of_a_pool = KEYS.iter().any(|key| {
            rest.strip_suffix(key)
                .is_some_and(|pool| pool.len() > 1 && pool.ends_with('_'))
        });
        let read = if pool.is_empty() { bare } else { of_a_pool };
        rest != Variable::VA_PROFILE.key && !read
    };
    variables.iter().filter(is_stray).cloned().collect()
}

/// One variable that is set.
struct SetVariable<'a> {
    variable: String,
    value: String,
    unicode: bool,
    possible: u64,
    page_size: Size,
    promise: &'a Promise<'static>,
}

impl SetVariable<'_> {
    fn fault(&self, fault: VariableFault) -> VariableError {
        VariableError {
            variable: self.variable.clone(),
            value: self.value.clone(),
            fault,
            possible: self.possible,
        }
    }

    fn number(&self) -> Result<u32, VariableError> {
        if !self.unicode {
            return Err(self.fault(VariableFault::NotUnicode));
        }
        match self.value.trim().parse() {
            Ok(0) => Err(self.fault(VariableFault::Zero)),
            Ok(number) => Ok(number),
            Err(_) => Err(self.fault(VariableFault::NotNumber)),
        }
    }

    fn size(&self) -> Result<Size, VariableError> {
        if !self.unicode {
            return Err(self.fault(VariableFault::NotUnicode));
        }
        Size::parse(&self.value).map_err(|error| self.fault(VariableFault::NotSize(error)))
    }

    /// A size that is lower than or the same as the build's, and so much at the least, where that is not below it.
    fn lower(&self, build: Size, least: Size) -> Result<Size, VariableError> {
        let size = self.size()?;
        if size > build {
            return Err(self.fault(VariableFault::AboveBuild { most: build.get() }));
        }
        let least = least.min(build);
        if size < least || size.is_zero() {
            return Err(self.fault(VariableFault::TooSmall { least }));
        }
        Ok(size)
    }

    /// `limits`, unless they are too large to count.
    fn counted(&self, limits: Limits) -> Result<Limits, VariableError> {
        let planned = limits.footprint(self.promise.page_size);
        if planned.is_err() || limits.footprint(self.page_size).is_err() {
            return Err(self.fault(VariableFault::Overflow));
        }
        Ok(limits)
    }
}

/// The variables of one pool, in the order in which they are read.
struct Variables<'a, F> {
    promise: &'a Promise<'static>,
    page_size: Size,
    lookup: F,
}

impl<F: Fn(&str) -> Option<OsString>> Variables<'_, F> {
    /// One of them, which may be set to what is `possible`; `None` if it is not set.
    fn said(&self, key: &str, possible: u64) -> Option<SetVariable<'_>> {
        let variable = variable(self.promise.name, key);
        let value = (self.lookup)(&variable)?;
        Some(SetVariable {
            variable,
            value: value.to_string_lossy().into_owned(),
            unicode: value.to_str().is_some(),
            possible,
            page_size: self.page_size,
            promise: self.promise,
        })
    }

    /// The instances, and the least of them that are of use.
    fn instances(&self, asked: &mut Limits) -> Result<u32, VariableError> {
        let mut min_instances = self.promise.min_instances;
        let max_instances = self.said("MAX_INSTANCES", u64::from(asked.max_instances));
        if let Some(said) = &max_instances {
            let number = said.number()?;
            if number > asked.max_instances {
                return Err(said.fault(VariableFault::AboveBuild {
                    most: u64::from(asked.max_instances),
                }));
            }
            asked.max_instances = number;
        }
        if let Some(said) = self.said("MIN_INSTANCES", u64::from(asked.max_instances)) {
            min_instances = said.number()?;
            if min_instances > asked.max_instances {
                return Err(said.fault(VariableFault::Above {
                    key: "max_instances",
                    most: u64::from(asked.max_instances),
                }));
            }
        }
        if let Some(said) = &max_instances {
            if asked.max_instances < min_instances {
                return Err(said.fault(VariableFault::BelowMin { min_instances }));
            }
        }
        Ok(min_instances)
    }

    /// The memories.
    fn memory(&self, asked: &mut Limits) -> Result<(), VariableError> {
        let promise = self.promise;
        if let Some(said) = self.said("MEMORY_RESERVATION", asked.memory_reservation.get()) {
            let size = said.size()?;
            // What is too little otherwise is no multiple either.
            let least = if size.is_zero() { GRAIN } else { size };
            let size = said.lower(asked.memory_reservation, least)?;
            if !size.is_multiple_of(GRAIN) {
                return Err(said.fault(VariableFault::NotMultiple));
            }
            if size < asked.least_reservation() {
                return Err(said.fault(VariableFault::GuardLeaks));
            }
            asked.memory_reservation = size;
            asked.max_memory_size = asked.max_memory_size.min(size);
        }
        // A lower reservation may have taken it down, and must not hide that this is above the build's.
        let build = match asked.wasmtime {
            None => promise.asked.max_memory_size,
            Some(_) => promise.guaranteed.max_memory_size,
        };
        let possible = build.min(asked.memory_reservation);
        if let Some(said) = self.said("MAX_MEMORY_SIZE", possible.get()) {
            let size = said.lower(build, self.promise.page_size)?;
            if size > asked.memory_reservation {
                return Err(said.fault(VariableFault::Above {
                    key: "memory_reservation",
                    most: asked.memory_reservation.get(),
                }));
            }
            asked.max_memory_size = size;
        }
        Ok(())
    }

    /// Tables, stacks and guards.
    fn others(&self, asked: &mut Limits) -> Result<(), VariableError> {
        if let Some(said) = self.said("TABLE_RESERVATION", asked.table_reservation.get()) {
            asked.table_reservation =
                said.lower(asked.table_reservation, self.promise.page_size)?;
        }
        if let Some(said) = self.said("STACK_RESERVATION", asked.stack_reservation.get()) {
            let size = said.lower(asked.stack_reservation, self.promise.page_size)?;
            if let Some(wasmtime) = &asked.wasmtime {
                if size < wasmtime.max_wasm_stack {
                    return Err(said.fault(VariableFault::Below {
                        key: "max_wasm_stack",
                        least: wasmtime.max_wasm_stack,
                    }));
                }
            }
            asked.stack_reservation = size;
        }
        if let Some(said) = self.said("GUARD_SIZE", asked.guard_size.get()) {
            let size = said.size()?;
            if size < asked.guard_size {
                return Err(said.fault(VariableFault::BelowBuild {
                    least: asked.guard_size,
                }));
            }
            *asked = said.counted(Limits {
                guard_size: size,
                ..*asked
            })?;
        }
        Ok(())
    }
}

impl InForce {
    /// The number that is not kept, of these limits.
    pub(crate) fn value(&self, limits: &Limits) -> u64 {
        self.keep.value(limits)
    }

    /// What is asked, with another value of that number.
    pub(crate) fn limits(&self, value: u64) -> Limits {
        self.keep.with_value(&self.asked, value)
    }

    /// The promise after the variables that `lookup` gives.
    pub(crate) fn read(
        promise: &Promise<'static>,
        page_size: Size,
        lookup: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, VariableError> {
        let mut asked = promise.asked;
        let mut keep = promise.keep;
        if asked.wasmtime.is_some() {
            // Precompiled code is refused by any other reservation than that which it was compiled for, so
            // it is the guaranteed one wherever the program runs.
            asked.memory_reservation = promise.guaranteed.memory_reservation;
            asked.max_memory_size = promise.guaranteed.max_memory_size;
            keep = Keep::MemoryReservation;
        }
        let variables = Variables {
            promise,
            page_size,
            lookup,
        };
        let min_instances = variables.instances(&mut asked)?;
        variables.memory(&mut asked)?;
        variables.others(&mut asked)?;
        // What was guaranteed of more is guaranteed of less.
        let memory_reservation = promise
            .guaranteed
            .memory_reservation
            .min(asked.memory_reservation);
        Ok(Self {
            guaranteed: Limits {
                max_instances: promise.guaranteed.max_instances.min(asked.max_instances),
                memory_reservation,
                max_memory_size: asked.max_memory_size.min(memory_reservation),
                ..asked
            },
            asked,
            min_instances,
            keep,
        })
    }
}

#[cfg(test)]
mod tests;
