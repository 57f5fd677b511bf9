//! The basis of a machine's budget: what of its measured holes every process there has, and not only the one
//! that measured.
//!
//! ASLR places each process differently, so what one process finds is luck. What a VA profile guarantees for the bits
//! of ASLR in force is not: where a profile matches, it decides, and measuring only tells whether the machine is
//! as the profile says.

use poolcfg_core::{
    Budget, HOLES, Layout, MAX_MAP_COUNT, OwnProfile, ProcessLimits, RelocationModel, Shape, Size,
    Target, VaProfile,
};

use crate::probe::Probe;
use crate::recheck::layout::Seen;

/// What the budget of a machine is based on.
///
/// ```
/// use poolcfg_runtime::probe;
/// let basis = probe().basis();
/// match (basis.va_profile(), basis.aslr()) {
///     (Some(profile), None) => println!("what {} guarantees", profile.name),
///     (_, Some(aslr)) => println!("what was measured, less {aslr}"),
///     (None, None) => unreachable!("what is measured loses what ASLR takes"),
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Basis {
    /// The VA profile that matches: this process has at least what it guarantees.
    Profile(&'static VaProfile<'static>),
    /// What was measured, less what ASLR can take, and at most what the profile guarantees: this process
    /// has less than that, as under an emulator.
    BelowProfile {
        /// The profile that matches by window and page size.
        profile: &'static VaProfile<'static>,
        /// How much less each hole may have in another process.
        aslr: Size,
    },
    /// What was measured, less what ASLR can take: no profile matches.
    Measured {
        /// How much less each hole may have in another process.
        aslr: Size,
    },
}

impl Basis {
    /// The profile that matches.
    #[must_use]
    pub const fn va_profile(&self) -> Option<&'static VaProfile<'static>> {
        match self {
            Self::Profile(profile) | Self::BelowProfile { profile, .. } => Some(profile),
            Self::Measured { .. } => None,
        }
    }

    /// What was taken off each measured hole; `None` if the profile decides.
    #[must_use]
    pub const fn aslr(&self) -> Option<Size> {
        match self {
            Self::Profile(_) => None,
            Self::BelowProfile { aslr, .. } | Self::Measured { aslr } => Some(*aslr),
        }
    }
}

/// The headroom of a machine for which there is no usual one.
const HEADROOM: Size = Size::gib(1);

impl Probe {
    /// The shape of processes like this one, as far as it is known. The stack limit follows from the layout, which was
    /// chosen when the program started. Bits of ASLR that cannot be read count as the most there are.
    #[must_use]
    pub fn shape(&self) -> Shape {
        let seen = Seen {
            target: Target::CURRENT,
            unlimited_stack: self.unlimited_stack,
            stack: self.limits.stack,
            relocation_model: self.relocation_model,
            aslr_bits: self.aslr_bits,
            window: self.window,
        };
        seen.shape()
    }

    /// What [`budget`](Self::budget) is based on.
    #[must_use]
    pub fn basis(&self) -> Basis {
        let Some(profile) = self.va_profiles.first().copied() else {
            return Basis::Measured {
                aslr: self.aslr_range(),
            };
        };
        let guaranteed = Budget::new(profile, self.shape(), None).holes();
        let has = |index: usize| self.holes.get(index).copied().unwrap_or(Size::ZERO);
        let keeps = guaranteed
            .iter()
            .enumerate()
            .all(|(index, hole)| has(index) >= *hole);
        // What a limit of the process ends says nothing of the machine.
        if keeps || self.is_cut_short {
            Basis::Profile(profile)
        } else {
            Basis::BelowProfile {
                profile,
                aslr: self.aslr_range(),
            }
        }
    }

