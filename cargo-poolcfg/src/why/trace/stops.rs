//! Stops: at which call a thread is, as the kernel tells it or its registers do.

use rustix::process::Pid;

use super::calls::{ARCHITECTURE, BegunCall, CallName, errno};
use super::sys;

/// Where in a call a thread has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// At its beginning; `None` where the call is of another architecture.
    Begin(Option<BegunCall>),
    /// At its end, with what it returns.
    End(i64),
}

/// The call that a filter answers with a signal, as its `siginfo_t` tells: the address of the call, its number, and its
/// architecture.
pub(super) fn of_signal(words: &[u64]) -> Option<CallName> {
    let word = words.get(3)?;
    let is_native = word >> 32 == u64::from(ARCHITECTURE);
    is_native.then(|| CallName::of_any(word & 0xffff_ffff))
}

/// The call for which a filter ends a thread, and whether that is certain: threads that are killed with it may be at the
/// beginning of a call.
pub(super) fn ended_in(pid: Pid, begun: BegunCall) -> Option<(CallName, bool)> {
    let words = sys::registers(pid).ok()?;
    ends_in(of_registers(&words), begun)
}

fn ends_in(
    (number, _, returned): (u64, [u64; 6], u64),
    begun: BegunCall,
) -> Option<(CallName, bool)> {
    let is_put_back = returned == begun.unanswered();
    let is_begun = errno(returned.cast_signed()) == Some(libc::ENOSYS);
    let is_it = number == begun.number && (is_put_back || is_begun);
    is_it.then(|| (CallName::of_any(number), is_put_back))
}

/// The call at which a thread has stopped; `None` where it is gone. `is_end` counts where the kernel does not tell.
pub(super) fn at(pid: Pid, is_end: bool) -> Option<At> {
    if let Ok(words) = sys::call(pid) {
        return of_info(&words);
    }
    let words = sys::registers(pid).ok()?;
    let (number, arguments, returned) = of_registers(&words);
    Some(match is_end {
        true => At::End(returned.cast_signed()),
        false => At::Begin(Some(BegunCall { number, arguments })),
    })
}

/// `struct ptrace_syscall_info`: op and architecture, two pointers, and then what op says.
fn of_info(words: &[u64; sys::CALL_WORDS]) -> Option<At> {
    let [kind, _, _, first, rest @ ..] = words;
    let begin = |arguments: &[u64; 7]| {
        let [a, b, c, d, e, f, _] = *arguments;
        let is_native = kind >> 32 == u64::from(ARCHITECTURE);
        let number = *first;
        let arguments = [a, b, c, d, e, f];
        At::Begin(is_native.then_some(BegunCall { number, arguments }))
    };
    match kind & 0xff {
        // PTRACE_SYSCALL_INFO_ENTRY and _SECCOMP.
        1 | 3 => Some(begin(rest)),
        // PTRACE_SYSCALL_INFO_EXIT.
        2 => Some(At::End(first.cast_signed())),
        _ => None,
    }
}

/// The number of the call, its arguments, and what it returns.
#[cfg(target_arch = "x86_64")]
fn of_registers(words: &[u64; sys::REGISTER_WORDS]) -> (u64, [u64; 6], u64) {
    // struct user_regs_struct: r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax
    let [
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        r10,
        r9,
        r8,
        rax,
        _,
        rdx,
        rsi,
        rdi,
        number,
        ..,
    ] = *words;
    (number, [rdi, rsi, rdx, r10, r8, r9], rax)
}

/// The number of the call, its arguments, and what it returns.
#[cfg(target_arch = "aarch64")]
fn of_registers(words: &[u64; sys::REGISTER_WORDS]) -> (u64, [u64; 6], u64) {
    // x0 to x30
    let [a, b, c, d, e, f, _, _, number, ..] = *words;
    (number, [a, b, c, d, e, f], a)
}

/// The number of the call, its arguments, and what it returns.
#[cfg(target_arch = "riscv64")]
fn of_registers(words: &[u64; sys::REGISTER_WORDS]) -> (u64, [u64; 6], u64) {
    // pc ra sp gp tp t0 t1 t2 s0 s1 a0 to a7
    let [
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        a,
        b,
        c,
        d,
        e,
        f,
        _,
        number,
        ..,
    ] = *words;
    (number, [a, b, c, d, e, f], a)
}

/// Which of the registers is the stack pointer.
const STACK_POINTER: usize = match () {
    () if cfg!(target_arch = "x86_64") => 19,
    () if cfg!(target_arch = "aarch64") => 31,
    () => 2,
};

/// Where the stack of a thread is at present.
pub(super) fn stack_pointer(pid: Pid) -> Option<u64> {
    sys::registers(pid).ok().map(|words| words[STACK_POINTER])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_tells_of_a_call_is_read() {
        let kind = |op: u64| op | u64::from(ARCHITECTURE) << 32;
        let mmap = u64::try_from(libc::SYS_mmap).unwrap();
        let arguments = [1, 2, 3, 4, 5, 6];
        let call = BegunCall {
            number: mmap,
            arguments,
        };
        let begun = [kind(3), 0, 0, mmap, 1, 2, 3, 4, 5, 6, 0];
        assert_eq!(of_info(&begun), Some(At::Begin(Some(call))));
        let other = [3 | 0x4000_0003 << 32, 0, 0, mmap, 1, 2, 3, 4, 5, 6, 0];
        assert_eq!(of_info(&other), Some(At::Begin(None)));
        let ended = [kind(2), 0, 0, (-12i64).cast_unsigned(), 1, 0, 0, 0, 0, 0, 0];
        assert_eq!(of_info(&ended), Some(At::End(-12)));
        assert_eq!(of_info(&[0; sys::CALL_WORDS]), None);
    }

    #[test]
    fn a_call_that_was_not_made_is_told_from_one_that_waits() {
        let arguments = [1, 2, 3, 4, 5, 6];
        let socket = u64::try_from(libc::SYS_socket).unwrap();
        let begun = BegunCall {
            number: socket,
            arguments,
        };
        let of =
            |number, returned: i64| ends_in((number, arguments, returned.cast_unsigned()), begun);
        let name = CallName::Other(socket);
        let put_back = begun.unanswered().cast_signed();
        assert_eq!(of(socket, put_back), Some((name, true)));
        assert_eq!(of(socket, -38), Some((name, false)));
        // ERESTARTSYS, and a program that runs.
        assert_eq!(of(socket, -512), None);
        assert_eq!(of(u64::MAX, put_back), None);
    }
}
