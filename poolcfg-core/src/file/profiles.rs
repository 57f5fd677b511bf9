//! `[va_profile.NAME]`: custom profiles, and references to profiles.

use std::ops::Range;

use crate::base::code::Code;
use crate::base::size::{GRAIN, Size};
use crate::file::nearest::nearest_profile;
use crate::file::notes::{Entry, Notes, entries, is_name, list};
use crate::file::value::Value;
use crate::setting::ProfileKeys;
use crate::target::profile::{Layout, NoProfile, OwnProfile, UnlimitedStack, VaProfile};
use crate::target::{Arch, Os, Target};

/// Those without which there is no profile; the others default to the architecture's rule.
pub(super) const REQUIRED: [&str; 3] = ["arch", "window", "page_size"];

/// The page sizes of Linux kernels: from 4 to 64 KiB, powers of two.
const PAGE_SIZES: [Size; 2] = [Size::kib(4), GRAIN];

/// The windows that are taken for one of a 64-bit process. Below lies where powerpc64 puts a PIE, 4 GiB,
/// and the smallest that ships is 64 GiB (aarch64, 36 bits).
const WINDOWS: [Size; 2] = [Size::gib(8), Size::LARGEST];

/// Those of a 32-bit process; the smallest that ships is 1008 MiB.
const WINDOWS_32: [Size; 2] = [Size::mib(64), Size::gib(4)];

/// Reads the tables under `[va_profile]`.
pub(super) fn read(
    tables: &[Entry<'_>],
    notes: &mut Notes<'_>,
) -> Vec<(String, OwnProfile<'static>)> {
    let mut profiles = Vec::new();
    for entry in tables {
        if !is_name(entry.key) {
            bad(
                notes,
                &entry.key_span,
                format!("invalid profile name `{}`", entry.key.escape_default()),
                "invalid name",
                "use ASCII letters, digits, `_` and `-`",
            );
        } else if is_built_in(entry.key) {
            bad(
                notes,
                &entry.key_span,
                format!("VA profile `{}` is built in", entry.key),
                "name already in use",
                "give it another name",
            );
        }
        if let Some(profile) = read_one(entry, notes) {
            profiles.push((entry.key.to_owned(), profile));
        }
    }
    profiles
}

fn read_one(table: &Entry<'_>, notes: &mut Notes<'_>) -> Option<OwnProfile<'static>> {
    let help = || format!("write `[va_profile.{}]`", table.key);
    let keys = entries(notes.table(table, help)?);
    let mut read = ProfileKeys::EMPTY;
    for entry in &keys {
        if !read.read(entry.key, &mut Value { entry, notes }) {
            let place = format!("`[va_profile.{}]`", table.key);
            notes.unknown_key(entry, &place, ProfileKeys::NAMES);
        }
    }
    let mut missing = REQUIRED
        .into_iter()
        .filter(|key| !keys.iter().any(|entry| entry.key == *key))
        .peekable();
    if missing.peek().is_some() {
        bad(
            notes,
            &table.key_span,
            format!("VA profile `{}` is missing {}", table.key, list(missing)),
            "",
            "`arch`, `window` and `page_size` are required; the other keys default to the architecture's rule",
        );
    }
    let spans = |key: &str| {
        keys.iter()
            .find(|entry| entry.key == key)
            .map_or_else(|| table.key_span.clone(), |entry| entry.span.clone())
    };
    let profile = OwnProfile {
        name: "",
        arch: read.arch?.value,
        window: read.window?.value,
        page_size: read.page_size?.value,
        pie_base: read.pie_base.map(|setting| setting.value),
        legacy_base: read.legacy_base.map(|setting| setting.value),
        aslr_bits_default: read.aslr_bits.map(|setting| setting.value),
        aslr_bits_max: read.aslr_bits_max.map(|setting| setting.value),
    };
    check(&profile, spans, notes).then_some(profile)
}

