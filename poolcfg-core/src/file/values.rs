//! Values: what an entry holds, read into the types of the model, with every mistake noted.

use crate::base::code::Code;
use crate::base::size::Size;
use crate::base::size_read::SizeError;
use crate::file::nearest;
use crate::file::notes::{Entry, Notes, list};
use crate::setting::{Key, ProtectionKeys, Setting, Switch};
use crate::target::process::MOST_MAPS;
use crate::target::shape::{Aslr, StackLimit};

impl Notes<'_> {
    /// A whole number from 0 to 2^32 - 1.
    pub(super) fn count(&mut self, entry: &Entry<'_>) -> Key<u32> {
        let Some(number) = entry.item.as_integer() else {
            let quoted = entry.item.as_str().and_then(|text| {
                let number: u32 = text.trim().parse().ok()?;
                Some(format!("write `{} = {number}`, without quotes", entry.key))
            });
            let help =
                quoted.unwrap_or_else(|| format!("write a number such as `{} = 1000`", entry.key));
            self.wrong_type(entry, "an integer", Some(help));
            return None;
        };
        if let Ok(number) = u32::try_from(number) {
            return Some(self.setting(entry, number));
        }
        let most = match entry.key {
            "max_map_count" => MOST_MAPS.to_string(),
            _ => "2^32 - 1".to_owned(),
        };
        let help = format!("expected a whole number up to {most}");
        self.out_of_range(entry, number < 0, &most, help);
        None
    }

    fn out_of_range(&mut self, entry: &Entry<'_>, negative: bool, most: &str, help: String) {
        self.mistake(
            Code::WrongType,
            &entry.span,
            format!(
                "`{}` is {}",
                entry.key,
                if negative {
                    "below zero".to_owned()
                } else {
                    format!("above {most}")
                }
            ),
            "out of range",
            Some(help),
        );
    }

    /// A size: an integer of bytes, or a text such as `"4GiB"`.
    pub(super) fn size(&mut self, entry: &Entry<'_>) -> Key<Size> {
        if let Some(bytes) = entry.item.as_integer() {
            match u64::try_from(bytes).map(Size::bytes) {
                Ok(size) if size <= Size::LARGEST => return Some(self.setting(entry, size)),
                Ok(_) => self.bad_size(entry, &bytes.to_string(), SizeError::TooLarge),
                Err(_) => {
                    let most = format!("2^{} bytes", Size::LARGEST.get().ilog2());
                    let help = format!("expected a whole number up to {most}");
                    self.out_of_range(entry, true, &most, help);
                }
            }
            return None;
        }
        let Some(text) = entry.item.as_str() else {
            let help = format!(
                "write an integer of bytes or a text such as `{} = \"4GiB\"`",
                entry.key
            );
            self.wrong_type(entry, "a size", Some(help));
            return None;
        };
        match Size::parse(text) {
            Ok(size) => Some(self.setting(entry, size)),
            Err(error) => {
                self.bad_size(entry, text, error);
                None
            }
        }
    }

    /// A limit of the process: a size, or `"unlimited"`.
    pub(super) fn limit(&mut self, entry: &Entry<'_>) -> Key<Option<Size>> {
        match entry.item.as_str() {
            Some("unlimited") => Some(self.setting(entry, None)),
            // A word that was meant to be this one, and no size that lacks its number.
            Some(text) if !text.contains(|c: char| c.is_ascii_digit()) => {
                self.mistake(
                    Code::UnknownWord,
                    &entry.span,
                    format!("invalid value `\"{text}\"` for `{}`", entry.key),
                    "unknown value",
                    Some("expected `\"unlimited\"` or a size such as `\"64GiB\"`".to_owned()),
                );
                None
            }
            _ => {
                let Setting { value, place } = self.size(entry)?;
                Some(Setting {
                    value: Some(value),
                    place,
                })
            }
        }
    }

    fn bad_size(&mut self, entry: &Entry<'_>, text: &str, error: SizeError) {
        let number = text.trim().trim_end_matches(|c: char| !c.is_ascii_digit());
        let help = match error {
            SizeError::DecimalUnit { binary } => format!("write `\"{number}{binary}\"`"),
            SizeError::UnknownUnit => {
                let unit = text.trim().get(number.len()..).unwrap_or_default().trim();
                match nearest(unit, Size::units()) {
                    Some(near) => format!("did you mean `\"{number}{near}\"`?"),
                    None => "write a binary unit, such as `\"256MiB\"` or `\"4GiB\"`".to_owned(),
                }
            }
            SizeError::NoNumber => "write a number and a unit, such as `\"256MiB\"`".to_owned(),
            SizeError::Fraction => match Size::of_fraction(text) {
                Some(size) => format!("write `\"{}\"`", size.exact().as_str()),
                None => "write a whole number of a smaller unit, such as `\"1536MiB\"`".to_owned(),
            },
            SizeError::TooLarge => format!(
                "no address space is that large; the largest is `\"{}\"`",
                Size::LARGEST.exact().as_str()
            ),
        };
        self.mistake(
            Code::BadSize,
            &entry.span,
            format!("invalid size `{text}` for `{}`: {error}", entry.key),
            match error {
                SizeError::DecimalUnit { .. } => "decimal unit",
                SizeError::UnknownUnit => "unknown unit",
                SizeError::NoNumber => "no number",
                SizeError::Fraction => "not a whole number",
                SizeError::TooLarge => "too large",
            },
            Some(help),
        );
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        entry: &Entry<'_>,
        known: &[T],
        word: impl Fn(T) -> &'static str,
    ) -> Key<T> {
        let words = || known.iter().map(|value| word(*value));
        let Some(text) = entry.item.as_str() else {
            let help = Some(format!("expected one of {}", list(words())));
            self.wrong_type(entry, "a string", help);
            return None;
        };
        if let Some(value) = known.iter().find(|value| word(**value) == text) {
            return Some(self.setting(entry, *value));
        }
        let help = format!("expected one of {}", list(words()));
        self.unknown_word(entry, text, nearest(text, words()), help);
        None
    }

    /// A word that the key does not know. `known` says which it does.
    fn unknown_word(&mut self, entry: &Entry<'_>, text: &str, near: Option<&str>, known: String) {
        let help = match (near, known.split_at_checked(1)) {
            (Some(near), Some((first, rest))) => {
                let known = first.to_ascii_uppercase() + rest;
                format!("did you mean `\"{near}\"`? {known}")
            }
            _ => known,
        };
        self.mistake(
            Code::UnknownWord,
            &entry.span,
            format!("invalid value `\"{text}\"` for `{}`", entry.key),
            "unknown value",
            Some(help),
        );
    }

    /// How far ASLR reaches: a word, or a number of bits.
    pub(super) fn aslr(&mut self, entry: &Entry<'_>) -> Key<Aslr> {
        let help = || "expected `\"maximum\"`, `\"minimum\"` or a number of bits".to_owned();
        if let Some(number) = entry.item.as_integer() {
            // More bits than an address has are refused for any architecture.
            let bits = u32::try_from(number).ok().filter(|bits| *bits <= 64);
            if bits.is_none() {
                // How many bits an architecture has, the profile knows.
                let help = format!("{}, as `sysctl vm.mmap_rnd_bits` prints it", help());
                self.out_of_range(entry, number < 0, "64", help);
            }
            return bits.map(|bits| self.setting(entry, Aslr::Bits(bits)));
        }
        let Some(text) = entry.item.as_str() else {
            self.wrong_type(entry, "a string or a number of bits", Some(help()));
            return None;
        };
        match Aslr::from_text(text) {
            Some(Aslr::Bits(bits)) => {
                let help = format!("write `{} = {bits}`, without quotes", entry.key);
                self.wrong_type(entry, "a number of bits", Some(help));
                None
            }
            Some(aslr) => Some(self.setting(entry, aslr)),
            None => {
                let near = nearest(text, ["maximum", "minimum"].into_iter());
                self.unknown_word(entry, text, near, help());
                None
            }
        }
    }

    /// A stack limit: a word, or a size.
    pub(super) fn stack_limit(&mut self, entry: &Entry<'_>) -> Key<StackLimit> {
        let help =
            || "expected `\"finite\"`, `\"unlimited\"` or a size such as `\"1GiB\"`".to_owned();
        let Some(text) = entry.item.as_str() else {
            if entry.item.as_integer().is_none() {
                self.wrong_type(entry, "a string or a size", Some(help()));
                return None;
            }
            let setting = self.size(entry)?;
            return Some(Setting {
                value: StackLimit::UpTo(setting.value),
                place: setting.place,
            });
        };
        match StackLimit::from_text(text) {
            Ok(limit) => Some(self.setting(entry, limit)),
            Err(SizeError::NoNumber) => {
                let near = nearest(text, ["finite", "unlimited"].into_iter());
                self.unknown_word(entry, text, near, help());
                None
            }
            Err(error) => {
                self.bad_size(entry, text, error);
                None
            }
        }
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, entry: &Entry<'_>) -> Key<bool> {
        let Some(flag) = entry.item.as_bool() else {
            let key = entry.key;
            let help = match entry.item.as_str().map(|text| truth(text.trim())) {
                Some(Some(flag)) => format!("write `{key} = {flag}`, without quotes"),
                Some(None) => format!("write `{key} = true` or `{key} = false`, without quotes"),
                None => format!("write `{key} = true` or `{key} = false`"),
            };
            self.wrong_type(entry, "`true` or `false`", Some(help));
            return None;
        };
        Some(self.setting(entry, flag))
    }

    /// A number, or `"auto"`.
    pub(super) fn protection_keys(&mut self, entry: &Entry<'_>) -> Key<ProtectionKeys> {
        let help = || {
            let most = ProtectionKeys::MOST;
            format!("expected `\"auto\"` or a number from 0 to {most}")
        };
        match entry.item.as_str() {
            Some("auto") => Some(self.setting(entry, ProtectionKeys::Auto)),
            Some(text) if text.trim().parse::<u32>().is_err() => {
                let near = nearest(text, ["auto"].into_iter());
                self.unknown_word(entry, text, near, help());
                None
            }
            None if entry.item.as_integer().is_none() => {
                self.wrong_type(entry, "`\"auto\"` or an integer", Some(help()));
                None
            }
            _ => {
                let Setting { value, place } = self.count(entry)?;
                Some(Setting {
                    value: ProtectionKeys::Count(value),
                    place,
                })
            }
        }
    }

    /// Yes, no, or `"auto"`.
    pub(super) fn switch(&mut self, entry: &Entry<'_>) -> Key<Switch> {
        let switch = match (entry.item.as_bool(), entry.item.as_str()) {
            (Some(true), _) => Switch::On,
            (Some(false), _) => Switch::Off,
            (None, Some("auto")) => Switch::Auto,
            (None, Some(text)) => {
                let help = "expected `\"auto\"`, or `true` or `false` without quotes".to_owned();
                self.mistake(
                    Code::UnknownWord,
                    &entry.span,
                    format!(
                        "invalid value `\"{}\"` for `{}`",
                        text.escape_default(),
                        entry.key
                    ),
                    "unknown value",
                    Some(help),
                );
                return None;
            }
            (None, None) => {
                let key = entry.key;
                let help = format!("write `{key} = \"auto\"`, `{key} = true` or `{key} = false`");
                self.wrong_type(entry, "`\"auto\"`, `true` or `false`", Some(help));
                return None;
            }
        };
        Some(self.setting(entry, switch))
    }

    /// A text.
    pub(super) fn text(&mut self, entry: &Entry<'_>) -> Key<String> {
        let Some(text) = entry.item.as_str() else {
            let help = format!("write a name in quotes, such as `{} = \"NAME\"`", entry.key);
            self.wrong_type(entry, "a string", Some(help));
            return None;
        };
        Some(self.setting(entry, text.to_owned()))
    }
}

/// What a word for yes or no means; `None` for any other.
fn truth(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}
