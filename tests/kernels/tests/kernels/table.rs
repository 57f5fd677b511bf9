//! The table of what was promised and what was measured, as Markdown and JSON.

use std::fmt::Write as _;
use std::fs;

use poolcfg_core::{Aslr, Size, StackLimit};
use poolcfg_tests::root;
use poolcfg_tests_kernels::{CellReport, Program};
use serde_json::{Value, json};

use crate::kernel::Kernel;

/// What came of one kernel.
#[derive(Debug)]
pub struct Judged {
    /// What it calls itself.
    pub release: String,
    /// Its cells.
    pub cells: Vec<CellReport>,
    /// Promises that were not kept.
    pub broken: Vec<String>,
}

/// What is promised of the first hole, in thousandths of the least that was measured, rounded down.
fn share(report: &CellReport) -> u64 {
    let (promised, least) = (report.promised[0].get(), report.least[0].get());
    let share = u128::from(promised) * 1000 / u128::from(least.max(1));
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// Where a process is as it is by default, hardly anything may be left unpromised.
pub fn too_low(report: &CellReport) -> Option<String> {
    let cell = report.cell;
    let usual = cell.stack_limit == StackLimit::Finite && cell.aslr == Aslr::Default;
    (usual && share(report) < 980).then(|| {
        format!(
            "{cell}: promised {} of {}",
            report.promised[0], report.least[0]
        )
    })
}

/// The table of the last run that was looked at.
const CHECKED_IN: &str = "tests/kernels/table.md";

/// The columns of a table that do not depend on ASLR's dice: the cell and what is promised of it.
fn promised(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| {
            let columns: Vec<&str> = line.split('|').map(str::trim).collect();
            [1, 3, 4, 5, 7, 10, 12].map(|i| columns[i]).to_vec()
        })
        .collect()
}

/// How the checked-in table differs from a new one in what is promised.
pub fn out_of_date(new: &str) -> Option<String> {
    let checked_in = fs::read_to_string(root().join(CHECKED_IN)).unwrap_or_default();
    (promised(&checked_in) != promised(new)).then(|| {
        format!("`{CHECKED_IN}` promises something else: look at `target/kernels.md` and copy it")
    })
}

/// Writes the table to `target/kernels.md` and `target/kernels.json`; the text.
pub fn write(judged: &[(&Kernel, Judged)]) -> String {
    let mut text = String::from(
        "| profile | kernel | program | stack limit | ASLR | starts | first hole promised | measured \
         | share | second hole promised | measured | slots promised | taken | one more refused | recheck takes | broken |\n\
         |---|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    let (mut starts, mut broken) = (0, 0);
    for (kernel, result) in judged {
        for report in &result.cells {
            starts += report.starts;
            row(&mut text, kernel, &result.release, report);
        }
        broken += result.broken.len();
    }
    let _ = writeln!(text, "\nProcesses: {starts}; broken promises: {broken}.");
    let results: Vec<Value> = judged
        .iter()
        .flat_map(|(kernel, result)| {
            let values = |report| value(kernel, &result.release, report);
            result.cells.iter().map(values)
        })
        .collect();
    let json = json!({ "schema": 1, "starts": starts, "broken": broken, "results": results });
    let target = root().join("target");
    fs::write(target.join("kernels.md"), &text).unwrap();
    fs::write(target.join("kernels.json"), format!("{json:#}\n")).unwrap();
    text
}

fn row(text: &mut String, kernel: &Kernel, release: &str, report: &CellReport) {
    let cell = report.cell;
    let percent = |thousandths: u64| format!("{}.{} %", thousandths / 10, thousandths % 10);
    let range = |i: usize| match (report.least[i], report.most[i]) {
        (least, most) if least.available().to_string() == most.available().to_string() => {
            least.available().to_string()
        }
        (least, most) => format!("{} to {}", least.available(), most.available()),
    };
    let columns = [
        kernel.profile.to_owned(),
        format!("{}, {release}", kernel.about),
        cell.program.word().to_owned(),
        cell.stack_limit.word().to_owned(),
        cell.aslr.word().to_owned(),
        report.starts.to_string(),
        report.promised[0].available().to_string(),
        range(0),
        percent(share(report)),
        report.promised[1].available().to_string(),
        range(1),
        report.slots_promised.to_string(),
        report.slots_least.to_string(),
        format!("{} of {}", report.refused, report.pools),
        percent(report.share),
        report.broken.to_string(),
    ];
    let _ = writeln!(text, "| {} |", columns.join(" | "));
}

fn value(kernel: &Kernel, release: &str, report: &CellReport) -> Value {
    let bytes = |sizes: [Size; 2]| sizes.map(Size::get);
    json!({
        "va_profile": kernel.profile,
        "kernel": kernel.about,
        "release": release,
        "program": Program::word(report.cell.program),
        "stack_limit": report.cell.stack_limit.word(),
        "aslr": report.cell.aslr.word(),
        "starts": report.starts,
        "broken": report.broken,
        "promised_bytes": bytes(report.promised),
        "least_bytes": bytes(report.least),
        "most_bytes": bytes(report.most),
        "recheck_share_thousandths": report.share,
        "slots_promised": report.slots_promised,
        "slots_taken_at_least": report.slots_least,
        "one_slot_more_refused": { "starts": report.refused, "of": report.pools },
    })
}