/// Notes what no machine has: the model computes with what passes here.
fn check(
    profile: &OwnProfile<'_>,
    span: impl Fn(&str) -> Range<usize>,
    notes: &mut Notes<'_>,
) -> bool {
    let before = notes.diagnostics.len();
    let page_size = profile.page_size;
    let [smallest, largest] = PAGE_SIZES;
    if !page_size.get().is_power_of_two() || page_size < smallest || page_size > largest {
        bad(
            notes,
            &span("page_size"),
            format!("invalid page size of {} bytes", page_size.get()),
            "invalid page size",
            "expected `\"4KiB\"`, `\"8KiB\"`, `\"16KiB\"`, `\"32KiB\"` or `\"64KiB\"`",
        );
        return false;
    }
    let [least, most] = if profile.arch.pointer_width() == 32 {
        WINDOWS_32
    } else {
        WINDOWS
    };
    if profile.window < least || profile.window > most {
        bad(
            notes,
            &span("window"),
            format!(
                "invalid window of {} bytes for {}",
                profile.window.get(),
                profile.arch.name()
            ),
            "invalid window",
            &format!(
                "the window is where mmap places things: {} to {}, such as \"256GiB\" for sv39",
                least.exactly(),
                most.exactly()
            ),
        );
        return false;
    }
    check_layout(profile, span, notes);
    notes.diagnostics.len() == before
}

/// Notes what no layout within the window has.
fn check_layout(
    profile: &OwnProfile<'_>,
    span: impl Fn(&str) -> Range<usize>,
    notes: &mut Notes<'_>,
) {
    for (key, base) in [
        ("pie_base", profile.pie_base),
        ("legacy_base", profile.legacy_base),
    ] {
        if base.is_some_and(|base| base >= profile.window) {
            bad(
                notes,
                &span(key),
                format!("`{key}` is outside of the window"),
                "beyond its end",
                &format!("the window ends at {}", profile.window.exactly()),
            );
        }
    }
    // With an unlimited stack limit x86 searches the lowest sixth first and then from the legacy base, so
    // that what is below both would be counted twice.
    let sixth = Size::bytes(profile.window.get() / 6);
    if let Layout::Linux(linux) = profile.profile().layout {
        if linux.unlimited_stack == UnlimitedStack::LargeGap
            && profile.legacy_base.is_some_and(|base| base < sixth)
        {
            bad(
                notes,
                &span("legacy_base"),
                "`legacy_base` is in the lowest sixth of the window".to_owned(),
                "too low for x86",
                "x86 kernels begin at a third of the window: omit it to use that",
            );
        }
    }
    // As many bits as move things through the whole window.
    let most_bits = (profile.window.get() / profile.page_size.get()).ilog2();
    for (key, bits) in [
        ("aslr_bits", profile.aslr_bits_default),
        ("aslr_bits_max", profile.aslr_bits_max),
    ] {
        if bits.is_some_and(|bits| bits > most_bits) {
            bad(
                notes,
                &span(key),
                format!("`{key}` moves things by more than the window"),
                "too many bits",
                &format!("it is a number of bits of pages, {most_bits} at most here"),
            );
        }
    }
    if let (Some(default), Some(max)) = (profile.aslr_bits_default, profile.aslr_bits_max) {
        if max < default {
            bad(
                notes,
                &span("aslr_bits_max"),
                "`aslr_bits_max` is below `aslr_bits`".to_owned(),
                "the smaller one",
                &format!("write {default} or more"),
            );
        }
    }
}

fn bad(notes: &mut Notes<'_>, span: &Range<usize>, message: String, label: &str, help: &str) {
    notes.mistake(
        Code::BadProfile,
        span,
        message,
        label,
        Some(help.to_owned()),
    );
}

fn is_built_in(name: &str) -> bool {
    let nobody = Target::new(Arch::Other, Os::Other, 64);
    VaProfile::find(name, nobody) != Err(NoProfile::Unknown)
}

/// Notes a `va_profile` that no target has.
pub(super) fn check_reference(
    name: &str,
    span: &Range<usize>,
    own: &[String],
    notes: &mut Notes<'_>,
) {
    if is_built_in(name) || own.iter().any(|known| known == name) {
        return;
    }
    notes.mistake(
        Code::UnknownProfile,
        span,
        format!("unknown VA profile `{}`", name.escape_default()),
        "unknown profile",
        Some(nearest_profile(name, own.iter().map(String::as_str))),
    );
}
