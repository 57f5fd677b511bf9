//! Specifications: which packages of the workspace a word behind `-p` means, as cargo takes it.

use std::path::{Path, PathBuf};

use cargo_metadata::Package;
use cargo_metadata::semver::Version;
use poolcfg_core::Code;
use poolcfg_core::file::nearest;

use crate::cli::error::Error;
use crate::cli::path::is_same;

/// One specification: `NAME`, `NAME@VERSION`, `NAME:VERSION`, or the URL of the package's folder, with `#NAME`, `#VERSION` or
/// both behind it. The name may be a pattern, and the version may lack its last parts.
#[derive(Debug)]
struct PackageSpec<'a> {
    folder: Option<PathBuf>,
    name: Option<Name<'a>>,
    version: Option<&'a str>,
}

#[derive(Debug)]
enum Name<'a> {
    Whole(&'a str),
    Pattern(glob::Pattern),
}

impl<'a> PackageSpec<'a> {
    /// # Errors
    /// Of a pattern that is none.
    fn new(text: &'a str) -> Result<Self, glob::PatternError> {
        let (url, rest) = match text.contains("://") {
            true => match text.split_once('#') {
                Some((url, rest)) => (Some(url), rest),
                None => (Some(text), ""),
            },
            false => (None, text),
        };
        let is_version = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
        let (name, version) = match rest.split_once(['@', ':']) {
            Some((name, version)) => (name, Some(version)),
            None if url.is_some() && is_version(rest) => ("", Some(rest)),
            None => (rest, None),
        };
        let name = match (name, name.contains(['*', '?', '['])) {
            ("", _) if url.is_some() => None,
            (_, false) => Some(Name::Whole(name)),
            (_, true) => Some(Name::Pattern(glob::Pattern::new(name)?)),
        };
        Ok(Self {
            folder: url.map(folder),
            name,
            version,
        })
    }

    fn matches(&self, package: &Package) -> bool {
        let own = package.manifest_path.as_std_path().parent();
        let is_there = |folder: &PathBuf| own.is_some_and(|own| is_same(own, folder));
        self.folder.as_ref().is_none_or(is_there)
            && self.names(package)
            && self
                .version
                .is_none_or(|said| means(said, &package.version))
    }

    fn names(&self, package: &Package) -> bool {
        let own = package.name.as_str();
        match &self.name {
            None => true,
            Some(Name::Whole(name)) => own == *name,
            Some(Name::Pattern(pattern)) => pattern.matches(own),
        }
    }
}

/// The folder of which a URL such as `file:///a/b` or `path+file:///a/b` is; packages of a workspace have no others.
fn folder(url: &str) -> PathBuf {
    let url = url.strip_prefix("path+").unwrap_or(url);
    let Some(path) = url.strip_prefix("file://") else {
        return PathBuf::new();
    };
    let path = decoded(path);
    // On Windows the drive stands behind a `/`.
    let drive = path
        .strip_prefix('/')
        .filter(|rest| cfg!(windows) && rest.get(1..2) == Some(":"));
    Path::new(drive.unwrap_or(&path)).to_owned()
}

/// A text of a URL without its `%20` and the like.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let byte = match (first, after) {
            (b'%', [high, low, ..]) => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        bytes.push(byte.unwrap_or(*first));
        rest = match byte {
            Some(_) => &after[2..],
            None => after,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a version, which may lack its last parts, means this one. A prerelease has to be said.
fn means(said: &str, version: &Version) -> bool {
    let (said, build) = match said.split_once('+') {
        Some((said, build)) => (said, Some(build)),
        None => (said, None),
    };
    let (said, pre) = match said.split_once('-') {
        Some((said, pre)) => (said, pre),
        None => (said, ""),
    };
    let own = [version.major, version.minor, version.patch].map(|part| part.to_string());
    let mut parts = said.split('.');
    let are_same = own
        .iter()
        .zip(parts.by_ref())
        .all(|(own, part)| own == part);
    are_same
        && parts.next().is_none()
        && version.pre.as_str() == pre
        && build.is_none_or(|build| version.build.as_str() == build)
}

/// The packages that a specification means.
///
/// # Errors
/// Of one that means none.
pub(super) fn matching<'a>(members: &[&'a Package], text: &str) -> Result<Vec<&'a Package>, Error> {
    let spec = PackageSpec::new(text).map_err(|error| {
        Error::new(
            Code::Tool,
            format!("`{text}` is no pattern: {}", error.msg),
            "`*` stands for a part of a name, `?` for a letter",
        )
    })?;
    let found: Vec<&Package> = members
        .iter()
        .filter(|package| spec.matches(package))
        .copied()
        .collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let names = || members.iter().map(|package| package.name.as_str());
    let list = || format!("expected one of {}", names().collect::<Vec<_>>().join(", "));
    let none = format!("no package matches `{text}`");
    let (message, help) = match &spec.name {
        Some(Name::Whole(name)) if spec.folder.is_none() => {
            match members.iter().find(|package| package.name == *name) {
                Some(other) => (none, format!("did you mean `{name}@{}`?", other.version)),
                None => (
                    format!("unknown package `{text}`"),
                    nearest(name, names())
                        .map_or_else(list, |near| format!("did you mean `{near}`?")),
                ),
            }
        }
        _ => (none, list()),
    };
    Err(Error::new(Code::Tool, message, help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_may_lack_its_last_parts() {
        let version = Version::parse("1.10.2+b").unwrap();
        for said in ["1", "1.10", "1.10.2", "1.10.2+b"] {
            assert!(means(said, &version), "{said}");
        }
        for said in [
            "", "10", "1.1", "1.10.3", "1.10.2.0", "1.10.2-a", "1.10.2+c", "x",
        ] {
            assert!(!means(said, &version), "{said}");
        }
        let version = Version::parse("1.0.0-rc.1").unwrap();
        assert!(means("1.0.0-rc.1", &version));
        assert!(!means("1.0.0", &version));
    }

    #[test]
    fn a_url_is_of_a_folder() {
        assert_eq!(folder("path+file:///a%20b/c"), Path::new("/a b/c"));
        assert_eq!(folder("file:///a%2"), Path::new("/a%2"));
        assert_eq!(folder("https://example.org/a"), Path::new(""));
    }
}
