//! What is at the place of an output.

use std::fs;
use std::io;
use std::path::Path;

use poolcfg_core::file::read_text;

use crate::cli::error::Error;

/// What is at a path.
#[derive(Debug)]
pub(crate) enum Present {
    Nothing,
    Text(String),
    /// A file that holds no text, or more than any of ours.
    Foreign,
    /// No file: a folder, a device.
    Other,
}

/// What is there now.
///
/// # Errors
/// When it is there and cannot be read.
pub(crate) fn present(path: &Path) -> Result<Present, Error> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Present::Nothing),
        Err(error) => Err(cannot_read(path, &error)),
        Ok(metadata) if !metadata.is_file() => Ok(Present::Other),
        Ok(_) => match read_text(path) {
            Ok(text) => Ok(Present::Text(text)),
            Err(error) => match error.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::FileTooLarge => Ok(Present::Foreign),
                _ => Err(cannot_read(path, &error)),
            },
        },
    }
}

fn cannot_read(path: &Path, error: &io::Error) -> Error {
    Error::unread("", path, error)
}
