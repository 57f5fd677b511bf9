//! Sizes as they are written, and read: a number with a binary unit.

use core::fmt;

use crate::base::consts::{debug_like_display, equal};
use crate::base::size::Size;

const UNITS: [(&str, u64); 7] = [
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
];

const DECIMAL: [(&str, &str); 16] = [
    ("KB", "KiB"),
    ("kB", "KiB"),
    ("kb", "KiB"),
    ("K", "KiB"),
    ("k", "KiB"),
    ("MB", "MiB"),
    ("mb", "MiB"),
    ("M", "MiB"),
    ("m", "MiB"),
    ("GB", "GiB"),
    ("gb", "GiB"),
    ("G", "GiB"),
    ("g", "GiB"),
    ("TB", "TiB"),
    ("tb", "TiB"),
    ("T", "TiB"),
];

/// Splits `4 GiB` into 4 and `GiB`; the number is `None` if it is above 2^64 - 1, and
/// underscores may stand between digits as in TOML.
const fn split_number(text: &str) -> Option<(Option<u64>, &[u8])> {
    let mut rest = text.trim_ascii().as_bytes();
    let mut number = Some(0u64);
    let mut digits = false;
    while let [first, tail @ ..] = rest {
        if first.is_ascii_digit() {
            digits = true;
            let digit: u8 = *first - b'0';
            number = match number {
                Some(value) => match value.checked_mul(10) {
                    Some(value) => value.checked_add(widen(digit)),
                    None => None,
                },
                None => None,
            };
        } else if !(*first == b'_' && digits) {
            break;
        }
        rest = tail;
    }
    if digits {
        Some((number, rest.trim_ascii_start()))
    } else {
        None
    }
}

/// `u64::from` for const code.
const fn widen(digit: u8) -> u64 {
    u64::from_le_bytes([digit, 0, 0, 0, 0, 0, 0, 0])
}

impl Size {
    /// The size of a text with a fraction, such as `1.5GiB`; `None` if it is not a size, or not a whole number of
    /// bytes.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::Size;
    /// assert_eq!(Size::of_fraction("1.5GiB"), Some(Size::mib(1536)));
    /// assert_eq!(Size::of_fraction("0.1KiB"), None);
    /// ```
    #[doc(hidden)]
    #[must_use]
    pub fn of_fraction(text: &str) -> Option<Self> {
        let (whole, rest) = text.trim().split_once('.')?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (fraction, unit) = rest.split_at_checked(digits)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
        let scale = 10u64.checked_pow(u32::try_from(digits).ok()?)?;
        let parts: u64 = fraction.parse().ok()?;
        let parts = parts.checked_mul(*factor)?;
        if parts % scale != 0 {
            return None;
        }
        let whole: u64 = whole.parse().ok()?;
        let bytes = whole.checked_mul(*factor)?.checked_add(parts / scale)?;
        Some(Self::bytes(bytes))
    }

    /// The units that [`parse`](Self::parse) reads, the smallest first.
    #[doc(hidden)]
    pub fn units() -> impl Iterator<Item = &'static str> {
        UNITS.iter().skip(1).map(|(name, _)| *name)
    }

    /// Reads an integer of bytes or a number with a binary unit, such as `256MiB` or `4 GiB`. Outside of const code
    /// `text.parse()` does the same.
    ///
    /// # Errors
    /// [`SizeError`] says which part is wrong.
    pub const fn parse(text: &str) -> Result<Self, SizeError> {
        let (number, unit) = match split_number(text) {
            Some(parts) => parts,
            None => return Err(SizeError::NoNumber),
        };
        let number = match number {
            Some(number) => number,
            None => return Err(SizeError::TooLarge),
        };
        let mut i = 0;
        while i < UNITS.len() {
            if equal(unit, UNITS[i].0.as_bytes()) {
                return match number.checked_mul(UNITS[i].1) {
                    Some(bytes) if bytes <= Self::LARGEST.get() => Ok(Self::bytes(bytes)),
                    _ => Err(SizeError::TooLarge),
                };
            }
            i += 1;
        }
        let mut i = 0;
        while i < DECIMAL.len() {
            if equal(unit, DECIMAL[i].0.as_bytes()) {
                return Err(SizeError::DecimalUnit {
                    binary: DECIMAL[i].1,
                });
            }
            i += 1;
        }
        Err(match unit {
            [b'.', digit, ..] if digit.is_ascii_digit() => SizeError::Fraction,
            // The units above PiB: no number of them is an address space.
            [b'E' | b'Z' | b'Y', b'B'] | [b'E' | b'Z' | b'Y', b'i', b'B'] => SizeError::TooLarge,
            _ => SizeError::UnknownUnit,
        })
    }
}

impl core::str::FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        Self::parse(text)
    }
}

/// What is wrong with the text of a size.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Size, SizeError};
/// assert_eq!("4GB".parse::<Size>(), Err(SizeError::DecimalUnit { binary: "GiB" }));
/// assert_eq!(SizeError::Fraction.to_string(), "fractions are not supported");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SizeError {
    /// It does not start with a whole number.
    NoNumber,
    /// It is above [`Size::LARGEST`], or its unit is above PiB.
    TooLarge,
    /// It has a decimal unit such as `GB`; `binary` is the binary one that is closest.
    DecimalUnit {
        /// The binary unit to write instead.
        binary: &'static str,
    },
    /// Its unit is unknown.
    UnknownUnit,
    /// Its number has a fraction, such as `1.5GiB`.
    Fraction,
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNumber => {
                f.write_str("expected a number of bytes, or a number with a binary unit")
            }
            Self::TooLarge => f.write_str("larger than any address space"),
            Self::DecimalUnit { binary } => {
                write!(f, "decimal units are not supported; write `{binary}`")
            }
            Self::UnknownUnit => f.write_str("unknown unit; expected B, KiB, MiB, GiB, TiB or PiB"),
            Self::Fraction => f.write_str("fractions are not supported"),
        }
    }
}

debug_like_display!(SizeError);
