//! What is wrong with the keys of the address space.

use crate::base::size::Size;
use crate::fault::{Fault, Faults};
use crate::model::limit::Limit;
use crate::setting::{AddressSpaceKeys, FilePlace, Setting, Settings, place_if, place_of};
use crate::target::budget::{Budget, HEADROOM_MAPS};
use crate::target::process::{
    LEAST_ADDRESS_SPACE, LEAST_BESIDE, LEAST_DATA, LEAST_STACK, MOST_MAPS,
};
use crate::target::profile::{Layout, LinuxLayout, VaProfile};
use crate::target::shape::{Aslr, Shape, StackLimit};

impl<'a> Settings<'a> {
    /// What of the shape a profile does not take.
    pub(super) const fn check_shape(
        &self,
        profile: &VaProfile<'a>,
        shape: Shape,
        mut faults: Faults<'a>,
    ) -> Faults<'a> {
        let name = profile.name;
        if let Layout::Linux(linux) = &profile.layout {
            if let Aslr::Bits(bits) = shape.aslr {
                if bits > linux.aslr_bits_max {
                    faults = faults.and(Fault::AslrAboveMaximum {
                        bits,
                        most: linux.aslr_bits_max,
                        arch: profile.arch,
                        profile: name,
                        place: place_of(&self.space.aslr),
                    });
                }
                // Without randomization there are none at all.
                if bits > 0 && bits < linux.aslr_bits_min {
                    faults = faults.and(Fault::AslrBelowMinimum {
                        bits,
                        least: linux.aslr_bits_min,
                        arch: profile.arch,
                        profile: name,
                        place: place_of(&self.space.aslr),
                    });
                }
            }
            if let StackLimit::UpTo(stack_limit) = shape.stack_limit {
                if stack_limit.get() >= profile.window.get() {
                    faults = faults.and(Fault::StackLimitAboveWindow {
                        stack_limit,
                        window: profile.window,
                        profile: name,
                        place: place_of(&self.space.stack_limit),
                    });
                }
            }
        }
        faults
    }

    /// What leaves nothing of the holes, where each key by itself is right.
    pub(super) const fn check_holes(
        &self,
        profile: &VaProfile<'a>,
        shape: Shape,
        budget: &Budget,
        faults: Faults<'a>,
    ) -> Faults<'a> {
        if !budget.is_empty() {
            return faults;
        }
        let name = profile.name;
        let whole = Budget::new(profile, shape, Some(Size::ZERO));
        let place = place_of(&self.space.headroom);
        match &profile.layout {
            Layout::Linux(linux) if whole.is_empty() => {
                faults.and(self.no_hole(profile, linux, shape))
            }
            _ => faults.and(Fault::HeadroomAboveHoles {
                headroom: budget.headroom,
                have: whole.all(),
                profile: name,
                place,
            }),
        }
    }

    /// Why a profile and a shape leave no hole.
    const fn no_hole(
        &self,
        profile: &VaProfile<'a>,
        linux: &LinuxLayout,
        shape: Shape,
    ) -> Fault<'a> {
        let bits = shape.aslr.bits(linux);
        let usual = Shape {
            stack_limit: StackLimit::Finite,
            ..shape
        };
        let stack_limit = match shape.stack_limit {
            StackLimit::UpTo(limit) if !Budget::new(profile, usual, None).is_empty() => Some(limit),
            _ => None,
        };
        let mut fewer = None;
        let mut less = bits;
        while less > linux.aslr_bits_min && fewer.is_none() {
            less -= 1;
            let aslr = Aslr::Bits(less);
            if !Budget::new(profile, Shape { aslr, ..shape }, None).is_empty() {
                fewer = Some(less);
            }
        }
        Fault::NoHole {
            profile: profile.name,
            window: profile.window,
            bits,
            aslr: match LinuxLayout::aslr(profile.page_size, bits) {
                Some(aslr) => aslr,
                None => Size::bytes(u64::MAX),
            },
            fewer,
            stack_limit,
            place: match (stack_limit, &self.space.aslr, &self.space.va_profile) {
                (Some(_), ..) => place_of(&self.space.stack_limit),
                (None, Some(setting), _) => setting.place,
                (None, None, key) => place_of(key),
            },
        }
    }
}

