//! Tables: what the benchmarks of docs/figures.md print.

use std::process::ExitCode;

/// What a benchmark ends with: its table, or why there is none.
#[must_use]
pub fn print(table: Result<String, String>) -> ExitCode {
    match table {
        Ok(table) => {
            print!("{table}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
