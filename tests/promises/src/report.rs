//! Reports: what came of many starts, as lines that a process prints and another one reads.

use std::collections::BTreeMap;
use std::fmt;

use poolcfg_core::StackLimit;

use crate::file::Asked;

/// What tells one row from another: whether the order was the file's, how the program is linked, and its stack limit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// `file` or `shuffled`.
    pub order: String,
    /// `pie` or `static`.
    pub program: String,
    /// What of its start decides the layout: the stack limit or `legacy`.
    pub start: String,
}

impl Row {
    /// The row of one process.
    #[must_use]
    pub fn new(number: u32, asked: &Asked) -> Self {
        let order = if number == 0 { "file" } else { "shuffled" };
        Self {
            order: order.to_owned(),
            program: asked.program.word().to_owned(),
            start: match (asked.legacy, asked.stack) {
                (true, _) => "legacy",
                (false, None) => "unlimited",
                (false, Some(limit)) if limit <= StackLimit::finite(asked.pointer_width) => {
                    "finite"
                }
                (false, Some(_)) => "size",
            }
            .to_owned(),
        }
    }
}

/// How many there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Processes.
    pub processes: u64,
    /// Pools that they were to start.
    pub pools: u64,
    /// Memories, tables and stacks that were in use at once.
    pub slots: u64,
    /// Processes in which a pool did not get its guarantee.
    pub failed: u64,
}

/// A process in which a pool did not get its guarantee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed of the file.
    pub seed: u64,
    /// Which order.
    pub order: u32,
    /// What it said.
    pub text: String,
}

/// What came of many processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// By row.
    pub counts: BTreeMap<Row, Counts>,
    /// Files that the build accepted.
    pub accepted: u64,
    /// Files that it refused.
    pub refused: u64,
    /// What failed.
    pub failures: Vec<Failure>,
}

impl Rows {
    /// One process of so many pools, and what came of it.
    pub fn add(&mut self, row: Row, pools: u64, came: Result<u64, Failure>) {
        let counts = self.counts.entry(row).or_default();
        counts.processes += 1;
        counts.pools += pools;
        match came {
            Ok(slots) => counts.slots += slots,
            Err(failure) => {
                counts.failed += 1;
                self.failures.push(failure);
            }
        }
    }

    /// All of them together.
    pub fn merge(&mut self, other: Self) {
        for (row, of) in other.counts {
            let counts = self.counts.entry(row).or_default();
            counts.processes += of.processes;
            counts.pools += of.pools;
            counts.slots += of.slots;
            counts.failed += of.failed;
        }
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.failures.extend(other.failures);
    }

    /// How many processes there were.
    #[must_use]
    pub fn processes(&self) -> u64 {
        self.counts.values().map(|counts| counts.processes).sum()
    }

    /// Reads what was printed, all of it.
    ///
    /// # Errors
    /// The first line that is none of these.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut rows = Self::default();
        let mut ended = false;
        for line in text.lines() {
            let words: Vec<&str> = line.splitn(8, ' ').collect();
            let number = |word: &str| word.parse::<u64>().map_err(|_| format!("line `{line}`"));
            match words.as_slice() {
                ["failed", seed, order, ..] => rows.failures.push(Failure {
                    seed: number(seed)?,
                    order: u32::try_from(number(order)?).map_err(|error| error.to_string())?,
                    text: line.splitn(4, ' ').nth(3).unwrap_or_default().to_owned(),
                }),
                [
                    "row",
                    order,
                    program,
                    start,
                    processes,
                    pools,
                    slots,
                    failed,
                ] => {
                    let row = Row {
                        order: (*order).to_owned(),
                        program: (*program).to_owned(),
                        start: (*start).to_owned(),
                    };
                    let counts = Counts {
                        processes: number(processes)?,
                        pools: number(pools)?,
                        slots: number(slots)?,
                        failed: number(failed)?,
                    };
                    rows.counts.insert(row, counts);
                }
                ["end", accepted, refused] if !ended => {
                    ended = true;
                    rows.accepted = number(accepted)?;
                    rows.refused = number(refused)?;
                }
                _ => return Err(format!("line `{line}`")),
            }
        }
        match ended {
            true => Ok(rows),
            false => Err("no end".to_owned()),
        }
    }

    /// Lines of a Markdown table for one kernel: see [`HEAD`].
    #[must_use]
    pub fn table(&self, kernel: &str, aslr: &str) -> String {
        let lines = self.counts.iter().map(|(row, counts)| {
            format!(
                "| {kernel} | {aslr} | {} | {} | {} | {} | {} | {} | {} |\n",
                row.program,
                row.start,
                row.order,
                counts.processes,
                counts.pools,
                counts.slots,
                counts.failed
            )
        });
        lines.collect()
    }
}

/// The head of the table.
pub const HEAD: &str = "\
| kernel | ASLR | program | start | order | processes | pools started | regions in use | failed |
|---|---|---|---|---|--:|--:|--:|--:|
";

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Failure { seed, order, text } in &self.failures {
            writeln!(f, "failed {seed} {order} {}", text.replace('\n', " "))?;
        }
        for (row, counts) in &self.counts {
            writeln!(
                f,
                "row {} {} {} {} {} {} {}",
                row.order,
                row.program,
                row.start,
                counts.processes,
                counts.pools,
                counts.slots,
                counts.failed
            )?;
        }
        writeln!(f, "end {} {}", self.accepted, self.refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;

    #[test]
    fn a_report_is_read_as_it_is_written_and_only_whole() {
        let mut rows = Rows {
            accepted: 2,
            ..Rows::default()
        };
        let failure = Failure {
            seed: 7,
            order: 1,
            text: "pool `a`: too small a hole".to_owned(),
        };
        let machine = Machine::new("riscv64gc-unknown-linux-gnu", "sv39", "minimum");
        let asked = Asked::new(7, &machine.unwrap());
        rows.add(Row::new(0, &asked), 3, Ok(40));
        rows.add(Row::new(1, &asked), 3, Err(failure));
        let text = rows.to_string();
        assert_eq!(Rows::read(&text).as_ref(), Ok(&rows));
        assert!(Rows::read(text.trim_end().rsplit_once('\n').unwrap().0).is_err());
        assert!(Rows::read(&format!("{text}more\n")).is_err());
        let mut twice = rows.clone();
        twice.merge(rows);
        assert_eq!((twice.processes(), twice.failures.len()), (4, 2));
    }
}
