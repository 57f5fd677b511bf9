//! Sizes of address space: a type, so that bytes are never mixed with counts, with checked
//! arithmetic, parsing and display in binary units.

use crate::base::consts::{debug_like_display, equal};
use core::fmt;

use crate::base::text::Text;

/// The largest page size that a Linux kernel uses, and the size of a WebAssembly page: the grain
/// of every reservation, so that one plan holds on kernels with 4, 16 and 64 KiB pages.
///
/// Sources: arch/arm64/Kconfig and arch/powerpc/Kconfig (`*_64K_PAGES`); the WebAssembly core
/// specification, "Memory Instances".
pub const GRAIN: Size = Size::kib(64);

/// A number of bytes of the target's address space.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::Size;
/// let slot = Size::gib(4).checked_add(Size::mib(32)).unwrap();
/// let all = slot.checked_mul(60).unwrap();
/// assert_eq!((slot.to_string(), all.to_string()), ("4.03 GiB".to_owned(), "241.88 GiB".to_owned()));
/// assert_eq!(Size::tib(1).min(all).saturating_sub(all), Size::ZERO);
/// assert_eq!(Size::ZERO.is_zero(), Size::ZERO.get() == 0);
///
/// let page = Size::kib(4);
/// assert_eq!(Size::bytes(4097).round_up(page), Some(Size::kib(8)));
/// assert_eq!(Size::bytes(4097).round_down(page), page);
/// assert!(slot.is_multiple_of(page));
///
/// assert_eq!("32MiB".parse(), Ok(Size::mib(32)));
/// const FROM_TEXT: Size = match Size::parse("4 GiB") {
///     Ok(size) => size,
///     Err(_) => panic!("not a size"),
/// };
/// assert_eq!(FROM_TEXT, Size::gib(4));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Size {
    /// 0 bytes.
    pub const ZERO: Self = Self(0);

    /// The largest address space, 2^57 bytes: no processor has more bits of an address (x86_64 with five levels, sv57).
    /// No text of a larger size is read.
    #[doc(hidden)]
    pub const LARGEST: Self = Self(1 << 57);

    /// This many bytes.
    #[must_use]
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// This many KiB; for constants, so an overflow stops the build.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count * (1 << 10))
    }

    /// This many MiB; for constants, so an overflow stops the build.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count * (1 << 20))
    }

    /// This many GiB; for constants, so an overflow stops the build.
    #[must_use]
    pub const fn gib(count: u64) -> Self {
        Self(count * (1 << 30))
    }

    /// This many TiB; for constants, so an overflow stops the build.
    #[must_use]
    pub const fn tib(count: u64) -> Self {
        Self(count * (1 << 40))
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether it is 0 bytes.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or `None` if it is above 2^64 - 1 bytes.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The product, or `None` if it is above 2^64 - 1 bytes.
    #[must_use]
    pub const fn checked_mul(self, count: u64) -> Option<Self> {
        match self.0.checked_mul(count) {
            Some(product) => Some(Self(product)),
            None => None,
        }
    }

    /// The difference, or 0 bytes if the other is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Rounded up to a multiple of `grain`, or `None` if that is above 2^64 - 1 bytes.
    /// A grain of 0 bytes changes nothing.
    #[must_use]
    pub const fn round_up(self, grain: Self) -> Option<Self> {
        if grain.0 == 0 {
            return Some(self);
        }
        match self.0.checked_next_multiple_of(grain.0) {
            Some(rounded) => Some(Self(rounded)),
            None => None,
        }
    }

    /// Rounded down to a multiple of `grain`. A grain of 0 bytes changes nothing.
    #[must_use]
    pub const fn round_down(self, grain: Self) -> Self {
        if grain.0 == 0 {
            return self;
        }
        Self(self.0 - self.0 % grain.0)
    }

    /// Whether this is a multiple of `grain`.
    #[must_use]
    pub const fn is_multiple_of(self, grain: Self) -> bool {
        // The standard library's own is of Rust 1.87.
        match self.0.checked_rem(grain.0) {
            Some(rest) => rest == 0,
            None => self.0 == 0,
        }
    }

    /// The smaller of two sizes.
    #[must_use]
    pub const fn min(self, other: Self) -> Self {
        if self.0 < other.0 { self } else { other }
    }

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
        Some(Self(bytes))
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
                    Some(bytes) if bytes <= Self::LARGEST.0 => Ok(Self(bytes)),
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

    /// The size as a need: rounded up to hundredths of its unit.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::Size;
    /// assert_eq!(Size::bytes((4 << 30) + 1).needed().to_string(), "4.01 GiB");
    /// assert_eq!(Size::bytes((1 << 30) - 1).needed().to_string(), "1.00 GiB");
    /// ```
    #[must_use]
    pub const fn needed(self) -> SizeText {
        SizeText::new(self, Rounding::Up)
    }

    /// The size as a supply: rounded down to hundredths of its unit.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::Size;
    /// assert_eq!(Size::bytes((4 << 30) + 1).available().to_string(), "4.00 GiB");
    /// ```
    #[must_use]
    pub const fn available(self) -> SizeText {
        SizeText::new(self, Rounding::Down)
    }

    /// The size as poolcfg.toml has it: exact, in the largest binary unit that divides it.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::Size;
    /// assert_eq!(Size::mib(256).exact().as_str(), "256MiB");
    /// assert_eq!(Size::bytes(4097).exact().as_str(), "4097B");
    /// ```
    #[must_use]
    pub const fn exact(self) -> Text {
        let mut i = 0;
        while i < EXACT.len() {
            let (name, unit) = EXACT[i];
            if self.0 != 0 && self.0 % unit == 0 {
                return Text::new().u64(self.0 / unit).str(name);
            }
            i += 1;
        }
        Text::new().u64(self.0).str("B")
    }
}

