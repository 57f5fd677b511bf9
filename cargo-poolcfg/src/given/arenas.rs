//! Arenas: what glibc's malloc takes of a small limit on address space, thread by thread, and how a program is kept from
//! it.

use std::thread::available_parallelism;

use poolcfg_core::{Budget, Os, ProcessLimits, Size, Target};

/// Address space from which a thread allocates, on 64 bits. Source: `HEAP_MAX_SIZE` in malloc/arena.c (2.41).
const ARENA: Size = Size::mib(64);

/// What the `wasmtime` command maps of itself at most, without arenas and memories: 62 MiB with 45.0.2 on x86_64.
const PROGRAM: Size = Size::mib(64);

/// The threads of a server that allocate beside one for each processor, and the arena's length that is mapped to align
/// one: `wasmtime serve` has taken five on two processors.
const BESIDE: u64 = 3;

/// Processors of a machine that is not measured.
const USUAL: u64 = 4;

/// What should be known where `RLIMIT_AS` leaves a program less beside its pool than its threads reserve; `None` if they
/// have room. The kernel counts arenas though nothing lies in them.
pub(crate) fn note(budget: &Budget, target: Target, is_here: bool) -> Option<String> {
    budget.limits.rlimit_as?;
    let reserved = reserved(target, is_here)?;
    (budget.headroom < reserved).then(|| {
        format!(
            "glibc reserves {ARENA} of address space for each thread that allocates, and `RLIMIT_AS` leaves {} beside the memories: \
             start the program with `MALLOC_ARENA_MAX=1`",
            budget.headroom
        )
    })
}

/// What a program takes that allocates with glibc's malloc, on this machine or on a usual one; `None` where arenas are small.
fn reserved(target: Target, is_here: bool) -> Option<Size> {
    if target.os != Os::Linux || target.pointer_width < 64 {
        return None;
    }
    let processors = match available_parallelism() {
        Ok(processors) if is_here => u64::try_from(processors.get()).ok()?,
        _ => USUAL,
    };
    let threads = ARENA.checked_mul(processors.checked_add(BESIDE)?)?;
    PROGRAM.checked_add(threads)
}

/// The headroom that such a program needs on this machine where `RLIMIT_AS` is small and the usual one is less: up to half
/// of the limit, beyond which `note` says what to do. Each start is a race of its threads with its pool: `wasmtime serve`
/// of 45.0.2 failed once in some hundred starts under 1 GiB with 256 MiB.
pub(crate) fn headroom(limits: &ProcessLimits, usual: Size, target: Target) -> Option<Size> {
    let limit = limits.rlimit_as?;
    let half = Size::bytes(limit.get() / 2).round_down(Size::mib(1));
    let headroom = reserved(target, true)?.min(half);
    (headroom > usual).then_some(headroom)
}

#[cfg(test)]
mod tests {
    use poolcfg_core::{Arch, Shape, VaProfile};

    use super::*;

    fn said(target: Target, headroom: Size, limits: ProcessLimits) -> Option<String> {
        let profile = VaProfile::floor(target).unwrap();
        let budget = Budget::new(&profile, Shape::DEFAULT, Some(headroom)).with_limits(limits);
        note(&budget, target, false)
    }

    #[test]
    fn a_small_limit_on_address_space_is_told_of_arenas() {
        let target = Target::new(Arch::X86_64, Os::Linux, 64);
        let bounded = ProcessLimits {
            rlimit_as: Some(Size::mib(320)),
            ..ProcessLimits::LINUX
        };
        assert_eq!(
            said(target, Size::mib(256), bounded).as_deref(),
            Some(
                "glibc reserves 64 MiB of address space for each thread that allocates, and `RLIMIT_AS` leaves 256 MiB beside \
                 the memories: start the program with `MALLOC_ARENA_MAX=1`"
            )
        );
        assert_eq!(said(target, Size::mib(512), bounded), None);
        // Nothing else counts what nobody writes.
        let written = ProcessLimits {
            rlimit_data: Some(Size::mib(320)),
            ..ProcessLimits::LINUX
        };
        assert_eq!(said(target, Size::mib(256), written), None);
        // On 32 bits an arena has 1 MiB.
        let small = Target::new(Arch::Arm, Os::Linux, 32);
        assert_eq!(said(small, Size::mib(256), bounded), None);
    }

    #[test]
    fn a_small_limit_leaves_the_arenas_room_up_to_half_of_it() {
        let target = Target::new(Arch::X86_64, Os::Linux, 64);
        let of = |limit, usual| {
            let limits = ProcessLimits {
                rlimit_as: Some(limit),
                ..ProcessLimits::LINUX
            };
            headroom(&limits, usual, target)
        };
        // However many processors this machine has.
        assert_eq!(of(Size::mib(400), Size::mib(150)), Some(Size::mib(200)));
        assert_eq!(of(Size::mib(400), Size::mib(256)), None);
        let all = reserved(target, true).unwrap();
        assert_eq!(of(Size::tib(1), Size::mib(256)), Some(all));
        assert_eq!(of(Size::tib(1), all), None);
        assert_eq!(
            headroom(&ProcessLimits::LINUX, Size::mib(256), target),
            None
        );
    }
}
