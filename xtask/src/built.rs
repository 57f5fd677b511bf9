//! What the tests build in the cache: cargo's folders, which are kept for the next run and the next checkout.

use std::fs;

use crate::cache;

/// A folder of the cache, and the megabytes that it takes after a whole run.
type Folder = (&'static str, u32);

/// Those of every suite.
const FOLDERS: [Folder; 12] = [
    ("target-cross", 5900),
    ("target-dist", 1600),
    ("target-dist-again", 1200),
    ("target-emulated", 3300),
    ("target-fuzz", 300),
    ("target-kernels", 1700),
    ("target-loom", 420),
    ("target-oldest", 1600),
    ("target-promises", 4500),
    ("target-races", 390),
    ("target-soak", 150),
    ("target-wasmtime", 7000),
];

/// Says how much disk is left to be taken, before anything is fetched.
pub(crate) fn announce() -> Result<(), String> {
    let mut there = Vec::new();
    let names = match fs::read_dir(cache::folder()?) {
        Ok(entries) => entries.filter_map(Result::ok).collect(),
        Err(_) => Vec::new(),
    };
    for entry in names {
        there.push(entry.file_name().to_string_lossy().into_owned());
    }
    eprintln!("{}", line(&there));
    Ok(())
}

/// The line for a cache in which these are.
fn line(there: &[String]) -> String {
    let left = FOLDERS
        .iter()
        .filter(|(folder, _)| !there.iter().any(|name| name == folder));
    let (count, megabytes) = left.fold((0, 0), |(count, sum), (_, megabytes)| {
        (count + 1, sum + megabytes)
    });
    match count {
        0 => "what the tests build is in the cache already".to_owned(),
        _ => format!("what the tests build in the cache takes {megabytes} MB of disk more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_not_told_again() {
        let mut there: Vec<String> = FOLDERS.map(|(folder, _)| folder.to_owned()).into();
        let whole = "what the tests build is in the cache already";
        assert_eq!(line(&there), whole);
        there.retain(|name| name != "target-loom" && name != "target-soak");
        let rest = "what the tests build in the cache takes 570 MB of disk more";
        assert_eq!(line(&there), rest);
    }

    /// A suite that gets a folder of its own gets a row here.
    #[test]
    fn every_folder_that_a_suite_builds_in_has_a_row() {
        let sources = concat!(
            include_str!("test/suites.rs"),
            include_str!("dist.rs"),
            include_str!("fuzz.rs"),
            include_str!("races.rs"),
        );
        let named = sources.split("join(\"target-").skip(1);
        let mut seen = 0;
        for rest in named {
            let name = format!("target-{}", rest.split('"').next().unwrap_or_default());
            let known = FOLDERS.iter().any(|(folder, _)| *folder == name);
            assert!(known, "{name}");
            seen += 1;
        }
        assert!(seen >= 10, "only {seen} are found");
    }
}
