//! The table of VA profiles.

use poolcfg_core::{
    Aslr, Budget, Distribution, LINUX_CHECKED, Layout, RelocationModel, Shape, Size, Target,
    VaProfile,
};
use serde::Serialize;

use crate::cli::wrap::wrapped;
use crate::render::columns::render;

/// One profile, for programs; sizes are bytes.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct ProfileReport {
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
    /// `vm.mmap_rnd_bits` by Kconfig; null on systems that are not modelled.
    pub aslr_bits_minimum: Option<u32>,
    /// The most that the kernel takes, which the holes are for.
    pub aslr_bits_maximum: Option<u32>,
    /// The distributions that are known to ship it.
    pub distributions: Vec<DistributionReport>,
    /// How well the numbers are known.
    pub known: &'static str,
    /// Who ships it.
    pub shipped_by: &'static str,
    /// Where the numbers come from.
    pub source: &'static str,
}

/// What one distribution ships, for programs.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub(crate) struct DistributionReport {
    /// Its name, with the versions.
    pub name: &'static str,
    /// `vm.mmap_rnd_bits`.
    pub aslr_bits: u32,
    /// Bits of an address, as the kernel is configured.
    pub va_bits: u32,
    /// `vm.max_map_count`.
    pub max_map_count: u64,
    /// Where that is written.
    pub source: &'static str,
    /// When it was read there.
    pub date: &'static str,
}

/// The distributions whose processes have this profile.
fn shipping(profile: &VaProfile<'static>) -> impl Iterator<Item = &'static Distribution> {
    let profile = *profile;
    Distribution::ALL
        .iter()
        .filter(move |row| row.profile() == Some(profile))
}

/// Bits of ASLR; `None` on systems that are not modelled.
fn aslr_bits(profile: &VaProfile<'_>, aslr: Aslr) -> Option<u32> {
    match &profile.layout {
        Layout::Linux(linux) => Some(aslr.bits(linux)),
        Layout::OneHole(_) => None,
    }
}

/// The profiles that serve one of the targets, or every profile there is.
#[must_use]
pub(crate) fn rows(targets: &[Target]) -> Vec<ProfileReport> {
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
            floor: VaProfile::floor(of) == Some(profile),
            window_bytes: profile.window.get(),
            pie_holes: holes(&profile, Shape::DEFAULT),
            static_holes: holes(&profile, STATIC),
            page_size: profile.page_size.get(),
            aslr_bits_minimum: aslr_bits(&profile, Aslr::Minimum),
            aslr_bits_maximum: aslr_bits(&profile, Aslr::Maximum),
            distributions: shipping(&profile)
                .map(|row| DistributionReport {
                    name: row.name,
                    aslr_bits: row.aslr_bits,
                    va_bits: row.va_bits,
                    max_map_count: row.max_map_count,
                    source: row.source,
                    date: row.date,
                })
                .collect(),
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
            let target = targets.iter().find(|target| profile.serves(**target));
            target.map(|target| (profile, *target))
        }
    })
}

/// The profiles that serve one of the targets, or every profile there is, as a table; a target's floor is
/// marked `*`. Below it stand what the columns are, the distributions that ship them, and of which versions of Linux the
/// rules are.
#[must_use]
pub(crate) fn profiles(targets: &[Target], columns: Option<usize>) -> String {
    let mut rows = vec![
        [
            "",
            "profile",
            "target",
            "window",
            "pie",
            "second",
            "together",
            "static",
            "page",
            "aslr",
            "known",
            "shipped by",
        ]
        .map(str::to_owned),
    ];
    rows.extend(served(targets).map(|(profile, of)| row(&profile, of)));
    let linux = served(targets).any(|(profile, _)| profile.os.has_linux_kernel());
    let mut text = render(&rows, 3..=9, columns);
    text.push('\n');
    text += &wrapped(COLUMNS, columns);
    let shipped = distributions(served(targets).map(|(profile, _)| profile));
    if shipped.len() > 1 {
        text.push('\n');
        text += &render(&shipped, 3..=5, columns);
        text.push('\n');
    }
    if linux {
        let versions = LINUX_CHECKED.join(" and ");
        let said = format!("the rules of Linux were read in {versions}\n");
        text += &wrapped(&said, columns);
    }
    text
}

