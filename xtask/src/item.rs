//! Items: the things that the set-up fetches or builds, each once, into the cache.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use crate::cache;
use crate::debian;

/// One thing of the set-up.
pub(crate) struct Item {
    /// What it is.
    pub name: &'static str,
    /// Megabytes to fetch.
    pub megabytes: u32,
    /// Minutes of one processor to build it.
    pub minutes: u32,
    /// Megabytes that it takes in the cache.
    pub disk: u32,
    /// Whether it is there already.
    pub held: fn() -> Result<bool, String>,
    /// Fetches or builds it. What an earlier try that was broken off has done is done again or used.
    pub make: fn() -> Result<(), String>,
    /// Where packages of Debian are unpacked for it; `None` if it has none.
    pub unpacked: Option<fn() -> Result<PathBuf, String>>,
}

impl Item {
    /// Whether it was made from the second choice of a source, so long ago that the first has to be tried again.
    fn is_due(&self) -> Result<bool, String> {
        self.unpacked
            .map_or(Ok(false), |folder| Ok(debian::is_due(&folder()?)))
    }

    /// Tries the first choice of a source again. What is there is used as it is when nothing comes of it.
    fn make_again(&self) -> Result<(), String> {
        let Err(error) = (self.make)() else {
            return Ok(());
        };
        eprintln!("note: {}: used as it is: {error}", self.name);
        self.unpacked
            .map_or(Ok(()), |folder| debian::put_off(&folder()?))
    }

    /// What was passed over when it was made.
    pub(crate) fn passed_over(&self) -> Result<Vec<String>, String> {
        self.unpacked
            .map_or(Ok(Vec::new()), |folder| Ok(debian::passed_over(&folder()?)))
    }
}

/// Makes those that are not there, in order, and says how far it is.
pub(crate) fn make(items: &[&Item]) -> Result<(), String> {
    for item in items {
        if (item.held)()? && item.is_due()? {
            item.make_again()?;
        }
    }
    if missing(items)?.is_empty() {
        return Ok(());
    }
    let _lock = cache::lock(&cache::folder()?)?;
    // Another run may have made them meanwhile.
    let missing = missing(items)?;
    eprintln!(
        "set-up of `{}`: {} of {} things are there; left are {}",
        cache::folder()?.display(),
        items.len() - missing.len(),
        items.len(),
        amount(&missing)
    );
    for (done, item) in missing.iter().enumerate() {
        progress(done, &missing);
        (item.make)().map_err(|error| format!("{}: {error}", item.name))?;
        if !(item.held)()? {
            return Err(format!("{} is made and not there", item.name));
        }
    }
    progress(missing.len(), &missing);
    Ok(())
}

/// Those that are not there.
fn missing<'i>(items: &[&'i Item]) -> Result<Vec<&'i Item>, String> {
    let mut missing = Vec::new();
    for item in items {
        if !(item.held)()? {
            missing.push(*item);
        }
    }
    Ok(missing)
}

/// What a list of items takes.
fn amount(items: &[&Item]) -> String {
    let megabytes: u32 = items.iter().map(|item| item.megabytes).sum();
    let minutes: u32 = items.iter().map(|item| item.minutes).sum();
    let disk: u32 = items.iter().map(|item| item.disk).sum();
    let fetched = format!("{megabytes} MB to fetch, {disk} MB of disk");
    match minutes {
        0 => fetched,
        _ => format!("{fetched}, {minutes} minutes of one processor to build"),
    }
}

const BAR: usize = 30;

/// A line before each item: a bar on a terminal, plain numbers elsewhere.
fn progress(done: usize, items: &[&Item]) {
    let mut stderr = std::io::stderr();
    let left = items.get(done..).unwrap_or_default();
    let what = match left.first() {
        Some(item) => format!("{}; left: {}", item.name, amount(left)),
        None => "the set-up is complete".to_owned(),
    };
    let count = items.len();
    // Nothing can be done for a terminal that takes no text.
    let _ = if stderr.is_terminal() {
        let full = BAR * done / count.max(1);
        writeln!(
            stderr,
            "[{}{}] {done} of {count}: {what}",
            "#".repeat(full),
            " ".repeat(BAR - full)
        )
    } else {
        writeln!(stderr, "set-up: {done} of {count} done: {what}")
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELD: Item = Item {
        name: "a thing that is there",
        megabytes: 7,
        minutes: 0,
        disk: 9,
        held: || Ok(true),
        make: || Err("made again".to_owned()),
        unpacked: None,
    };

    #[test]
    fn what_is_there_is_not_made_again_and_what_is_made_has_to_be_there() {
        assert_eq!(make(&[&HELD]), Ok(()));
        let broken = Item {
            held: || Ok(false),
            make: || Ok(()),
            ..HELD
        };
        assert!(make(&[&HELD, &broken]).is_err());
    }

    #[test]
    fn what_is_left_is_told() {
        assert_eq!(amount(&[&HELD, &HELD]), "14 MB to fetch, 18 MB of disk");
        let built = Item {
            minutes: 20,
            ..HELD
        };
        assert_eq!(
            amount(&[&HELD, &built]),
            "14 MB to fetch, 18 MB of disk, 20 minutes of one processor to build"
        );
    }
}