    /// The address space that every process of this machine has whose program is loaded this way, without `headroom`,
    /// which is left to the rest of the process. It is what the VA profile that matches guarantees for the bits of ASLR in
    /// force. If none matches, it is what was measured less what ASLR can take. The headroom is 1/64 of the window and
    /// 1 GiB at most, if none is given.
    ///
    /// ```
    /// use poolcfg_runtime::{RelocationModel, probe};
    /// let [largest, _] = probe().budget(RelocationModel::Pie, None).holes();
    /// println!("{} in one piece", largest.available());
    /// ```
    #[must_use]
    pub fn budget(&self, relocation_model: RelocationModel, headroom: Option<Size>) -> Budget {
        let shape = Shape {
            relocation_model,
            ..self.shape()
        };
        let basis = self.basis();
        let floor = VaProfile::floor(Target::CURRENT);
        let promised = basis
            .va_profile()
            .or(floor.as_ref())
            .map(|profile| Budget::new(profile, shape, headroom));
        let budget = match (basis.aslr(), promised) {
            (None, Some(promised)) => promised,
            (aslr, promised) => {
                let most = promised.filter(|_| basis.va_profile().is_some());
                let holes = self.lowered(
                    aslr.unwrap_or(Size::ZERO),
                    most.map(|promised| promised.holes()),
                );
                let headroom = promised.map_or(HEADROOM, |promised| promised.headroom);
                Budget::measured(holes, self.page_size, headroom, ProcessLimits::NONE)
            }
        };
        budget.with_limits(self.process_limits())
    }

    /// What bounds a process that starts as this one did, beside its holes.
    #[doc(hidden)]
    #[must_use]
    pub fn process_limits(&self) -> ProcessLimits {
        let limits = &self.limits;
        let is_linux = Target::CURRENT.os.has_linux_kernel();
        ProcessLimits {
            max_map_count: limits.max_map_count.or(is_linux.then_some(MAX_MAP_COUNT)),
            rlimit_as: limits.address_space,
            rlimit_data: limits.data,
            commit_limit: limits.commit_left,
            memory: limits
                .ram_and_swap()
                .filter(|_| limits.overcommit_memory == Some(0)),
        }
    }

    /// A profile that describes this machine, called `here`: what is not measured follows the rule of the
    /// architecture. `None` if the window is unknown, or the system is not Linux.
    #[doc(hidden)]
    #[must_use]
    pub fn own_profile(&self) -> Option<OwnProfile<'static>> {
        let window = self.window?;
        Target::CURRENT.os.has_linux_kernel().then_some(OwnProfile {
            name: "here",
            arch: Target::CURRENT.arch,
            window,
            page_size: self.page_size,
            pie_base: None,
            legacy_base: None,
            aslr_bits_default: self.aslr_bits,
            aslr_bits_max: None,
        })
    }

    /// How much less a hole may have in another process than in this one.
    fn aslr_range(&self) -> Size {
        let own = self.own_profile().map(|own| own.profile());
        let profile = match self.va_profiles.first() {
            Some(profile) => Some(**profile),
            None => own.or_else(|| VaProfile::floor(Target::CURRENT)),
        };
        match profile.map(|profile| profile.layout) {
            Some(Layout::Linux(layout)) => {
                let bits = self.aslr_bits.unwrap_or(layout.aslr_bits_max);
                layout.aslr_range(self.page_size, bits)
            }
            Some(Layout::OneHole(_)) | None => Size::ZERO,
        }
    }

    /// The measured holes in the kernel's order, each less what ASLR can take, and of the largest two no more than
    /// `most`. Of a third one a profile guarantees nothing by itself.
    fn lowered(&self, aslr: Size, most: Option<[Size; 2]>) -> [Size; HOLES] {
        let mut by_size: Vec<usize> = (0..HOLES).collect();
        by_size.sort_by_key(|index| std::cmp::Reverse(self.in_order[*index]));
        let mut holes = self.in_order.map(|hole| hole.saturating_sub(aslr));
        for (rank, index) in by_size.into_iter().enumerate() {
            if let Some(most) = most {
                let most = most.get(rank).copied().unwrap_or(Size::ZERO);
                holes[index] = holes[index].min(most);
            }
        }
        holes
    }
}

