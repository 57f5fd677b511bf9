//! Errors: what they have in common.

use std::fmt;

use crate::pool::{AcquireError, PoolError};
use crate::recheck::misfit::{Misfit, RecheckError};
use crate::sys::{GrowError, ShrinkError};
use crate::variables::VariableError;

/// A program that ends with an error shows its Debug text: `fn main() -> Result<(), Box<dyn Error>>`. The message has
/// the cause, so that `source` does not tell it again.
macro_rules! debug_like_display {
    ($($error:ty),+ $(,)?) => {$(
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