/// What the columns are that need a sentence.
const COLUMNS: &str = "\
* marks the floor of a target, which its pools are fitted to unless another profile is named
pie, second: the largest hole of a PIE, and the largest beside a mapping that fills it; static: the largest of a static program
together: what all holes of a PIE have, where slots of native pools lie in all of them
the holes are those with maximum aslr (vm.mmap_rnd_bits), which several distributions ship
";

/// What distributions ship of these profiles.
fn distributions(profiles: impl Iterator<Item = VaProfile<'static>>) -> Vec<[String; 7]> {
    let head = [
        "distribution",
        "profile",
        "arch",
        "va bits",
        "aslr",
        "vm.max_map_count",
        "source",
    ];
    let rows = profiles.flat_map(|profile| {
        shipping(&profile)
            .collect::<Vec<_>>()
            .into_iter()
            .map(|row| {
                [
                    row.name.to_owned(),
                    row.va_profile.to_owned(),
                    row.arch.name().to_owned(),
                    row.va_bits.to_string(),
                    row.aslr_bits.to_string(),
                    row.max_map_count.to_string(),
                    format!("{} (read {})", row.source, row.date),
                ]
            })
    });
    std::iter::once(head.map(str::to_owned))
        .chain(rows)
        .collect()
}

fn row(profile: &VaProfile<'static>, of: Target) -> [String; 12] {
    let floor = VaProfile::floor(of) == Some(*profile);
    let size = |size: Size| match size {
        Size::ZERO => "-".to_owned(),
        size => size.available().to_string(),
    };
    let bits = |aslr| aslr_bits(profile, aslr);
    let budget = Budget::new(profile, Shape::DEFAULT, None);
    let pie = budget.holes();
    let fixed = Budget::new(profile, STATIC, None).holes();
    [
        if floor { "*" } else { "" }.to_owned(),
        profile.name.to_owned(),
        format!("{} {}", profile.arch.name(), profile.os.name()),
        profile.window.available().to_string(),
        size(pie[0]),
        size(pie[1]),
        size(Size::bytes(budget.room.total)),
        size(fixed[0]),
        profile.page_size.to_string(),
        match (bits(Aslr::Minimum), bits(Aslr::Maximum)) {
            (Some(least), Some(most)) if least == most => most.to_string(),
            (Some(least), Some(most)) => format!("{least} to {most}"),
            _ => "-".to_owned(),
        },
        profile.known.word().to_owned(),
        profile.shipped_by.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use poolcfg_core::{Arch, Os};

    use super::*;

    #[test]
    fn the_floor_is_marked() {
        let table = profiles(&[Target::new(Arch::Aarch64, Os::Linux, 64)], None);
        let floors: Vec<_> = table
            .lines()
            .filter(|line| line.starts_with("*  "))
            .collect();
        assert_eq!(floors.len(), 1);
        assert!(
            floors[0].contains("va39") && floors[0].contains("341.33 GiB"),
            "{table}"
        );
    }

    /// The mark, and that native pools have more than the two holes that have columns.
    #[test]
    fn what_the_columns_are_is_said() {
        let table = profiles(&[Target::new(Arch::Riscv64, Os::Linux, 64)], None);
        let floor = table.lines().find(|line| line.starts_with("*  ")).unwrap();
        assert!(floor.contains(" 252.87 GiB "), "{table}");
        for said in ["\n* marks the floor", "\ntogether: "] {
            assert!(table.contains(said), "{said}\n{table}");
        }
    }

    #[test]
    fn every_profile_and_every_distribution_is_listed() {
        // Beside two headers, what is said of the columns, blank lines, and the last line.
        assert_eq!(
            profiles(&[], None).lines().count(),
            VaProfile::ALL.concat().len() + Distribution::ALL.len() + COLUMNS.lines().count() + 6
        );
    }

    #[test]
    fn who_ships_maximum_aslr_is_named() {
        let table = profiles(&[Target::new(Arch::Aarch64, Os::Linux, 64)], None);
        let of = |name| table.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(of("Ubuntu 24.04").contains(" 33 "), "{table}");
        assert!(of("NixOS, Raspberry Pi").contains("va39"), "{table}");
    }

    #[test]
    fn the_versions_of_linux_are_said_where_it_is_listed() {
        let of = |os| profiles(&[Target::new(Arch::Aarch64, os, 64)], None);
        let said = |table: String| table.ends_with("were read in 6.12 and 7.2\n");
        assert!(said(of(Os::Linux)) && said(of(Os::Android)));
        assert!(!of(Os::Macos).contains("Linux"));
    }
}
