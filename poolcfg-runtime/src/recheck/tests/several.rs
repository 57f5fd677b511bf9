//! What is suggested of one pool lets every pool of its file start, in one step.

use super::*;
use crate::machine::live_pools::Took;
use crate::recheck::process_bounds::{demand, writable_at_worst};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Two or three pools of one file, each with so many slots that are guaranteed and of use.
fn file(slots_of: &[u32], min_instances: u32, keep: Keep) -> Vec<Promise<'static>> {
    let all: Vec<_> = NAMES
        .into_iter()
        .zip(slots_of.iter().map(|instances| slots(*instances)))
        .collect();
    let of = |(name, limits): &(&'static str, Limits)| Promise {
        name,
        min_instances: min_instances.min(limits.max_instances),
        keep,
        headroom: Size::mib(64),
        process: ProcessPromise::new(&all),
        ..promise(limits.max_instances, limits.max_instances)
    };
    all.iter().map(of).collect()
}

/// A process without pools.
struct Process {
    hole: Size,
    limit: Option<(Resource, Size)>,
}

impl Process {
    /// Starts all pools one after the other; what is said of the first that does not start.
    fn start(
        &self,
        file: &[Promise<'static>],
        variables: &HashMap<String, String>,
    ) -> Result<(), Box<Misfit>> {
        let mut machine = Made {
            limits: self.limit.into_iter().collect(),
            variables: variables.clone(),
            ..Made::new(&[self.hole])
        };
        let mut taken = Vec::new();
        for promise in file {
            let mapped = *machine.used.borrow() / 1024;
            let status = format!("VmSize:\t{mapped} kB\nVmData:\t0 kB\n");
            machine.texts.insert("/proc/self/status", status);
            match recheck(&machine, promise, GUARANTEED) {
                Ok(pool) => {
                    machine.holdings.push(Holding {
                        took: Some(Took {
                            limits: pool.limits,
                            is_all: pool.is_all,
                        }),
                        maps_at_worst: demand(&pool.limits, Size::kib(4)).maps,
                        writable_at_worst: writable_at_worst(&pool.limits, Size::kib(4)),
                        ..no_bytes_of(promise.name)
                    });
                    taken.push(pool);
                }
                Err(RecheckError::Misfit(misfit)) => return Err(misfit),
                Err(error) => panic!("{error}"),
            }
        }
        Ok(())
    }
}

/// Where neither the instances nor the memory are too large, the table or the stack is what is lowered.
#[test]
fn a_table_or_a_stack_that_is_too_large_is_named() {
    for (table, stack, key) in [
        (Size::gib(100), Size::mib(2), "TABLE_RESERVATION"),
        (Size::kib(160), Size::gib(100), "STACK_RESERVATION"),
    ] {
        let limits = Limits {
            table_reservation: table,
            stack_reservation: stack,
            ..slots(1)
        };
        let promise = Promise {
            asked: limits,
            guaranteed: limits,
            headroom: Size::mib(64),
            ..promise(1, 1)
        };
        let process = Process {
            hole: Size::tib(80),
            limit: Some((Resource::AddressSpace, Size::gib(64))),
        };
        let misfit = process
            .start(&[promise], &HashMap::new())
            .expect_err("it is too large");
        let variables: HashMap<_, _> = advised::advised(&misfit).into_iter().collect();
        let names: Vec<_> = variables.keys().collect();
        assert_eq!(names, [&format!("POOLCFG_{key}")], "{misfit}");
        if let Err(again) = process.start(&[promise], &variables) {
            panic!("{misfit}\n{again}");
        }
    }
}

#[test]
fn what_is_suggested_lets_every_pool_start() {
    let processes = [
        Process {
            hole: Size::tib(80),
            limit: Some((Resource::AddressSpace, Size::gib(64))),
        },
        Process {
            hole: Size::tib(80),
            limit: Some((Resource::Data, Size::mib(24))),
        },
        Process {
            hole: Size::gib(64),
            limit: None,
        },
    ];
    let mut together = 0;
    for process in processes {
        for slots_of in [&[40, 40][..], &[200, 30], &[30, 200], &[40, 40, 40]] {
            for (min_instances, keep) in [
                (1, Keep::MemoryReservation),
                (20, Keep::MemoryReservation),
                (1, Keep::MaxInstances),
            ] {
                let file = file(slots_of, min_instances, keep);
                let Err(misfit) = process.start(&file, &HashMap::new()) else {
                    panic!("{slots_of:?} fit");
                };
                together += usize::from(!misfit.others.is_empty());
                let said = misfit.to_string();
                assert!(said.contains(": start with `POOLCFG_A_"), "{said}");
                let variables = advised::advised(&misfit).into_iter().collect();
                if let Err(again) = process.start(&file, &variables) {
                    panic!("{slots_of:?}: {said}\n{again}");
                }
            }
        }
    }
    assert!(together > 10, "{together}");
}
