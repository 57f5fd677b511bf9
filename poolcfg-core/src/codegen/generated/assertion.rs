//! What holds the numbers of a file without the runtime.

use super::adding::Adding;
use super::arm::{Arm, PoolConsts, is, machine};
use super::lines::Lines;
use super::sums::proven;
use crate::plan::refusal::Refusal;

/// The assertion of one arm.
pub(super) fn assertion(lines: &mut Lines, arm: &Arm<'_>, pools: &[PoolConsts<'_>], command: &str) {
    let says = |refusal: Refusal| {
        let machine = machine(arm.case);
        refusal.text(&machine, command).as_str().to_owned()
    };
    match proven(arm.case, pools) {
        Some(holes) => Adding::new(arm.case, pools, holes).write(lines, &says),
        None => equal(lines, pools, &says(Refusal::Changed)),
    }
}

/// The assertion that each number is the one that was worked out.
fn equal(lines: &mut Lines, pools: &[PoolConsts<'_>], message: &str) {
    lines.line("// What fits depends on where each mapping goes, which no sum tells. So the numbers are those that were");
    lines.line("// worked out together, and no others.");
    lines.block("const _: () = {", "};", |lines| {
        for pool in pools {
            let conditions: Vec<String> = pool
                .consts
                .iter()
                .filter_map(|of| is(of, &pool.path))
                .collect();
            lines.assert(&conditions, message);
        }
    });
}
