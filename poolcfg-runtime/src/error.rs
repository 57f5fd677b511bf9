//! Errors and warnings: what they have in common.

use std::fmt;

use poolcfg_core::{Code, Text};

use crate::pool::reserved::Warning;
use crate::pool::{AcquireError, PoolError};
use crate::recheck::misfit::{Misfit, RecheckError};
use crate::sys::{GrowError, ShrinkError};
use crate::variables::VariableError;

/// A message ends with what leads to the text of its code.
macro_rules! display_with_code {
    ($($type:ty),+ $(,)?) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.message(f)?;
                see(self.code(), f)
            }
        }
    )+};
}

/// The end of a message that leads to the text of its code.
fn see(code: Code, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(code.see(Text::new()).as_str())
}

/// A program that ends with an error shows its Debug text: `fn main() -> Result<(), Box<dyn Error>>`. The message has
/// the cause, so that `source` does not tell it again.
macro_rules! debug_like_display {
    ($($error:ty),+ $(,)?) => {$(
        display_with_code!($error);

        impl std::error::Error for $error {}

        impl fmt::Debug for $error {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )+};
}

debug_like_display!(
    AcquireError,
    GrowError,
    Misfit,
    PoolError,
    RecheckError,
    ShrinkError,
    VariableError,
);

display_with_code!(Warning);

#[cfg(test)]
mod tests;
