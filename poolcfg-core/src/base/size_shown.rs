//! Sizes as a person reads them: exact, or as a need or a supply in hundredths of a binary unit.

use core::fmt;

use crate::base::size::Size;
use crate::base::text::Text;

const EXACT: [(&str, u64); 5] = [
    ("PiB", 1 << 50),
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];

impl Size {
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
        match self.whole() {
            (count, Some(unit)) => Text::new().u64(count).str(unit),
            (bytes, None) => Text::new().u64(bytes).str("B"),
        }
    }

    /// The same as a sentence has it, which is not to be typed into a file.
    ///
    /// ```
    /// # use poolcfg_core as poolcfg_runtime;
    /// use poolcfg_runtime::Size;
    /// assert_eq!(Size::mib(256).exactly().as_str(), "256 MiB");
    /// assert_eq!(Size::bytes(4097).exactly().as_str(), "4097 bytes");
    /// ```
    #[must_use]
    pub const fn exactly(self) -> Text {
        match self.whole() {
            (count, Some(unit)) => Text::new().u64(count).str(" ").str(unit),
            (1, None) => Text::new().str("1 byte"),
            (bytes, None) => Text::new().u64(bytes).str(" bytes"),
        }
    }

    /// How many of the largest unit that divides it, or bytes.
    const fn whole(self) -> (u64, Option<&'static str>) {
        let mut i = 0;
        while i < EXACT.len() {
            let (name, unit) = EXACT[i];
            if self.get() != 0 && self.get() % unit == 0 {
                return (self.get() / unit, Some(name));
            }
            i += 1;
        }
        (self.get(), None)
    }
}

impl Text {
    /// Appends a size as it stands in poolcfg.toml: see [`Size::exact`].
    pub(crate) const fn exact(self, size: Size) -> Self {
        self.text(&size.exact())
    }

    /// Appends a size as a sentence has it: see [`Size::exactly`].
    pub(crate) const fn exactly(self, size: Size) -> Self {
        self.text(&size.exactly())
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
        let bytes = self.size.get();
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
