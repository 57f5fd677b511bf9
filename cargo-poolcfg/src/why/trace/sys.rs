//! The system calls of tracing: ptrace(2), fork, exec, and signals. The only unsafe code of this crate.
//!
//! rustix has neither ptrace nor fork; nix has both, but its types know no real-time signals, which have to be passed on.
//! `inherited` looks before `main` at what the standard library changes.

mod inherited;

use std::ffi::{CString, c_long};
use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::ptr;

use libc::{sigset_t, sock_filter, sock_fprog};
use rustix::process::Pid;

pub(super) use inherited::{close_again, restore_sigpipe};

const CONT: c_long = 7;
const SYSCALL: c_long = 24;
const GETEVENTMSG: c_long = 0x4201;
const GETSIGINFO: c_long = 0x4202;
const GETREGSET: c_long = 0x4204;
const SEIZE: c_long = 0x4206;
const INTERRUPT: c_long = 0x4207;
const LISTEN: c_long = 0x4208;
const GET_SYSCALL_INFO: c_long = 0x420e;

/// The registers of a program, for GETREGSET.
const NT_PRSTATUS: c_long = 1;

const SECCOMP_SET_MODE_FILTER: c_long = 1;

/// The words of `struct ptrace_syscall_info`.
pub(super) const CALL_WORDS: usize = 11;

/// The words of `struct user_regs_struct`, of the architecture that has the most.
pub(super) const REGISTER_WORDS: usize = 40;

/// The most bytes that the registers of a thread of 32 bits have: those of riscv.
const NARROW_REGISTERS: usize = 128;

/// The words of `siginfo_t`.
const SIGNAL_WORDS: usize = 16;

/// How a thread that has stopped goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resume {
    /// To the next stop.
    Cont,
    /// To the next beginning or end of a system call.
    Syscall,
    /// It stays stopped, as a signal wants it, and tells when it goes on.
    Listen,
}

fn result(returned: c_long) -> io::Result<c_long> {
    match returned {
        -1 => Err(io::Error::last_os_error()),
        value => Ok(value),
    }
}

/// A request that neither reads nor writes memory of this process.
fn request(request: c_long, pid: Pid, data: c_long) -> io::Result<()> {
    let pid = c_long::from(pid.as_raw_nonzero().get());
    // SAFETY: the requests that this function is called with take numbers alone, so that the kernel touches no memory of
    // this process.
    let returned = unsafe { libc::syscall(libc::SYS_ptrace, request, pid, 0 as c_long, data) };
    result(returned).map(|_| ())
}

/// A request that writes words into a buffer, of as many bytes at most as `address` says, where it says so.
fn read<const N: usize>(request: c_long, pid: Pid, address: c_long) -> io::Result<[u64; N]> {
    let mut words = [0u64; N];
    let pid = c_long::from(pid.as_raw_nonzero().get());
    // SAFETY: each caller's buffer has as many bytes as the kernel writes at most, and any bytes are a word.
    let returned =
        unsafe { libc::syscall(libc::SYS_ptrace, request, pid, address, words.as_mut_ptr()) };
    result(returned).map(|_| words)
}

/// Begins to trace a process, which goes on running.
pub(super) fn seize(pid: Pid, options: c_long) -> io::Result<()> {
    request(SEIZE, pid, options)
}

/// Lets a thread go on, with a signal if there is one to be delivered.
pub(super) fn resume(pid: Pid, how: Resume, signal: i32) -> io::Result<()> {
    let how = match how {
        Resume::Cont => CONT,
        Resume::Syscall => SYSCALL,
        Resume::Listen => LISTEN,
    };
    request(how, pid, c_long::from(signal))
}

/// Makes a running thread stop.
pub(super) fn interrupt(pid: Pid) -> io::Result<()> {
    request(INTERRUPT, pid, 0)
}

/// What belongs to an event: a thread's number, or a status.
pub(super) fn event_message(pid: Pid) -> io::Result<u64> {
    read::<1>(GETEVENTMSG, pid, 0).map(|[word]| word)
}

/// The `siginfo_t` of the signal at which a thread has stopped.
pub(super) fn signal(pid: Pid) -> io::Result<[u64; SIGNAL_WORDS]> {
    read(GETSIGINFO, pid, 0)
}

/// The `struct ptrace_syscall_info` of the call at which a thread has stopped, from Linux 5.3 on.
pub(super) fn call(pid: Pid) -> io::Result<[u64; CALL_WORDS]> {
    const BYTES: c_long = 88;
    const { assert!(size_of::<[u64; CALL_WORDS]>() == 88) };
    read(GET_SYSCALL_INFO, pid, BYTES)
}

/// The registers of a thread that has stopped; an error of one of 32 bits, which has others.
pub(super) fn registers(pid: Pid) -> io::Result<[u64; REGISTER_WORDS]> {
    let mut words = [0u64; REGISTER_WORDS];
    let mut place = libc::iovec {
        iov_base: words.as_mut_ptr().cast(),
        iov_len: size_of_val(&words),
    };
    let pid = c_long::from(pid.as_raw_nonzero().get());
    let request = GETREGSET;
    // SAFETY: the kernel writes `iov_len` bytes at most to `iov_base`, both of `words`, which outlives the call.
    let returned =
        unsafe { libc::syscall(libc::SYS_ptrace, request, pid, NT_PRSTATUS, &raw mut place) };
    result(returned)?;
    // So much has been written.
    match place.iov_len <= NARROW_REGISTERS {
        true => Err(io::ErrorKind::Unsupported.into()),
        false => Ok(words),
    }
}

