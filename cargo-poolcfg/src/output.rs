//! Output files: written beside their place and renamed, so that none is ever left half-written.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use poolcfg_core::Code;

use crate::error::Error;
use crate::project::shown;

/// What is at a path.
#[derive(Debug)]
pub(crate) enum Present {
    Nothing,
    Text(String),
    /// Something that holds no text of ours: a device, a binary file.
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
        Ok(_) => match fs::read(path) {
            Ok(bytes) => Ok(String::from_utf8(bytes).map_or(Present::Other, Present::Text)),
            Err(error) => Err(cannot_read(path, &error)),
        },
    }
}

/// Writes a whole file, or leaves what is there.
///
/// # Errors
/// When the place cannot be written to.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Error> {
    put(path, text).map_err(|error| {
        let help = "make its folder writable and see that the disk has room, or write elsewhere with `-o FILE`";
        Error::io("write", path, &error, help)
    })
}

fn put(path: &Path, text: &str) -> io::Result<()> {
    let there = fs::metadata(path).ok();
    if there
        .as_ref()
        .is_some_and(|there| there.is_file() && there.permissions().readonly())
    {
        // A rename would replace it all the same.
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it is read-only",
        ));
    }
    if there.as_ref().is_some_and(|there| !there.is_file()) {
        // A device or pipe cannot be replaced; it takes what it is given.
        return fs::OpenOptions::new()
            .write(true)
            .open(path)?
            .write_all(text.as_bytes());
    }
    // A link stays one: what it points at is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".poolcfg-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As any new file: what the umask leaves.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    // The name of what is beside it means nothing to the user.
    let mut file = builder
        .tempfile_in(folder)
        .map_err(|error| io::Error::from(error.kind()))?;
    file.write_all(text.as_bytes())?;
    if let Some(there) = there {
        // What is replaced is read and written by the same people as before.
        file.as_file().set_permissions(there.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

/// A file that poolcfg has not written.
pub(crate) fn foreign(path: &Path) -> Error {
    Error::new(
        Code::ForeignFile,
        format!("`{}` is there and was not written by poolcfg", shown(path)),
        "move it away, or write somewhere else with `-o FILE`",
    )
}

fn cannot_read(path: &Path, error: &io::Error) -> Error {
    Error::io("read", path, error, "it must be a file that you may read")
}
