//! The layout of the process: how large its window is, and what an unlimited stack limit has made of it.
//! Judged by where things are, not by getrlimit: the limit counts when a program starts, and may have
//! been changed since.

use poolcfg_core::{
    Arch, Aslr, Layout, LinuxLayout, RelocationModel, SearchLayout, Shape, Size, StackLimit,
    Target, UnlimitedStack, VaProfile,
};

use crate::machine::proc;
use crate::machine::{Machine, Resource};
use crate::recheck::kept::Keeper;
use crate::recheck::other_layout::OtherLayout;

/// The VA profiles of kernels that a process of this target may have met.
fn profiles(target: Target) -> impl Iterator<Item = &'static VaProfile<'static>> {
    VaProfile::ALL
        .iter()
        .flat_map(|table| table.iter())
        .filter(move |profile| profile.os.is(target.os) && profile.serves(target))
}

/// Those of them with the window and the page size of the process.
pub(crate) fn matching<M: Machine>(
    machine: &M,
) -> impl Iterator<Item = &'static VaProfile<'static>> {
    let window = window(machine).map(Size::bytes);
    let page_size = machine.page_size();
    profiles(machine.target())
        .filter(move |profile| Some(profile.window) == window && profile.page_size == page_size)
}

/// The end of what mmap searches without a hint: the smallest window of a VA profile that holds the top
/// of the stack, or else the next power of two.
pub(crate) fn window<M: Machine>(machine: &M) -> Option<u64> {
    let top = machine.stack_top()?;
    profiles(machine.target())
        .filter(|profile| profile.os.has_linux_kernel())
        .map(|profile| profile.window.get())
        .filter(|window| *window > top)
        .min()
        .or_else(|| top.checked_next_power_of_two())
}

/// What lies above the address that tells where the stack begins: the name of the program, at most.
const ABOVE_STACK_TOP: Size = Size::mib(1);

/// Whether a kernel has laid the process out: it puts the stack at the end of the window, and ASLR moves it down by so much
/// at most. An emulator of programs puts it elsewhere, and all else. Source: fs/binfmt_elf.c, randomize_stack_top.
pub(crate) fn is_of_kernel<M: Machine>(machine: &M, linux: &LinuxLayout) -> bool {
    let below = [
        linux.above_stack,
        linux.stack_randomization,
        ABOVE_STACK_TOP,
    ];
    let (Some(window), Some(top)) = (window(machine), machine.stack_top()) else {
        return false;
    };
    let lowest = below
        .iter()
        .fold(window, |left, bytes| left.saturating_sub(bytes.get()));
    top >= lowest
}

/// How much less a hole may have in another process of this machine than in this one, since ASLR places
/// each differently; 0 bytes if unknown. If `vm.mmap_rnd_bits` cannot be read, the build's number counts.
pub(crate) fn aslr_range<M: Machine>(machine: &M, aslr: Aslr) -> Size {
    let bits = aslr_bits(machine);
    matching(machine)
        .filter_map(|profile| match profile.layout {
            Layout::Linux(layout) => {
                let bits = bits.unwrap_or(aslr.bits(&layout));
                Some(layout.aslr_range(profile.page_size, bits))
            }
            Layout::OneHole(_) => None,
        })
        .max()
        .unwrap_or(Size::ZERO)
}

/// `vm.mmap_rnd_bits`, or of a 32-bit process on a 64-bit kernel `vm.mmap_rnd_compat_bits`; `None` if it cannot be
/// read. Source: mm/mmap.c (`mmap_rnd_bits`, `mmap_rnd_compat_bits`) and mm/util.c, arch_mmap_rnd.
pub(crate) fn aslr_bits<M: Machine>(machine: &M) -> Option<u32> {
    let of = |name| {
        let text = machine.text(&format!("/proc/sys/vm/{name}"))?;
        u32::try_from(proc::number(&text)?).ok()
    };
    let compat = (machine.target().pointer_width < 64).then(|| of("mmap_rnd_compat_bits"));
    compat.flatten().or_else(|| of("mmap_rnd_bits"))
}

/// Whether a target has the layouts of arch/x86/mm/mmap.c.
pub(crate) const fn is_x86(target: Target) -> bool {
    matches!(target.arch, Arch::X86 | Arch::X86_64)
}

/// Where mmap begins to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Search {
    /// The first free page that the search finds. What is free above it is, where the search runs from
    /// the top down, above its beginning and found last.
    pub(crate) first: u64,
    /// What an unlimited stack limit has done; `None` if the layout is the normal one.
    pub(crate) unlimited_stack: Option<UnlimitedStack>,
}

/// Larger than what other threads unmap all the time: what they have just unmapped may lie on either side, and a smaller
/// mapping would go there. What they map meanwhile lies behind it and stays there, so it is a small part of the headroom.
const fn large(target: Target) -> Size {
    if target.pointer_width < 64 {
        Size::mib(1)
    } else {
        Size::mib(16)
    }
}

/// Whether an address lies where x86 searches first without a stack limit.
pub(crate) const fn is_below_largest_gap(address: u64, window: u64) -> bool {
    address < window / 6
}

/// How often it is asked in which direction mmap searches.
const TRIES: u32 = 8;