impl core::str::FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        Self::parse(text)
    }
}

impl Text {
    /// Appends a size as it stands in poolcfg.toml: see [`Size::exact`].
    pub(crate) const fn exact(self, size: Size) -> Self {
        self.text(&size.exact())
    }

    /// Appends a size as a supply: see [`Size::available`].
    pub(crate) const fn available(self, size: Size) -> Self {
        size.available().write(self)
    }

    /// Appends a size as a need: see [`Size::needed`].
    pub(crate) const fn needed(self, size: Size) -> Self {
        size.needed().write(self)
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

const UNITS: [(&str, u64); 7] = [
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
];

const EXACT: [(&str, u64); 5] = [
    ("PiB", 1 << 50),
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rounding {
    Up,
    Down,
    Nearest,
}

/// A size as a person reads it: at most two decimals and a binary unit.
///
/// ```
/// # use poolcfg_core as poolcfg_runtime;
/// use poolcfg_runtime::{Size, SizeText};
/// let text: SizeText = Size::mib(1536).needed();
/// assert_eq!(format!("{text:>9}"), " 1.50 GiB");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeText {
    size: Size,
    rounding: Rounding,
}

impl SizeText {
    const fn new(size: Size, rounding: Rounding) -> Self {
        Self { size, rounding }
    }

    /// Appends the size to a const text.
    #[doc(hidden)]
    #[must_use]
    pub const fn write(self, text: Text) -> Text {
        let bytes = self.size.0;
        let mut i = 0;
        while i < EXACT.len() {
            let (name, unit) = EXACT[i];
            if bytes >= unit {
                if bytes % unit == 0 {
                    return text.u64(bytes / unit).str(" ").str(name);
                }
                let whole = bytes / unit;
                // The rest is below 2^50, so a hundred of it is below 2^57.
                let rest = bytes % unit * 100;
                let hundredths = match self.rounding {
                    Rounding::Up => rest.div_ceil(unit),
                    Rounding::Down => rest / unit,
                    Rounding::Nearest => (rest + unit / 2) / unit,
                };
                let hundredths = whole * 100 + hundredths;
                // Rounded up to the next unit.
                if hundredths == 1024 * 100 && i > 0 {
                    return text.hundredths(100).str(" ").str(EXACT[i - 1].0);
                }
                return text.hundredths(hundredths).str(" ").str(name);
            }
            i += 1;
        }
        text.u64(bytes)
            .str(if bytes == 1 { " byte" } else { " bytes" })
    }
}

impl fmt::Display for SizeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.write(Text::new()).as_str())
    }
}

/// To the nearest hundredth of the largest binary unit; where a need meets a supply,
/// [`Size::needed`] and [`Size::available`] keep the two apart.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SizeText::new(*self, Rounding::Nearest).fmt(f)
    }
}
