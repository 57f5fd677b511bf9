//! The table of VA profiles.

use std::fmt::Write as _;

use poolcfg_core::{Budget, LINUX_CHECKED, RelocationModel, Shape, Target, VaProfile};
use serde::Serialize;

/// One profile, for programs; sizes are bytes.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct ProfileReport {
    /// The name, as in `--va-profile`.
    pub name: &'static str,
    /// The architecture it is for.
    pub arch: &'static str,
    /// The system it is for.
    pub os: &'static str,
    /// Whether it is the floor of its target.
    pub floor: bool,
    /// The window that mmap searches without a hint.
    pub window_bytes: u64,
    /// The guaranteed holes of a PIE.
    pub pie_holes: Vec<u64>,
    /// The guaranteed holes of a static program.
    pub static_holes: Vec<u64>,
    /// Bytes of a page.
    pub page_size: u64,
    /// How well the numbers are known.
    pub known: &'static str,
    /// Who ships it.
    pub shipped_by: &'static str,
    /// Where the numbers come from.
    pub source: &'static str,
}

/// The profiles that serve one of the targets, or every profile there is.
#[must_use]
pub fn rows(targets: &[Target]) -> Vec<ProfileReport> {
    let holes = |profile: &VaProfile<'_>, shape| {
        let holes = Budget::new(profile, shape, None).holes();
        let bytes = holes.iter().map(|hole| hole.get());
        bytes.filter(|hole| *hole > 0).collect()
    };
    served(targets)
        .map(|(profile, of)| ProfileReport {
            name: profile.name,
            arch: profile.arch.name(),
            os: profile.os.name(),
            floor: VaProfile::floor(of) == profile,
            window_bytes: profile.window.get(),
            pie_holes: holes(&profile, Shape::DEFAULT),
            static_holes: holes(&profile, STATIC),
            page_size: profile.page_size.get(),
            known: profile.known.word(),
            shipped_by: profile.shipped_by,
            source: profile.source,
        })
        .collect()
}

const STATIC: Shape = Shape {
    relocation_model: RelocationModel::Static,
    ..Shape::DEFAULT
};

/// The profiles, each with the target that it is listed for.
fn served(targets: &[Target]) -> impl Iterator<Item = (VaProfile<'static>, Target)> {
    let all = VaProfile::ALL.concat().into_iter();
    all.filter_map(move |profile| match targets {
        [] => Some((
            profile,
            Target::new(profile.arch, profile.os, profile.pointer_width()),
        )),
        targets => {
            let target = targets.iter().find(|target| {
                // The conservative ones serve any target, and are of use where nothing else is.
                profile.serves(**target)
                    && (profile.arch.is(target.arch) || VaProfile::floor(**target) == profile)
            });
            target.map(|target| (profile, *target))
        }
    })
}

/// The profiles that serve one of the targets, or every profile there is, as a table; a target's floor is
/// marked `*`. A last line says of which versions of Linux the rules are.
#[must_use]
pub fn profiles(targets: &[Target]) -> String {
    let mut rows = vec![
        [
            "",
            "profile",
            "target",
            "window",
            "pie",
            "second",
            "static",
            "page",
            "known",
            "shipped by",
        ]
        .map(str::to_owned),
    ];
    rows.extend(served(targets).map(|(profile, of)| row(&profile, of)));
    let linux = served(targets).any(|(profile, _)| profile.os.has_linux_kernel());
    let mut text = render(&rows);
    if linux {
        let versions = LINUX_CHECKED.join(" and ");
        let _ = writeln!(text, "the rules of Linux were read in {versions}");
    }
    text
}

fn row(profile: &VaProfile<'static>, of: Target) -> [String; 10] {
    let floor = VaProfile::floor(of) == *profile;
    let pie = Budget::new(profile, Shape::DEFAULT, None).holes();
    let fixed = Budget::new(profile, STATIC, None).holes();
    [
        if floor { "*" } else { "" }.to_owned(),
        profile.name.to_owned(),
        format!("{} {}", profile.arch.name(), profile.os.name()),
        profile.window.available().to_string(),
        pie[0].available().to_string(),
        if pie[1].is_zero() {
            "-".to_owned()
        } else {
            pie[1].available().to_string()
        },
        fixed[0].available().to_string(),
        profile.page_size.to_string(),
        profile.known.word().to_owned(),
        profile.shipped_by.to_owned(),
    ]
}

/// Columns as wide as their widest entry, numbers to the right.
fn render(rows: &[[String; 10]]) -> String {
    let mut widths = [0; 10];
    for row in rows {
        for (width, entry) in widths.iter_mut().zip(row) {
            *width = (*width).max(entry.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (entry, width)) in row.iter().zip(widths).enumerate() {
            let _ = match column {
                3..=7 => write!(line, "{entry:>width$}  "),
                _ => write!(line, "{entry:<width$}  "),
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

#[cfg(test)]
mod tests {
    use poolcfg_core::{Arch, Os};

    use super::*;

    #[test]
    fn the_floor_is_marked() {
        let table = profiles(&[Target::new(Arch::Aarch64, Os::Linux, 64)]);
        let floors: Vec<_> = table.lines().filter(|line| line.starts_with('*')).collect();
        assert_eq!(floors.len(), 1);
        assert!(
            floors[0].contains("va39") && floors[0].contains("341.33 GiB"),
            "{table}"
        );
    }

    #[test]
    fn a_target_without_a_profile_gets_the_conservative_one() {
        let table = profiles(&[Target::new(Arch::Other, Os::Other, 64)]);
        assert!(table.contains("conservative-64"), "{table}");
    }

    #[test]
    fn every_profile_is_listed() {
        // Beside the header and the last line.
        assert_eq!(
            profiles(&[]).lines().count(),
            VaProfile::ALL.concat().len() + 2
        );
    }

    #[test]
    fn the_versions_of_linux_are_said_where_it_is_listed() {
        let of = |os| profiles(&[Target::new(Arch::Aarch64, os, 64)]);
        let said = |table: String| table.ends_with("were read in 6.12 and 7.2\n");
        assert!(said(of(Os::Linux)) && said(of(Os::Android)));
        assert!(!of(Os::Macos).contains("Linux"));
    }
}
