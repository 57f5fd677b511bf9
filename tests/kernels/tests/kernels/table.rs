//! The table of what was promised and what was measured, as Markdown and JSON.

use std::fmt::Write as _;
use std::fs;

use poolcfg_core::{Aslr, Size, StackLimit, VaProfile};
use poolcfg_tests::root;
use poolcfg_tests_kernels::{CellReport, Program};
use serde_json::{Value, json};

use crate::kernel::Kernel;

/// What came of one kernel.
#[derive(Debug)]
pub(crate) struct Judged {
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
pub(crate) fn too_low(report: &CellReport) -> Option<String> {
    let cell = report.cell;
    let usual = cell.stack_limit == StackLimit::Finite && cell.aslr == Aslr::Minimum;
    if usual && share(report) < 980 {
        return Some(format!(
            "{cell}: promised {} of {}",
            report.promised[0], report.least[0]
        ));
    }
    (usual && report.native_share < 960).then(|| {
        format!(
            "{cell}: {} slots are {} thousandths of those that there is room for",
            report.native_least, report.native_share
        )
    })
}

/// The table of the last run that was looked at.
const CHECKED_IN: &str = "tests/kernels/table.md";

/// One line of a table: the cell, what is promised of it, and the least and the most that was measured.
#[derive(Debug)]
struct Row<'a> {
    cell: [&'a str; 5],
    starts: u32,
    promised: [&'a str; 4],
    measured: [[u64; 2]; 2],
}

impl<'a> Row<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let column = |i: usize| columns.get(i).copied();
        // Which version a mirror has today makes no difference.
        let (kernel, _) = column(2)?.rsplit_once(", from ")?;
        Some(Self {
            cell: [column(1)?, kernel, column(3)?, column(4)?, column(5)?],
            starts: column(6)?.parse().ok()?,
            promised: [column(7)?, column(10)?, column(12)?, column(15)?],
            measured: [range(column(8)?)?, range(column(11)?)?],
        })
    }

    /// How far ASLR's dice may move what is measured: the ends of 140 throws lie close together when it
    /// moves little, and are those of its range within a few hundredths when it moves all it can. Fewer
    /// throws say less of the ends.
    fn tolerance(&self) -> u64 {
        let [profile, _, _, _, aslr] = self.cell;
        let mut profiles = VaProfile::ALL.iter().flat_map(|table| table.iter());
        let window = profiles
            .find(|of| of.name == profile)
            .map_or(0, |profile| profile.window.get());
        let part = match (aslr == Aslr::Minimum.text().as_str(), self.starts) {
            (true, _) => 64,
            (false, 140..) => 16,
            (false, _) => 4,
        };
        window / part
    }

    fn is_as(&self, other: &Row<'_>) -> bool {
        let tolerance = self.tolerance().max(other.tolerance());
        let measured = self.measured.as_flattened();
        let mut ends = measured.iter().zip(other.measured.as_flattened());
        self.cell == other.cell
            && self.promised == other.promised
            && ends.all(|(one, other)| one.abs_diff(*other) <= tolerance)
    }
}

/// Reads sizes such as `1.22 GiB to 2.81 GiB`.
fn range(text: &str) -> Option<[u64; 2]> {
    match text.split_once(" to ") {
        Some((least, most)) => Some([bytes(least)?, bytes(most)?]),
        None => bytes(text).map(|size| [size, size]),
    }
}

/// Reads a size with two decimals or none.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_once(' ')?;
    let unit = match unit {
        "bytes" => Size::bytes(1),
        "KiB" => Size::kib(1),
        "MiB" => Size::mib(1),
        "GiB" => Size::gib(1),
        "TiB" => Size::gib(1024),
        _ => return None,
    };
    let hundredths: u64 = match number.split_once('.') {
        Some((whole, part)) if part.len() == 2 => format!("{whole}{part}").parse().ok()?,
        Some(_) => return None,
        None => number.parse::<u64>().ok()?.checked_mul(100)?,
    };
    Some(hundredths.checked_mul(unit.get())? / 100)
}

/// The lines of a table below its head.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    rows.filter(|line| !line.starts_with("| profile |") && !line.starts_with("|---"))
}

/// How a checked-in table differs from a new one, of whose kernels it may have more: in what is promised,
/// or in what was measured by more than ASLR's dice do.
fn difference(checked_in: &str, new: &str) -> Option<String> {
    let checked_in: Vec<Row<'_>> = checked_in.lines().filter_map(Row::read).collect();
    new.lines().filter_map(Row::read).find_map(|row| {
        let there = checked_in.iter().find(|there| there.cell == row.cell);
        (!there.is_some_and(|there| there.is_as(&row))).then(|| format!("{there:?} is now {row:?}"))
    })
}

