//! The calls at which a command stops, and what their arguments say.

use std::borrow::Cow;
use std::ffi::c_long;

use serde::{Deserialize, Serialize};

use super::names::name_of;

/// A call for memory, or one that changes which calls are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum CallName {
    Mmap,
    Mremap,
    Mprotect,
    PkeyMprotect,
    Brk,
    Munmap,
    Madvise,
    Mlock,
    Mlock2,
    Mlockall,
    Seccomp,
    Prctl,
    /// At which no command stops: it is killed in it.
    Execve,
    /// Another one, by its number: a filter has ended a process for it.
    Other(u64),
}

/// Each at which a command stops, with its number.
pub(super) const TRACED: [(c_long, CallName); 12] = [
    (libc::SYS_mmap, CallName::Mmap),
    (libc::SYS_mremap, CallName::Mremap),
    (libc::SYS_mprotect, CallName::Mprotect),
    (libc::SYS_pkey_mprotect, CallName::PkeyMprotect),
    (libc::SYS_brk, CallName::Brk),
    (libc::SYS_munmap, CallName::Munmap),
    (libc::SYS_madvise, CallName::Madvise),
    (libc::SYS_mlock, CallName::Mlock),
    (libc::SYS_mlock2, CallName::Mlock2),
    (libc::SYS_mlockall, CallName::Mlockall),
    (libc::SYS_seccomp, CallName::Seccomp),
    (libc::SYS_prctl, CallName::Prctl),
];

/// `prctl` of these alone: to install a filter, and to refuse memory that is writable and executable.
const PRCTL: [u32; 2] = [PR_SET_SECCOMP, PR_SET_MDWE];
const PR_SET_SECCOMP: u32 = 22;
const PR_SET_MDWE: u32 = 65;

/// `madvise` of these alone, as `MADV_…` says: they may split a mapping. Others are made for every request of a server.
const MADVISE: [u32; 13] = [0, 1, 2, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];

/// From here on an error is the kernel's own, and the call begins anew.
pub(super) const RESTART: i32 = 512;

/// As `AUDIT_ARCH_…` of linux/audit.h.
#[cfg(target_arch = "x86_64")]
pub(super) const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
pub(super) const ARCHITECTURE: u32 = 0xc000_00b7;
#[cfg(target_arch = "riscv64")]
pub(super) const ARCHITECTURE: u32 = 0xc000_00f3;

impl CallName {
    pub(super) fn of(number: u64) -> Option<Self> {
        let number = c_long::try_from(number).ok()?;
        let found = TRACED.iter().find(|(known, _)| *known == number);
        found.map(|(_, name)| *name)
    }

    /// The same of any call of this architecture.
    pub(super) fn of_any(number: u64) -> Self {
        Self::of(number).unwrap_or(Self::Other(number))
    }

    /// Whether a command stops at it.
    pub(crate) const fn is_traced(self) -> bool {
        !matches!(self, Self::Execve | Self::Other(_))
    }

    /// The argument that tells whether a command stops at it, and the values at which it does; `None` where it always does.
    pub(super) const fn stops_for(self) -> Option<(usize, &'static [u32])> {
        match self {
            Self::Prctl => Some((0, &PRCTL)),
            Self::Madvise => Some((2, &MADVISE)),
            _ => None,
        }
    }

    /// As manuals write it.
    pub(crate) fn text(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Mmap => "mmap",
            Self::Mremap => "mremap",
            Self::Mprotect => "mprotect",
            Self::PkeyMprotect => "pkey_mprotect",
            Self::Brk => "brk",
            Self::Munmap => "munmap",
            Self::Madvise => "madvise",
            Self::Mlock => "mlock",
            Self::Mlock2 => "mlock2",
            Self::Mlockall => "mlockall",
            Self::Seccomp => "seccomp",
            Self::Prctl => "prctl",
            Self::Execve => "execve",
            Self::Other(number) => match name_of(number) {
                Some(name) => name,
                None => return Cow::Owned(format!("system call {number}")),
            },
        })
    }
}

