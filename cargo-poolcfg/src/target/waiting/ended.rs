//! How a program ended, and how often it is looked at until then.

use std::process::Output;
use std::time::Duration;

/// How often a program is looked at that prints nothing.
pub(super) const PAUSE: Duration = Duration::from_millis(5);

/// How a program ended.
#[derive(Debug)]
pub(crate) enum Ended {
    InTime(Output),
    /// It did not, and was killed.
    TooLate,
}