#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests {
    use poolcfg_core::UnlimitedStack;

    use super::*;
    use crate::probe::ProbeLimits;

    /// A process of x86_64 with these holes, in the kernel's order, and these bits of ASLR.
    fn probe(in_order: [Size; HOLES], aslr_bits: Option<u32>, window: Size) -> Probe {
        let mut holes = in_order.to_vec();
        holes.sort_by_key(|hole| std::cmp::Reverse(*hole));
        let all = VaProfile::ALL.iter().flat_map(|table| table.iter());
        Probe {
            window: Some(window),
            gaps: holes.clone(),
            holes,
            page_size: Size::kib(4),
            va_profiles: all
                .filter(|profile| profile.serves(Target::CURRENT) && profile.window == window)
                .collect(),
            unlimited_stack: None,
            relocation_model: Some(RelocationModel::Pie),
            aslr_bits,
            limits: ProbeLimits::default(),
            in_order,
            is_cut_short: false,
        }
    }

    #[test]
    fn a_lucky_process_promises_what_the_profile_does() {
        const WINDOW: Size = Size::tib(128);
        let lucky = probe(
            [Size::gib(41_700), Size::tib(86), Size::gib(900)],
            Some(28),
            WINDOW,
        );
        let Basis::Profile(profile) = lucky.basis() else {
            panic!("{:?}", lucky.basis());
        };
        let [first, second] = lucky.budget(RelocationModel::Pie, None).holes();
        assert_eq!(profile.name, "va47");
        assert!(
            first < Size::gib(87_382) && first > Size::gib(87_380),
            "{first}"
        );
        assert!(second < Size::gib(41_700), "{second}");
        // Who may not read the bits counts on the most there are.
        let unread = Probe {
            aslr_bits: None,
            ..lucky.clone()
        };
        let unread = unread.budget(RelocationModel::Pie, None);
        let most = Probe {
            aslr_bits: Some(32),
            ..lucky.clone()
        };
        assert_eq!(unread, most.budget(RelocationModel::Pie, None));
        assert!(unread.holes()[1] < second);
    }

    #[test]
    fn a_process_with_less_than_its_profile_is_held_to_what_it_has() {
        const WINDOW: Size = Size::tib(128);
        let less = probe(
            [Size::gib(100), Size::tib(64), Size::ZERO],
            Some(28),
            WINDOW,
        );
        let Basis::BelowProfile { aslr, .. } = less.basis() else {
            panic!("{:?}", less.basis());
        };
        // Twice 1 TiB, the heap's and the stack's share, and an alignment.
        assert!(aslr > Size::tib(2) && aslr < Size::gib(2100), "{aslr}");
        let [first, second] = less.budget(RelocationModel::Pie, None).holes();
        assert_eq!(second, Size::ZERO);
        let kept = Size::tib(64)
            .saturating_sub(aslr)
            .saturating_sub(Size::gib(1));
        assert!(
            first <= kept && first.get() + (1 << 30) >= kept.get(),
            "{first}"
        );
        // Unless a limit of the process ended the measuring.
        let limited = Probe {
            is_cut_short: true,
            ..less
        };
        assert!(matches!(limited.basis(), Basis::Profile(_)));
    }

    #[test]
    fn without_a_profile_what_aslr_can_take_is_taken_off_each_hole() {
        let holes = [Size::tib(300), Size::tib(600), Size::ZERO];
        let unknown = probe(holes, Some(28), Size::tib(1024));
        let Basis::Measured { aslr } = unknown.basis() else {
            panic!("{:?}", unknown.basis());
        };
        assert_eq!(Some(aslr), unknown.basis().aslr());
        let [first, second] = unknown.budget(RelocationModel::Pie, None).holes();
        assert_eq!(first, Size::tib(600).saturating_sub(aslr));
        let headroom = Size::gib(1);
        assert_eq!(
            second,
            Size::tib(300).saturating_sub(aslr).saturating_sub(headroom)
        );
    }

    #[test]
    fn the_shape_is_told_by_the_layout_and_the_stack_limit() {
        let holes = [Size::gib(41_700), Size::tib(86), Size::gib(900)];
        let shape = |unlimited_stack, stack, aslr_bits| {
            let mut probe = probe(holes, aslr_bits, Size::tib(128));
            probe.unlimited_stack = unlimited_stack;
            probe.limits.stack = stack;
            probe.shape().describe().as_str().to_owned()
        };
        let usual = Some(Size::mib(8));
        assert_eq!(shape(None, usual, Some(28)), "pie, 28 bits of aslr");
        assert_eq!(shape(None, usual, None), "pie");
        assert_eq!(
            shape(None, Some(Size::gib(1)), None),
            "pie, stack limit 1 GiB"
        );
        assert_eq!(
            shape(Some(UnlimitedStack::LargeGap), None, None),
            "pie, unlimited stack"
        );
        assert_eq!(
            shape(Some(UnlimitedStack::Legacy), usual, None),
            "pie, legacy layout"
        );
        // Raised after the program had started: the layout counts.
        assert_eq!(shape(None, None, None), "pie");
    }
}
