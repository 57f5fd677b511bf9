//! How far long work is: a bar on stderr where that is a terminal, which is gone when the work is done. It has no
//! colours and no escape sequences.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};

use terminal_size::Width;

use crate::cli::shell::{Shell, Verbosity};

/// Fewer steps are over before anybody reads the bar.
const MANY: usize = 16;

/// The marks of a full bar.
const BAR: usize = 20;

/// Columns that the longest line takes: the bar, and two numbers of seven digits.
const WIDEST: u16 = 50;

/// A bar for work of so many steps.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    steps: usize,
    done: usize,
    is_drawn: bool,
    /// The columns that have to be cleared.
    columns: usize,
}

impl Progress {
    /// Nothing is drawn with `--quiet`, in a pipe, or on a terminal that cannot go back to the beginning of a line.
    pub(crate) fn new(shell: &Shell, what: &'static str, steps: usize) -> Self {
        let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let is_wide = terminal_size::terminal_size_of(io::stderr())
            .is_none_or(|(Width(columns), _)| columns > WIDEST);
        Self {
            what,
            steps,
            done: 0,
            is_drawn: steps >= MANY
                && shell.verbosity >= Verbosity::Normal
                && io::stderr().is_terminal()
                && !is_dumb
                && is_wide,
            columns: 0,
        }
    }

    /// One more step is done.
    pub(crate) fn step(&mut self) {
        let before = self.percent();
        self.done = self.done.saturating_add(1).min(self.steps);
        if self.is_drawn && (self.columns == 0 || self.percent() != before) {
            let line = line(self.what, self.done, self.steps);
            self.columns = line.len();
            draw(&line);
        }
    }

    fn percent(&self) -> usize {
        self.done.saturating_mul(100) / self.steps.max(1)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.columns > 0 {
            draw(&format!("{}\r", " ".repeat(self.columns)));
        }
    }
}

/// Numbers are as wide at the beginning as at the end, so that each line covers the one before.
fn line(what: &str, done: usize, steps: usize) -> String {
    let full = BAR.saturating_mul(done) / steps.max(1);
    let width = steps.to_string().len();
    format!(
        "[{:BAR$}] {done:width$} of {steps} {what}",
        "#".repeat(full.min(BAR))
    )
}

fn draw(text: &str) {
    let mut stderr = io::stderr();
    // Nobody is left to be told that stderr is gone.
    let _ = write!(stderr, "\r{text}").and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_as_long_as_the_others() {
        assert_eq!(
            line("files", 0, 40),
            "[                    ]  0 of 40 files"
        );
        assert_eq!(
            line("files", 20, 40),
            "[##########          ] 20 of 40 files"
        );
        assert_eq!(
            line("files", 40, 40),
            "[####################] 40 of 40 files"
        );
    }
}
