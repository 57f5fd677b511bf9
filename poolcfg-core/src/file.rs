//! poolcfg.toml: where it is, what it says and what is wrong with it.
//!
//! [`ConfigFile::parse`] reads the file as far as it can be read without a target and reports every
//! mistake at once, each as a [`Diagnostic`]. [`ConfigFile::settings`] lays the layers over each other
//! for one target, described by its [`TargetFacts`]; the macro writes the same layers down as const
//! code with a `cfg!` around each, so that the compiler judges them.
//!
//! Order, later wins: the base tables, the `cfg(…)` tables in the order of the file, the table of the
//! triple. Within one layer first `pooling_allocator`, which is said of all pools, then `pool.NAME`.

mod cfgs;
mod condition;
mod config;
mod diagnostic;
pub(crate) mod facts;
pub(crate) mod kind;
mod layer;
mod location;
mod lock;
mod nearest;
mod notes;
mod pool_table;
mod profiles;
mod reader;
mod set;
mod syntax;
mod value;
mod values;
mod wasmtime;
mod workspace;

use std::fs;
use std::io;
use std::path::Path;

pub use crate::setting::ValueKind;
pub use condition::{Condition, known_targets};
pub use config::ConfigFile;
pub use diagnostic::Diagnostic;
pub use facts::{CRT_STATIC, TargetFacts};
pub use kind::KeyTable;
pub use layer::{Layer, SpaceLayer};
pub use location::{Location, locate};
pub use lock::Lock;
pub use nearest::nearest;
pub use notes::WORKLOAD;
pub use pool_table::{PoolTable, PoolTables};
pub use set::SetFlags;

/// The most MiB of a file that a person has written.
const MOST_MIB: u64 = 16;

/// Reads a file of text that a person has written. It must be a regular file, since a pipe or a device such as
/// `/dev/zero` may never end, and have at most 16 MiB.
///
/// ```
/// use poolcfg_core::file::read_text;
/// let error = read_text(std::path::Path::new(".")).unwrap_err();
/// assert_eq!(error.to_string(), "it is not a regular file");
/// ```
///
/// # Errors
/// What the system says; [`io::ErrorKind::InvalidInput`] when it is not a regular file,
/// [`io::ErrorKind::FileTooLarge`] above 16 MiB, and [`io::ErrorKind::InvalidData`] when it is not UTF-8 text.
pub fn read_text(path: &Path) -> io::Result<String> {
    // Before it is opened: that alone may wait for the other end of a pipe.
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    if metadata.len() > MOST_MIB << 20 {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {MOST_MIB} MiB"),
        ));
    }
    fs::read_to_string(path)
}

/// A text without the byte order mark that some editors put before it.
#[must_use]
pub fn without_byte_order_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The name of the file.
pub const FILE_NAME: &str = "poolcfg.toml";