/// Finds out where mmap searches; `None` if that is unknown.
pub(crate) fn search<M: Machine>(machine: &M) -> Option<Search> {
    let window = window(machine)?;
    let page = machine.page_size();
    let upwards =
        is_upwards(machine, large(machine.target())).or_else(|| is_upwards(machine, page))?;
    let first = machine.address(&machine.reserve(page).ok()?);
    let unlimited_stack = if upwards {
        Some(UnlimitedStack::Legacy)
    } else if is_x86(machine.target()) && is_below_largest_gap(first, window) {
        // From the top down, but below a gap of 5/6 of the window: arch/x86/mm/mmap.c, mmap_base.
        Some(UnlimitedStack::LargeGap)
    } else {
        None
    };
    Some(Search {
        first,
        unlimited_stack,
    })
}

/// Whether the kernel puts the second of two mappings above the first one. It has to be so twice: a thread that has just
/// started unmaps what is larger, but once.
fn is_upwards<M: Machine>(machine: &M, bytes: Size) -> Option<bool> {
    let mut last = None;
    for _ in 0..TRIES {
        let first = machine.reserve(bytes).ok()?;
        let second = machine.reserve(bytes).ok()?;
        let upwards = machine.address(&second) > machine.address(&first);
        if last.replace(upwards) == Some(upwards) {
            break;
        }
    }
    last
}

/// The shape of a process that was started like this one.
pub(crate) struct Seen {
    /// What its programs are built for.
    pub(crate) target: Target,
    /// What an unlimited stack limit has made of the layout.
    pub(crate) unlimited_stack: Option<UnlimitedStack>,
    /// The stack limit as it is now.
    pub(crate) stack: Option<Size>,
    /// How the program is linked.
    pub(crate) relocation_model: Option<RelocationModel>,
    /// Bits of ASLR in force.
    pub(crate) aslr_bits: Option<u32>,
    /// The end of what mmap searches without a hint.
    pub(crate) window: Option<Size>,
}

impl Seen {
    /// The shape, as far as it is known. The stack limit follows from the layout, which was chosen when the program
    /// started. Bits of ASLR that cannot be read count as the most there are.
    pub(crate) fn shape(&self) -> Shape {
        let finite = StackLimit::finite(self.target.pointer_width);
        let (stack_limit, layout) = match (self.unlimited_stack, self.stack) {
            // x86 has it by `setarch -L` or `vm.legacy_va_layout` only, the others by an unlimited stack as well.
            (Some(UnlimitedStack::Legacy), Some(_)) => (StackLimit::Finite, SearchLayout::Legacy),
            (Some(UnlimitedStack::Legacy), None) if is_x86(self.target) => {
                (StackLimit::Unlimited, SearchLayout::Legacy)
            }
            (Some(UnlimitedStack::LargeGap), Some(limit)) if self.is_most(limit) => {
                (StackLimit::AsUnlimited(limit), SearchLayout::Standard)
            }
            (Some(_), _) => (StackLimit::Unlimited, SearchLayout::Standard),
            (None, Some(limit)) if limit > finite => {
                (StackLimit::UpTo(limit), SearchLayout::Standard)
            }
            (None, _) => (StackLimit::Finite, SearchLayout::Standard),
        };
        Shape {
            relocation_model: self.relocation_model.unwrap_or(RelocationModel::Pie),
            stack_limit,
            aslr: self.aslr_bits.map_or(Aslr::Maximum, Aslr::Bits),
            layout,
        }
    }

    /// Whether a limit may have left what a process without one has: five sixths of the window, less what ASLR takes,
    /// are more than half of it. A smaller limit was set when the process had started without one.
    fn is_most(&self, limit: Size) -> bool {
        self.window
            .is_some_and(|window| limit.get() > window.get() / 2)
    }
}

/// Why the process is laid out otherwise than this shape; `None` if it is not, as far as is known.
pub(crate) fn other<M: Keeper>(machine: &M, shape: Shape) -> Option<OtherLayout> {
    let search = search(machine)?;
    match machine.kept().unlimited_stack(search.unlimited_stack) {
        Some(UnlimitedStack::Legacy) if is_legacy_by_personality(machine) => {
            return Some(OtherLayout::LegacyPersonality);
        }
        Some(UnlimitedStack::Legacy) if is_legacy_by_sysctl(machine) => {
            return Some(OtherLayout::LegacySysctl);
        }
        Some(unlimited_stack) => return Some(OtherLayout::UnlimitedStack(unlimited_stack)),
        None => {}
    }
    if shape.stack_limit.is_unlimited() {
        return None;
    }
    let planned = largest_stack(shape);
    let limit = machine.limit(Resource::Stack);
    let limit = limit.filter(|limit| *limit > planned)?;
    // A limit that was raised when the process had started has moved nothing.
    let gap = machine.stack_top()?.checked_sub(search.first)?;
    (gap >= limit.get()).then_some(OtherLayout::LargeStack { limit, planned })
}

/// The largest stack limit that a shape leaves room for.
pub(crate) fn largest_stack(shape: Shape) -> Size {
    let finite = StackLimit::finite(Target::CURRENT.pointer_width);
    match shape.stack_limit {
        StackLimit::Finite | StackLimit::Unlimited | StackLimit::AsUnlimited(_) => finite,
        StackLimit::UpTo(size) => size.max(finite),
    }
}

/// Source of both rules: mmap_is_legacy of mm/util.c and of
/// arch/x86/mm/mmap.c.
fn is_legacy_by_personality<M: Machine>(machine: &M) -> bool {
    let text = machine.text("/proc/self/personality");
    text.is_some_and(|text| proc::is_compat_layout(&text))
}

fn is_legacy_by_sysctl<M: Machine>(machine: &M) -> bool {
    let text = machine.text("/proc/sys/vm/legacy_va_layout");
    text.and_then(|text| proc::number(&text))
        .is_some_and(|number| number > 0)
}
