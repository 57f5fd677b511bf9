//! A process that is laid out otherwise than the build counts on may refuse a pool, for want of a hole. But whatever a recheck has taken for an
//! engine is there when the engine is made, as long as the process maps nothing else.

use super::other_layout::{Elsewhere, each_file};
use super::process::CheckedEngine;

/// Starts pools in an order, as far as they are taken, and makes each engine after so many further rechecks.
fn failures(elsewhere: &Elsewhere, later: usize) -> Vec<String> {
    let mut failures = Vec::new();
    for made in &elsewhere.positions {
        let process = elsewhere.process(made, &Vec::new());
        let mut native = Vec::new();
        let mut checked: Vec<CheckedEngine> = Vec::new();
        let mut engines = Vec::new();
        let mut refused = Vec::new();
        let order = elsewhere.case.shuffled(&elsewhere.promises);
        let mut make = |engine: &CheckedEngine| match process.make(engine) {
            Ok(engine) => engines.push(engine),
            Err(error) => failures.push(format!(
                "{} {later} later {order:?} in {made:x?}: {error}",
                elsewhere.case.profile.name
            )),
        };
        for pool in &order {
            let promise = &elsewhere.promises[*pool];
            if promise.asked.wasmtime.is_some() {
                let taken = process.check(promise).map(|engine| checked.push(engine));
                refused.extend(taken.err());
            } else {
                let taken = process.start(promise).map(|pool| native.push(pool));
                refused.extend(taken.err());
            }
            if checked.len() > later {
                make(&checked.remove(0));
            }
        }
        while let Some(engine) = checked.pop() {
            make(&engine);
        }
        let without_reason = refused.iter().find(|said| said.contains("`refused`"));
        failures.extend(without_reason.cloned());
    }
    failures
}

#[test]
fn an_engine_that_was_rechecked_finds_its_place() {
    let mut all = Vec::new();
    each_file(60, |elsewhere| {
        for later in [0, 1, 20] {
            all.extend(failures(elsewhere, later));
        }
    });
    let count = all.len();
    all.truncate(5);
    assert!(
        count == 0,
        "{count} engines find no place\n{}",
        all.join("\n")
    );
}