/// Makes a second process of this one; `None` in the new one.
pub(super) fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: no other thread of this process holds a lock: the command starts none, or one that waits for this one to
    // end and was locked out of nothing when it began to wait. So the new process may do what any may.
    let pid = unsafe { libc::fork() };
    result(pid.into())?;
    Ok(Pid::from_raw(pid))
}

/// Ends this process at once, as what was forked has to: nothing is run that the first process runs at its end.
pub(super) fn exit_now(status: u8) -> ! {
    // SAFETY: it takes a number, and does not return.
    unsafe { libc::_exit(status.into()) }
}

/// Installs a filter for this process and all that it starts.
pub(super) fn install(program: &mut [sock_filter]) -> io::Result<()> {
    let filter = sock_fprog {
        len: u16::try_from(program.len()).map_err(io::Error::other)?,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: `filter` is `len` instructions of `program`, which the kernel copies before it returns.
    let returned = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            SECCOMP_SET_MODE_FILTER,
            0 as c_long,
            &raw const filter,
        )
    };
    result(returned).map(|_| ())
}

/// Whether the kernel takes filters at all.
pub(super) fn takes_filters() -> bool {
    // SAFETY: the kernel refuses the null pointer with EFAULT, and without filters all of it with EINVAL or ENOSYS.
    let returned = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            SECCOMP_SET_MODE_FILTER,
            0 as c_long,
            ptr::null::<sock_fprog>(),
        )
    };
    result(returned).is_err_and(|error| error.raw_os_error() == Some(libc::EFAULT))
}

/// Becomes another program, looked for in PATH where its name has no slash; returns only why it cannot.
pub(super) fn exec(words: &[CString]) -> io::Error {
    let mut pointers: Vec<*const libc::c_char> = words.iter().map(|word| word.as_ptr()).collect();
    let Some(program) = pointers.first().copied() else {
        return io::ErrorKind::InvalidInput.into();
    };
    pointers.push(ptr::null());
    // SAFETY: each pointer is that of a CString, which ends with a NUL and outlives the call, and a null pointer ends them.
    unsafe { libc::execvp(program, pointers.as_ptr()) };
    io::Error::last_os_error()
}

/// The signals that were blocked before.
pub(super) struct SignalMask(sigset_t);

/// Every signal but those of a fault of this process itself.
fn all_signals() -> sigset_t {
    let mut set = MaybeUninit::<sigset_t>::uninit();
    // SAFETY: it fills the set.
    unsafe { libc::sigfillset(set.as_mut_ptr()) };
    // SAFETY: the set is filled.
    let mut set = unsafe { set.assume_init() };
    for fault in [
        libc::SIGSEGV,
        libc::SIGBUS,
        libc::SIGILL,
        libc::SIGFPE,
        libc::SIGABRT,
        libc::SIGSYS,
        libc::SIGTRAP,
    ] {
        // SAFETY: `set` is a set, and the signal one that there is.
        unsafe { libc::sigdelset(&raw mut set, fault) };
    }
    set
}

/// Blocks every signal in this thread.
pub(super) fn block_signals() -> SignalMask {
    let all = all_signals();
    let mut before = all;
    // SAFETY: both are sets; the kernel reads one and writes the other.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut before) };
    SignalMask(before)
}

/// Blocks what was blocked before, and nothing else.
pub(super) fn set_mask(mask: &SignalMask) {
    // SAFETY: the set is one that the kernel has written; nothing is written back.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask.0, ptr::null_mut()) };
}

/// Lets a blocked signal that waits do what it does, and blocks it again.
pub(super) fn let_through(signal: i32) {
    let mut set = MaybeUninit::<sigset_t>::uninit();
    // SAFETY: it fills the set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: the set is filled.
    let mut set = unsafe { set.assume_init() };
    // SAFETY: `set` is a set; a signal that there is not is refused.
    unsafe { libc::sigaddset(&raw mut set, signal) };
    for how in [libc::SIG_UNBLOCK, libc::SIG_BLOCK] {
        // SAFETY: the set is one that was filled; nothing is written back.
        unsafe { libc::pthread_sigmask(how, &raw const set, ptr::null_mut()) };
    }
}

/// Sends a signal, be it a real-time one; a process that is gone gets none.
pub(super) fn kill(pid: i32, signal: i32) {
    // SAFETY: it takes numbers, and any are allowed.
    unsafe { libc::kill(pid, signal) };
}

/// A file from which blocked signals are read.
pub(super) fn signal_file() -> io::Result<OwnedFd> {
    let all = all_signals();
    // SAFETY: `all` is a set, which the kernel copies.
    let file = unsafe { libc::signalfd(-1, &raw const all, libc::SFD_CLOEXEC) };
    result(file.into())?;
    // SAFETY: the kernel has just made it, and nothing else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(file) })
}

/// Closes every file but these, of a process that was forked and owns no others.
pub(super) fn close_others(kept: &[BorrowedFd<'_>]) {
    let Ok(open) = fs::read_dir("/proc/self/fd") else {
        return;
    };
    let open: Vec<i32> = open
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for file in open {
        if file > 2 && kept.iter().all(|kept| kept.as_raw_fd() != file) {
            // SAFETY: nothing of this process uses it from here on: what the first process owned is never dropped here,
            // since this one ends by `exit_now`.
            unsafe { libc::close(file) };
        }
    }
}