/// A call that has begun, be it one of ours or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BegunCall {
    pub(super) number: u64,
    pub(super) arguments: [u64; 6],
}

impl BegunCall {
    /// What is in the place of the returned value where no call was made: the kernel has put back what was there.
    pub(super) const fn unanswered(&self) -> u64 {
        match cfg!(target_arch = "x86_64") {
            true => self.number,
            false => self.arguments[0],
        }
    }
}

/// A call of ours that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TracedCall {
    pub(super) name: CallName,
    pub(super) arguments: [u64; 6],
}

impl TracedCall {
    /// `None` of a call that is none of ours.
    pub(super) fn of(begun: BegunCall) -> Option<Self> {
        let arguments = begun.arguments;
        CallName::of(begun.number).map(|name| Self { name, arguments })
    }

    /// Whether it makes memory that is there executable or writable.
    pub(super) const fn is_protect(&self) -> bool {
        matches!(self.name, CallName::Mprotect | CallName::PkeyMprotect)
    }

    /// Whether it changes how memory that is there is mapped.
    pub(super) const fn is_of_mapping(&self) -> bool {
        matches!(
            self.name,
            CallName::Mremap | CallName::Munmap | CallName::Madvise
        )
    }

    /// Whether it keeps memory in RAM.
    pub(super) const fn is_lock(&self) -> bool {
        matches!(
            self.name,
            CallName::Mlock | CallName::Mlock2 | CallName::Mlockall
        )
    }

    /// As `PROT_…` says, where it says so.
    pub(super) fn protection(&self) -> u32 {
        let protection = match self.name {
            CallName::Mmap | CallName::Mprotect | CallName::PkeyMprotect => self.arguments[2],
            _ => 0,
        };
        u32::try_from(protection & 0xff).unwrap_or(0)
    }

    /// Whether it is glibc's for a heap of a thread (`new_heap` of malloc/arena.c): 64 MiB, or twice that to align it.
    pub(super) fn is_arena(&self) -> bool {
        const PRIVATE_ANONYMOUS_NORESERVE: u64 = 0x4022;
        let [address, bytes, protection, flags, ..] = self.arguments;
        self.name == CallName::Mmap
            && [64 << 20, 128 << 20].contains(&bytes)
            && (address, protection, flags) == (0, 0, PRIVATE_ANONYMOUS_NORESERVE)
    }

    /// Whether it maps what nobody writes to or runs.
    pub(super) const fn only_reads(&self) -> bool {
        const READ: u64 = 1;
        const SHARED: u64 = 1;
        let [_, _, protection, flags, ..] = self.arguments;
        matches!(self.name, CallName::Mmap) && protection == READ && flags & SHARED == 0
    }

    /// Whether it takes no more memory, and fails for lack of mappings alone.
    pub(super) const fn only_splits(&self) -> bool {
        matches!(self.name, CallName::Munmap | CallName::Madvise)
    }

    /// The file that it maps.
    pub(super) fn file(&self) -> Option<u64> {
        const ANONYMOUS: u64 = 0x20;
        let [.., flags, descriptor, _] = self.arguments;
        let is_file = self.name == CallName::Mmap && flags & ANONYMOUS == 0;
        is_file.then_some(descriptor)
    }

    /// Whether it installs a filter.
    pub(super) fn installs_filter(&self) -> bool {
        match self.name {
            CallName::Seccomp => self.arguments[0] <= 1,
            CallName::Prctl => self.arguments[0] == u64::from(PR_SET_SECCOMP),
            _ => false,
        }
    }
}

/// Whether a returned value is an error, and which.
pub(super) fn errno(returned: i64) -> Option<i32> {
    let errno = i32::try_from(returned.checked_neg()?).ok()?;
    (1..4096).contains(&errno).then_some(errno)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_small_negative_number() {
        assert_eq!(errno(-12), Some(12));
        assert_eq!(errno(-4095), Some(4095));
        for value in [0, 1, -4096, i64::MIN, i64::MAX] {
            assert_eq!(errno(value), None, "{value}");
        }
    }
}
