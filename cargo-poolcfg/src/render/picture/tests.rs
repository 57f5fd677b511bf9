//! Pictures: what they draw lies where its address says, at every width.

use poolcfg_core::{AddressSpaceKeys, Fault, Plan, Setting, Settings, Target, VaProfile};

use super::*;
use crate::render::figures::figures;

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Every word and number, without what is drawn.
fn words(picture: &str) -> Vec<String> {
    let picture = plain(picture);
    let mut words: Vec<String> = picture
        .split_whitespace()
        .map(|word| word.trim_matches(|char: char| !char.is_ascii()).to_owned())
        .filter(|word| !word.is_empty())
        .collect();
    words.sort();
    words
}

/// The sizes of a picture: what it says of the rows between two edges is what their addresses say, and every hole of
/// Linux has its place in the window.
#[test]
fn every_hole_of_linux_lies_between_its_addresses() {
    for profile in VaProfile::ALL.concat() {
        if !matches!(profile.layout, Layout::Linux(_)) {
            continue;
        }
        for shape in Shape::NAMED {
            let Some(case) = case(profile, shape) else {
                continue;
            };
            let Window { mut holes, .. } = fill(&case, &[], Fold::Parts);
            holes.retain(|hole| hole.size > 0);
            let mut spans: Vec<_> = holes
                .iter()
                .map(|hole| {
                    let span = hole
                        .span
                        .unwrap_or_else(|| panic!("{} {shape:?}", profile.name));
                    assert_eq!(
                        span.top - span.bottom,
                        hole.size,
                        "{} {shape:?}",
                        profile.name
                    );
                    span
                })
                .collect();
            spans.sort_by_key(|span| span.bottom);
            let tops = spans.iter().map(|span| span.top);
            let bottoms = spans.iter().skip(1).map(|span| span.bottom);
            let ends = bottoms.chain([profile.window.get()]);
            assert!(
                tops.zip(ends).all(|(top, next)| top <= next),
                "{} {shape:?}: {spans:?}",
                profile.name
            );
        }
    }
}

/// A PIE on a small window at the most ASLR: what is above the program is drawn above it.
#[test]
fn what_aslr_splits_is_drawn_above_the_program() {
    let sv39 = VaProfile::ALL.concat();
    let sv39 = sv39.iter().find(|profile| profile.name == "sv39").unwrap();
    let case = case(*sv39, Shape::DEFAULT).unwrap();
    let canvas = Canvas {
        width: 80,
        height: 22,
    };
    let picture = plain(&draw(&case, &Plan::new(&case), canvas, Fold::Parts));
    let order = [
        "end of the window",
        "stack and its gap, aslr, headroom",
        "252.87 GiB ├",
        "up to 2 holes, by aslr",
        "left",
        "170.66 GiB ├",
        "program and heap",
        "memories",
        "below: never mapped",
    ];
    let mut rest = picture.as_str();
    for part in order {
        let (_, after) = rest
            .split_once(part)
            .unwrap_or_else(|| panic!("`{part}` is not there, or elsewhere:\n{picture}"));
        rest = after;
    }
}

/// What all holes together have wherever ASLR puts them is drawn, as mapped or as left: no slot that fits has its place
/// outside of that. And of a system whose addresses are not known, what is outside the hole is drawn.
#[test]
fn all_that_pools_may_have_is_drawn() {
    for profile in VaProfile::ALL.concat() {
        for shape in Shape::NAMED {
            let Some(case) = case(profile, shape) else {
                continue;
            };
            let plan = Plan::new(&case);
            let mapped = match plan.misfit {
                None => plan.guaranteed(),
                Some(_) => &[],
            };
            for limits in [&[][..], mapped] {
                let window = fill(&case, limits, Fold::Parts);
                let name = profile.name;
                let mut order: Vec<_> = window.holes.iter().filter(|hole| hole.size > 0).collect();
                order.sort_by_key(|hole| std::cmp::Reverse(hole.span.map_or(0, |span| span.top)));
                let all: u64 = order.iter().map(|hole| hole.size).sum();
                assert!(
                    all + window.elsewhere >= case.budget.room.total,
                    "{name} {shape:?}"
                );
                let [outside, beside] = elsewhere(&case, &order, window.elsewhere);
                assert_eq!(outside + beside, window.elsewhere, "{name} {shape:?}");
                if let Some(top) = order.first().and_then(|hole| hole.span) {
                    assert!(
                        top.top <= profile.window.get(),
                        "{name} {shape:?} {:?} {limits:?}",
                        order
                            .iter()
                            .map(|hole| (hole.span, hole.size))
                            .collect::<Vec<_>>()
                    );
                    assert!(
                        outside <= profile.window.get().saturating_sub(top.top),
                        "{name} {shape:?} {:?} {outside} {}",
                        order.iter().map(|hole| hole.span).collect::<Vec<_>>(),
                        profile.window.get()
                    );
                }
                if !matches!(profile.layout, Layout::Linux(_)) {
                    let canvas = Canvas {
                        width: 80,
                        height: 22,
                    };
                    let picture = plain(&draw(&case, &plan, canvas, Fold::Parts));
                    let rest = Size::bytes(profile.window.get() - all).to_string();
                    assert!(picture.contains(&rest), "{rest}\n{picture}");
                }
            }
        }
    }
}

