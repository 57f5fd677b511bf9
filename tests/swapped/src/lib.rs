//! What programs share that put pages of their own into swap and look for what is left of them in a slot that
//! others had before: of our own pool, of Wasmtime's C library, and of an embedder, which has a workspace of its own.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::process::Command;
use std::str::FromStr;

/// Bytes of a page of x86_64.
pub const PAGE: usize = 4096;

/// What every byte of a slot is when its owner is done.
pub const PATTERN: u8 = 0x5a;

/// The program that puts pages into swap.
const SWAP: &str = "/swap";

/// Has pages of this process put into swap, by `page-out` or by `pressure`, and again while `left` counts some that
/// are not there: under pressure the kernel chooses what goes. Gives how many are left.
///
/// # Errors
/// What the program says that does it.
pub fn swap_out(
    way: &str,
    mut left: impl FnMut() -> Result<usize, String>,
) -> Result<usize, String> {
    const TRIES: u32 = 8;
    for _ in 1..TRIES {
        put_out(way)?;
        if left()? == 0 {
            return Ok(0);
        }
    }
    put_out(way)?;
    left()
}

fn put_out(way: &str) -> Result<(), String> {
    let process = std::process::id().to_string();
    let output = Command::new(SWAP)
        .args([way, &process])
        .output()
        .map_err(|error| format!("{SWAP}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{SWAP} {way}: {}: {said}", output.status))
}

/// How many of the pages of these bytes are not in swap; the bytes are not looked at.
///
/// # Errors
/// When /proc/self/pagemap cannot be read.
pub fn not_in_swap(bytes: &[u8]) -> Result<usize, String> {
    let swapped = in_swap(bytes).map_err(|error| format!("/proc/self/pagemap: {error}"))?;
    Ok(bytes.len() / PAGE - swapped)
}

fn in_swap(bytes: &[u8]) -> io::Result<usize> {
    // Documentation/admin-guide/mm/pagemap.rst.
    const SWAPPED: u64 = 1 << 62;
    const ENTRY: usize = size_of::<u64>();
    let first = bytes.as_ptr().addr() / PAGE;
    let mut entries = vec![0; bytes.len() / PAGE * ENTRY];
    let mut pagemap = File::open("/proc/self/pagemap")?;
    let offset = u64::try_from(first * ENTRY).map_err(io::Error::other)?;
    pagemap.seek(SeekFrom::Start(offset))?;
    pagemap.read_exact(&mut entries)?;
    let (entries, _) = entries.as_chunks::<ENTRY>();
    let swapped = |entry: &&[u8; ENTRY]| u64::from_ne_bytes(**entry) & SWAPPED != 0;
    Ok(entries.iter().filter(swapped).count())
}

/// How many pages of these bytes are not as they have to be.
#[must_use]
pub fn stale(bytes: &[u8], expected: &[u8]) -> usize {
    let pages = bytes.chunks(PAGE).zip(expected.chunks(PAGE));
    pages.filter(|(page, expected)| page != expected).count()
}

/// What a program found: a line that the test reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Pages that the owner before wrote to.
    pub written: usize,
    /// How many of them were in swap when it was done.
    pub swapped: usize,
    /// How many of them its successor did not find as new.
    pub stale: usize,
    /// How many elements of the table its successor did not find as new.
    pub elements: usize,
}

const WORDS: [&str; 4] = ["written", "in swap", "stale", "stale elements"];

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = [self.written, self.swapped, self.stale, self.elements];
        for (number, (word, number_of)) in WORDS.iter().zip(numbers).enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(f, "{comma}{number_of} {word}")?;
        }
        Ok(())
    }
}

impl FromStr for Found {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.trim_end().split(", ");
        let numbers = WORDS.map(|word| {
            let number = parts.next()?.strip_suffix(word)?.strip_suffix(' ')?;
            number.parse().ok()
        });
        let [Some(written), Some(swapped), Some(stale), Some(elements)] = numbers else {
            return Err(format!("expected what a program found, found `{text}`"));
        };
        Ok(Self {
            written,
            swapped,
            stale,
            elements,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_read_as_it_is_written() {
        let found = Found {
            written: 512,
            swapped: 511,
            stale: 3,
            elements: 20_000,
        };
        let text = "512 written, 511 in swap, 3 stale, 20000 stale elements";
        assert_eq!(found.to_string(), text);
        assert_eq!(format!("{text}\n").parse(), Ok(found));
        assert!(
            "512 written, 511 in swap, 3 stale"
                .parse::<Found>()
                .is_err()
        );
    }

    #[test]
    fn pages_that_differ_are_counted() {
        let mut bytes = vec![0; 3 * PAGE];
        let expected = bytes.clone();
        assert_eq!(stale(&bytes, &expected), 0);
        bytes[PAGE - 1] = 1;
        bytes[2 * PAGE] = 1;
        assert_eq!(stale(&bytes, &expected), 2);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn pages_that_are_in_use_are_not_in_swap() {
        let bytes = vec![PATTERN; 4 * PAGE];
        assert_eq!(not_in_swap(&bytes), Ok(bytes.len() / PAGE));
    }
}
