//! The machine under the process, as far as a recheck asks it: reservations, the texts of /proc, limits
//! and variables. A trait, so that the decisions can be tested against machines that are not here.

pub(crate) mod cgroup;
pub(crate) mod elf;
pub(crate) mod live_pools;
pub(crate) mod overcommit;
pub mod proc;
pub(crate) mod swap;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::string::FromUtf8Error;

use poolcfg_core::{RelocationModel, Size, Target};

use crate::machine::live_pools::Holding;
use crate::sys::{self, wide};

/// A limit of the process that getrlimit tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    /// `RLIMIT_AS`
    AddressSpace,
    /// `RLIMIT_DATA`
    Data,
    /// `RLIMIT_MEMLOCK`
    Memlock,
    /// `RLIMIT_STACK`
    Stack,
}

/// What a recheck asks of the machine.
pub(crate) trait Machine {
    /// A reservation, given back on drop.
    type Mapping;

    /// What programs of it are built for.
    fn target(&self) -> Target;

    /// Whether the program is a PIE; `None` if its file cannot be read.
    fn relocation_model(&self) -> Option<RelocationModel>;

    /// Reserves inaccessible address space.
    fn reserve(&self, bytes: Size) -> io::Result<Self::Mapping>;

    /// Reserves inaccessible address space that begins at this address, where nothing is.
    fn reserve_at(&self, start: u64, bytes: Size) -> io::Result<Self::Mapping>;

    /// Where a reservation begins.
    fn address(&self, mapping: &Self::Mapping) -> u64;

    /// How large a reservation is.
    fn bytes(&self, mapping: &Self::Mapping) -> Size;

    /// The text of a file; `None` if it cannot be read.
    fn text(&self, path: &str) -> Option<String>;

    /// A limit of the process; `None` if there is none.
    fn limit(&self, resource: Resource) -> Option<Size>;

    /// Bytes of a page.
    fn page_size(&self) -> Size;

    /// An environment variable.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// The names of all environment variables, as far as they are Unicode.
    fn variables(&self) -> Vec<String>;

    /// An address near the end of the window, at the top of the stack; `None` if the system does
    /// not tell.
    fn stack_top(&self) -> Option<u64>;

    /// What the pools of the process hold already.
    fn holdings(&self) -> Vec<Holding>;
}

/// What a machine takes from another one, in the field `machine`: all but reservations and files.
macro_rules! as_of_machine {
    () => {
        fn target(&self) -> poolcfg_core::Target {
            self.machine.target()
        }

        fn relocation_model(&self) -> Option<poolcfg_core::RelocationModel> {
            self.machine.relocation_model()
        }

        fn limit(&self, resource: $crate::machine::Resource) -> Option<poolcfg_core::Size> {
            self.machine.limit(resource)
        }

        fn page_size(&self) -> poolcfg_core::Size {
            self.machine.page_size()
        }

        fn variable(&self, name: &str) -> Option<std::ffi::OsString> {
            self.machine.variable(name)
        }

        fn variables(&self) -> Vec<String> {
            self.machine.variables()
        }

        fn stack_top(&self) -> Option<u64> {
            self.machine.stack_top()
        }

        fn holdings(&self) -> Vec<$crate::machine::live_pools::Holding> {
            self.machine.holdings()
        }
    };
}

pub(crate) use as_of_machine;

/// The machine that is here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ThisMachine;

impl Machine for ThisMachine {
    type Mapping = sys::OwnedMapping;

    fn target(&self) -> Target {
        Target::CURRENT
    }

    /// By the header of the program's file.
    fn relocation_model(&self) -> Option<RelocationModel> {
        if !Target::CURRENT.os.has_linux_kernel() {
            return None;
        }
        let mut header = [0; elf::HEADER];
        let mut file = File::open("/proc/self/exe").ok()?;
        file.read_exact(&mut header).ok()?;
        elf::relocation_model(&header)
    }

    fn reserve(&self, bytes: Size) -> io::Result<sys::OwnedMapping> {
        sys::OwnedMapping::reserve(bytes)
    }

    fn reserve_at(&self, start: u64, bytes: Size) -> io::Result<sys::OwnedMapping> {
        sys::OwnedMapping::reserve_at(start, bytes)
    }

    fn address(&self, mapping: &sys::OwnedMapping) -> u64 {
        wide(mapping.address())
    }

    fn bytes(&self, mapping: &sys::OwnedMapping) -> Size {
        Size::bytes(wide(mapping.len()))
    }

    fn text(&self, path: &str) -> Option<String> {
        if !cfg!(any(target_os = "linux", target_os = "android")) {
            return None;
        }
        // The kernel tells no size of these files, so none is asked for, which `std::fs::read` does: most are shorter.
        let mut bytes = Vec::with_capacity(4096);
        let file = File::open(path).ok()?;
        file.take(u64::MAX).read_to_end(&mut bytes).ok()?;
        // A file name in /proc/self/maps may be anything.
        let lossy = |error: FromUtf8Error| String::from_utf8_lossy(error.as_bytes()).into_owned();
        Some(String::from_utf8(bytes).unwrap_or_else(lossy))
    }

    #[cfg(unix)]
    fn limit(&self, resource: Resource) -> Option<Size> {
        use rustix::process::{Resource as Rlimit, getrlimit};
        let resource = match resource {
            #[cfg(not(target_os = "openbsd"))]
            Resource::AddressSpace => Rlimit::As,
            #[cfg(target_os = "openbsd")]
            Resource::AddressSpace => return None,
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Resource::Data => Rlimit::Data,
            // Elsewhere it does not count what mprotect makes writable.
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            Resource::Data => return None,
            #[cfg(not(any(target_os = "illumos", target_os = "solaris")))]
            Resource::Memlock => Rlimit::Memlock,
            #[cfg(any(target_os = "illumos", target_os = "solaris"))]
            Resource::Memlock => return None,
            Resource::Stack => Rlimit::Stack,
        };
        getrlimit(resource).current.map(Size::bytes)
    }

    #[cfg(not(unix))]
    fn limit(&self, _resource: Resource) -> Option<Size> {
        None
    }

    fn page_size(&self) -> Size {
        Size::bytes(wide(sys::page_size()))
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn variables(&self) -> Vec<String> {
        std::env::vars_os()
            .filter_map(|(name, _)| name.into_string().ok())
            .collect()
    }

    /// `AT_EXECFN` lies at the very top of the stack, which the kernel puts at the end of the window
    /// that it searches without a hint.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn stack_top(&self) -> Option<u64> {
        let name = rustix::param::linux_execfn().as_ptr();
        Some(wide(name.addr())).filter(|address| *address > 0)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn stack_top(&self) -> Option<u64> {
        None
    }

    fn holdings(&self) -> Vec<Holding> {
        live_pools::holdings()
    }
}
