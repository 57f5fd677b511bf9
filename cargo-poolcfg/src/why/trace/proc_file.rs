//! Files of /proc and /sys, as text.

use std::fs;

/// A file of /proc; empty where it cannot be read. A name in it may be anything.
pub(super) fn text(path: &str) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
