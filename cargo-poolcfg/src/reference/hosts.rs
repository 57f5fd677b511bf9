//! The page of the hosts: the settings of each, and from which version on.

use poolcfg_core::WasmtimeVersion;

use super::{file, is_current, page, table};
use crate::host::{HOSTS, Host, NO_END};

const PATH: &str = "docs/hosts.md";

const INTRODUCTION: &str = "\
`poolcfg --emit KIND` writes the settings of a program that pools with Wasmtime. What a program has no setting for, and \
does not have by default, is an error and never lost silently.
";

/// The settings of a host, each with the versions of Wasmtime that have it.
fn settings(host: &Host) -> String {
    let mut settings: Vec<_> = host.settings().collect();
    // One setting may say two forms of a number.
    settings.sort_unstable();
    settings.dedup();
    let rows = settings
        .into_iter()
        .map(|(section, name, number, since, until)| {
            let name = match section {
                "" => format!("`{name}`"),
                _ => format!("`{section}.{name}`"),
            };
            let versions = match until {
                NO_END => format!("{since} and later"),
                _ => format!("{since} to {}", until - 1),
            };
            [name, format!("`{number}`"), versions]
        });
    table(["setting", "number", "Wasmtime"], rows)
}

/// The releases of a host.
fn releases(host: &Host) -> String {
    let versions = host.since..=WasmtimeVersion::NEWEST;
    let rows: Vec<_> = versions
        .filter_map(|major| Some([major.to_string(), host.release(major)?.to_owned()]))
        .collect();
    match rows.is_empty() {
        true => String::new(),
        false => format!("\n{}", table(["Wasmtime", "release"], rows)),
    }
}

#[test]
fn the_page_is_current() {
    let kinds = HOSTS.iter().map(|host| {
        let (kind, about) = host.emit;
        [
            format!("[`{kind}`](#{kind})"),
            about.to_owned(),
            format!("{} and later", host.since),
        ]
    });
    let mut text = format!(
        "{INTRODUCTION}\n{}",
        table(["KIND", "what it is", "Wasmtime"], kinds)
    );
    for host in HOSTS {
        text += &format!(
            "\n## {}\n\n{}{}",
            host.emit.0,
            settings(host),
            releases(host)
        );
    }
    is_current(
        PATH,
        &page("Hosts of Wasmtime", "the tables of the hosts", &text),
    );
}

/// Where docs/board.md says on which Wasmtime a release is built, it says what the tables do.
#[test]
fn the_page_of_the_board_names_the_releases_of_the_tables() {
    let board = std::fs::read_to_string(file("docs/board.md")).expect("the page of the board");
    let mut sentences = board.split("built on Wasmtime ");
    let mut before = sentences.next().unwrap_or_default();
    let mut count = 0;
    for after in sentences {
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        let major: u32 = digits.parse().expect("a version");
        let said = before.lines().last().unwrap_or_default();
        let is_said = |host: &&Host| {
            let release = host.release(major);
            release.is_some_and(|release| said.contains(release))
        };
        assert!(
            HOSTS.iter().copied().any(|host| is_said(&host)),
            "{said} {major}"
        );
        before = after;
        count += 1;
    }
    assert!(count >= 3);
}