/// The first of these places that the file or a flag says.
const fn first_said(places: [FilePlace; 5]) -> FilePlace {
    let mut i = 0;
    while i < places.len() {
        if places[i].is_said() {
            return places[i];
        }
        i += 1;
    }
    FilePlace::NOWHERE
}

impl AddressSpaceKeys<'_> {
    /// Where each limit is said, in the order of [`Limit`]. Of the holes it is what takes most of them.
    pub(super) const fn limits_at(&self) -> [FilePlace; Limit::ALL.len()] {
        let mut places = [FilePlace::NOWHERE; Limit::ALL.len()];
        places[Limit::Hole as usize] = first_said([
            place_of(&self.headroom),
            place_of(&self.stack_limit),
            place_of(&self.aslr),
            place_of(&self.layout),
            place_of(&self.va_profile),
        ]);
        places[Limit::MaxMapCount as usize] = place_of(&self.max_map_count);
        places[Limit::RlimitAs as usize] = place_of(&self.rlimit_as);
        places[Limit::RlimitData as usize] = place_of(&self.rlimit_data);
        places[Limit::RamAndSwap as usize] = place_of(&self.memory);
        places
    }

    /// What is wrong with the limits that are said: less than any process needs, or nothing for pools.
    pub(super) const fn check_limits<'a>(
        &self,
        budget: &Budget,
        mut faults: Faults<'a>,
    ) -> Faults<'a> {
        let limits = &budget.limits;
        if let (Some(setting), Some(maps)) = (&self.max_map_count, limits.max_map_count) {
            if maps <= HEADROOM_MAPS {
                faults = faults.and(Fault::TooFewMaps {
                    max_map_count: setting.value,
                    place: setting.place,
                });
            }
            if maps > MOST_MAPS {
                faults = faults.and(Fault::TooManyMaps {
                    max_map_count: setting.value,
                    place: setting.place,
                });
            }
        }
        faults = self.check_least(faults);
        let sizes = [
            (
                "rlimit_as",
                place_if(&self.rlimit_as),
                limits.rlimit_as,
                LEAST_ADDRESS_SPACE,
                true,
            ),
            (
                "rlimit_data",
                place_if(&self.rlimit_data),
                limits.rlimit_data,
                LEAST_DATA,
                true,
            ),
            (
                "memory",
                place_if(&self.memory),
                limits.memory,
                LEAST_DATA,
                false,
            ),
        ];
        let mut i = 0;
        while i < sizes.len() {
            let (key, place, limit, least, holds_headroom) = sizes[i];
            i += 1;
            let (Some(place), Some(limit)) = (place, limit) else {
                continue;
            };
            let headroom = budget.headroom;
            if limit.get() < least.get() {
                faults = faults.and(Fault::LimitTooSmall {
                    key,
                    limit,
                    least,
                    place,
                });
            } else if holds_headroom && limit.get() <= headroom.get() {
                faults = faults.and(Fault::LimitBelowHeadroom {
                    key,
                    limit,
                    headroom,
                    place,
                });
            }
        }
        faults
    }

    /// Whether stack limit and headroom have what any process needs of them.
    const fn check_least<'a>(&self, mut faults: Faults<'a>) -> Faults<'a> {
        if let Some(Setting {
            value: StackLimit::UpTo(limit),
            place,
        }) = self.stack_limit
        {
            if limit.get() < LEAST_STACK.get() {
                faults = faults.and(Fault::LimitTooSmall {
                    key: "stack_limit",
                    limit,
                    least: LEAST_STACK,
                    place,
                });
            }
        }
        if let Some(Setting { value, place }) = self.headroom {
            if !value.is_zero() && value.get() < LEAST_BESIDE.get() {
                faults = faults.and(Fault::LimitTooSmall {
                    key: "headroom",
                    limit: value,
                    least: LEAST_BESIDE,
                    place,
                });
            }
        }
        faults
    }
}