/// How the checked-in table differs from a new one.
pub(crate) fn out_of_date(new: &str) -> Option<String> {
    let checked_in = fs::read_to_string(root().join(CHECKED_IN)).unwrap_or_default();
    difference(&checked_in, new).map(|difference| {
        format!("`{CHECKED_IN}`: {difference}: look at `target/kernels.md` and copy it")
    })
}

#[test]
fn a_table_is_as_another_only_within_the_dice_of_aslr() {
    let checked_in = fs::read_to_string(root().join(CHECKED_IN)).unwrap();
    let rows = lines(&checked_in).filter_map(Row::read).count();
    assert_eq!(rows, 12 * crate::kernel::KERNELS.len());
    assert_eq!(difference(&checked_in, &checked_in), None);
    // What is there of one kernel is compared, too.
    let line = "| sv39 | Debian riscv64, from trixie: 6.12 | pie | finite | minimum | 140 | 170.66 GiB \
                | 170.67 GiB to 171.66 GiB | 99.9 % | 80.20 GiB | 81.52 GiB to 83.99 GiB | 42 | 42 \
                | 14 of 14 | 61 | 61 | 98.3 % | 99.9 % | 0 |";
    for (from, to, same) in [
        ("6.12", "6.13", true),
        ("171.66", "171.10", true),
        ("171.66", "179.10", false),
        ("81.52", "70.52", false),
        ("170.66 GiB", "170.67 GiB", false),
        ("| 42 | 42", "| 41 | 42", false),
        ("| 61 | 61", "| 60 | 61", false),
        ("finite", "infinite", false),
    ] {
        let difference = difference(&checked_in, &line.replace(from, to));
        assert_eq!(difference.is_none(), same, "{to}: {difference:?}");
    }
}

/// Writes the table to `target/kernels.md` and `target/kernels.json`; the text.
pub(crate) fn write(judged: &[(&Kernel, Judged)]) -> String {
    let mut text = String::from(
        "| profile | kernel | program | stack limit | ASLR | starts | first hole promised | measured \
         | share | second hole promised | measured | slots promised | taken | one more refused \
         | in pieces promised | taken | of the room | recheck takes | broken |\n\
         |---|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
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
        about(kernel, release),
        cell.program.word().to_owned(),
        cell.stack_limit.to_string(),
        cell.aslr.to_string(),
        report.starts.to_string(),
        report.promised[0].available().to_string(),
        range(0),
        percent(share(report)),
        report.promised[1].available().to_string(),
        range(1),
        report.slots_promised.to_string(),
        report.slots_least.to_string(),
        format!("{} of {}", report.refused, report.pools),
        report.native_promised.to_string(),
        report.native_least.to_string(),
        percent(report.native_share),
        percent(report.share),
        report.broken.to_string(),
    ];
    let _ = writeln!(text, "| {} |", columns.join(" | "));
}

/// What a kernel is, where it was fetched from, and what it calls itself.
fn about(kernel: &Kernel, release: &str) -> String {
    let newest = if kernel.newest { ", newest" } else { "" };
    let suite = kernel.suite();
    format!("{}{newest}, from {suite}: {release}", kernel.about)
}

fn value(kernel: &Kernel, release: &str, report: &CellReport) -> Value {
    let bytes = |sizes: [Size; 2]| sizes.map(Size::get);
    json!({
        "va_profile": kernel.profile,
        "kernel": kernel.about,
        "suite": kernel.suite(),
        "release": release,
        "program": Program::word(report.cell.program),
        "stack_limit": report.cell.stack_limit.to_string(),
        "aslr": report.cell.aslr.to_string(),
        "starts": report.starts,
        "broken": report.broken,
        "promised_bytes": bytes(report.promised),
        "least_bytes": bytes(report.least),
        "most_bytes": bytes(report.most),
        "recheck_share_thousandths": report.share,
        "slots_promised": report.slots_promised,
        "slots_taken_at_least": report.slots_least,
        "one_slot_more_refused": { "starts": report.refused, "of": report.pools },
        "slots_in_pieces_promised": report.native_promised,
        "slots_in_pieces_taken_at_least": report.native_least,
        "slots_in_pieces_share_thousandths": report.native_share,
    })
}