/// Pools that have one row have the bytes of all their rows.
#[test]
fn folded_pools_are_as_large_as_their_parts() {
    let sv39 = VaProfile::ALL.concat();
    let sv39 = sv39.iter().find(|profile| profile.name == "sv39").unwrap();
    let case = case(*sv39, Shape::DEFAULT).unwrap();
    let plan = Plan::new(&case);
    let mapped = |fold| {
        let window = fill(&case, plan.guaranteed(), fold);
        let rows: usize = window.holes.iter().map(|hole| hole.content.len()).sum();
        let bytes = window.holes.iter().map(|hole| hole.size - hole.left());
        (rows, bytes.sum::<u64>())
    };
    let (rows, bytes) = mapped(Fold::Parts);
    for fold in [Fold::Pools, Fold::All] {
        let (folded, same) = mapped(fold);
        assert!(folded < rows && same == bytes, "{fold:?}");
    }
}

/// The default pool in the shape of a profile; `None` where that leaves no hole.
fn case(profile: VaProfile<'static>, shape: Shape) -> Option<ResolvedProcess<'static>> {
    let target = Target::new(profile.arch, profile.os, profile.pointer_width());
    let settings = Settings::new(&[], &[]).address_space(AddressSpaceKeys {
        va_profile: Some(Setting::given(profile.name)),
        relocation_model: Some(Setting::given(shape.relocation_model)),
        stack_limit: Some(Setting::given(shape.stack_limit)),
        aslr: Some(Setting::given(shape.aslr)),
        layout: Some(Setting::given(shape.layout)),
        ..AddressSpaceKeys::EMPTY
    });
    match settings.resolve(target) {
        Ok(case) => Some(case),
        Err(faults) => {
            let no_hole = |fault| matches!(fault, Fault::NoHole { .. });
            assert!(faults.iter().all(no_hole), "{} {shape:?}", profile.name);
            None
        }
    }
}

/// Every profile in every shape can be drawn within the width, and what is drawn to be left in the
/// holes is what the figures say.
#[test]
fn every_process_can_be_drawn() {
    for profile in VaProfile::ALL.concat() {
        for shape in Shape::NAMED {
            let Some(case) = case(profile, shape) else {
                continue;
            };
            let plan = Plan::new(&case);
            let canvas = Canvas {
                width: 80,
                height: 22,
            };
            let picture = draw(&case, &plan, canvas, Fold::Parts);
            for line in picture.lines() {
                assert!(plain(line).chars().count() <= 80, "{line}");
            }
            let narrow = draw(
                &case,
                &plan,
                Canvas {
                    width: 40,
                    height: 22,
                },
                Fold::Parts,
            );
            for line in narrow.lines() {
                assert_eq!(plain(line).chars().count(), 40, "{line}\n{narrow}");
            }
            assert_eq!(words(&narrow), words(&picture));
            assert!(
                picture.lines().count() <= 22,
                "{} {shape:?}\n{picture}",
                profile.name
            );
            if plan.misfit.is_none() {
                assert!(
                    picture.contains("memories"),
                    "{} {shape:?}\n{picture}",
                    profile.name
                );
            }
            assert!(figures(&case, &plan).contains("largest hole"));
        }
    }
}
