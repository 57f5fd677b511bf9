//! The promises: random files that the build accepts, started here and in other kernels, and the table of it.

use std::fs;
use std::path::PathBuf;

use super::run_suite_with;
use super::suites::{KERNELS, PROMISES, Suite, kernels_variables};
use crate::item;
use crate::kernels::BUILT;
use crate::run::root;

/// What is started to hold the build to its promises.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Promises<'a> {
    /// Thousands of processes, on this kernel and in others.
    All,
    /// One file, on this kernel or in the one of a VA profile.
    Seed(&'a str, Option<&'a str>),
}

/// How many processes this kernel starts; the others start half as many together.
const PROCESSES: &str = "7000";

/// Starts random files on this kernel and in others, and prints the table, whatever comes of it.
pub(crate) fn promises(what: Promises<'_>) -> Result<(), String> {
    let with = |suite: &Suite, names: &[&str], said: &[(&'static str, &str)]| {
        let said = said
            .iter()
            .map(|(name, value)| (*name, PathBuf::from(value)));
        run_suite_with(suite, names, said.collect())
    };
    let kernels = Suite {
        variables: kernels_variables,
        ..KERNELS
    };
    match what {
        Promises::Seed(seed, None) => with(
            &PROMISES,
            &["random_file", "--nocapture"],
            &[("POOLCFG_PROMISES_SEED", seed)],
        ),
        Promises::Seed(seed, Some(kernel)) => {
            item::make(KERNELS.items)?;
            with(
                &kernels,
                &["promises", "--nocapture"],
                &[
                    ("POOLCFG_PROMISES_SEED", seed),
                    ("POOLCFG_PROMISES_KERNEL", kernel),
                ],
            )
        }
        Promises::All => {
            item::make(KERNELS.items)?;
            item::make(&[&BUILT[0]])?;
            let said = [("POOLCFG_PROMISES", PROCESSES)];
            let suites: [(&Suite, &[&str], &[&str]); 2] = [
                (&PROMISES, &[], &["promises-here.md"]),
                (
                    &kernels,
                    &["promises", "armv7"],
                    &["promises-kernels.md", "promises-armv7.md"],
                ),
            ];
            let mut judged = Ok(());
            for (suite, names, tables) in suites {
                let tables = tables.iter().map(|table| root().join("target").join(table));
                // One of an earlier run would say nothing of this one.
                tables.clone().for_each(|table| {
                    let _ = fs::remove_file(&table);
                });
                judged = judged.and(with(suite, names, &said));
                for text in tables.filter_map(|table| fs::read_to_string(table).ok()) {
                    print!("{text}");
                }
            }
            judged
        }
    }
}
