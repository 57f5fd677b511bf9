//! Limits put on a process: before it is executed where they are inherited, and in itself where they are not;
//! and settings of the whole machine, put back in the end.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;

use poolcfg_core::Size;
use poolcfg_tests_kernels::{Injected, Obstacle, Oddity};
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use seccompiler::{SeccompAction, SeccompFilter, TargetArch, apply_filter};

/// How much of a limit there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strength {
    /// The limit is as it is everywhere.
    Off,
    /// It is in the way.
    On,
    /// It is in force, and as high as the message says that it has to be.
    Raised(u64),
}

impl Strength {
    /// The strength of this word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        match word {
            "off" => Some(Self::Off),
            "on" => Some(Self::On),
            need => need.parse().ok().map(Self::Raised),
        }
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::On => f.write_str("on"),
            Self::Raised(need) => write!(f, "{need}"),
        }
    }
}

/// A limit of the process, and how low it is.
const fn rlimit(obstacle: Obstacle) -> Option<(Resource, Size)> {
    match obstacle {
        Obstacle::RlimitAs => Some((Resource::As, Size::gib(64))),
        Obstacle::RlimitData => Some((Resource::Data, Size::mib(200))),
        Obstacle::RlimitMemlock => Some((Resource::Memlock, Size::mib(60))),
        _ => None,
    }
}

/// Puts on this process what the program that it executes next inherits.
pub(crate) fn inherited(injected: Injected, strength: Strength) -> Result<(), String> {
    let set = |resource, current: Option<u64>| {
        // Who may, raises the hard limit with it.
        let maximum = getrlimit(resource).maximum;
        let maximum = maximum.and_then(|hard| Some(hard.max(current?)));
        let limit = Rlimit { current, maximum };
        setrlimit(resource, limit).map_err(|error| format!("{resource:?}: {error}"))
    };
    match injected {
        Injected::Obstacle(Obstacle::UnlimitedStack) => {
            let size = (strength != Strength::On).then_some(Size::mib(8).get());
            set(Resource::Stack, size)
        }
        Injected::Obstacle(obstacle) => match (rlimit(obstacle), strength) {
            (None, _) | (_, Strength::Off) => Ok(()),
            (Some((resource, low)), Strength::On) => set(resource, Some(low.get())),
            (Some((resource, _)), Strength::Raised(need)) => set(resource, Some(need)),
        },
        Injected::Oddity(Oddity::MemoryCgroup) if strength == Strength::On => join_cgroup(),
        Injected::Oddity(_) => Ok(()),
    }
}

/// Puts on this process what it does not inherit.
pub(crate) fn own(injected: Injected, strength: Strength) -> Result<(), String> {
    match injected {
        Injected::Obstacle(Obstacle::RlimitMemlock) if strength != Strength::Off => lock_all(),
        Injected::Obstacle(Obstacle::Seccomp) => match strength {
            Strength::Off => Ok(()),
            Strength::On => refuse(libc::SYS_mmap),
            // A filter that allows it.
            Strength::Raised(_) => refuse(libc::SYS_reboot),
        },
        _ => Ok(()),
    }
}

/// Who may lock all it wants is refused nothing, so that is given up.
fn lock_all() -> Result<(), String> {
    let text = |error: rustix::io::Errno| format!("locking: {error}");
    let mut sets = capabilities(None).map_err(text)?;
    sets.effective.remove(CapabilitySet::IPC_LOCK);
    set_capabilities(None, sets).map_err(text)?;
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE).map_err(text)
}

/// Has a system call of this process refused with EPERM from now on.
fn refuse(call: i64) -> Result<(), String> {
    let rules = BTreeMap::from([(call, Vec::new())]);
    let architecture = TargetArch::try_from(std::env::consts::ARCH);
    let program = architecture
        .and_then(|architecture| {
            SeccompFilter::new(
                rules,
                SeccompAction::Allow,
                SeccompAction::Errno(rustix::io::Errno::PERM.raw_os_error().unsigned_abs()),
                architecture,
            )
        })
        .and_then(TryInto::<seccompiler::BpfProgram>::try_into)
        .map_err(|error| error.to_string())?;
    apply_filter(&program).map_err(|error| error.to_string())
}

const CGROUPS: &str = "/sys/fs/cgroup";

/// Joins a memory cgroup of 64 MiB.
fn join_cgroup() -> Result<(), String> {
    let own = format!("{CGROUPS}/poolcfg");
    write(&format!("{CGROUPS}/cgroup.subtree_control"), "+memory")?;
    fs::create_dir_all(&own).map_err(|error| format!("`{own}`: {error}"))?;
    write(
        &format!("{own}/memory.max"),
        &Size::mib(64).get().to_string(),
    )?;
    write(&format!("{own}/cgroup.procs"), "0")
}

/// Settings of the machine, put back on drop.
pub(crate) struct Settings(Vec<(&'static str, String)>);

impl Settings {
    /// Puts on the whole machine what is a setting of it.
    pub(crate) fn of_the_machine(injected: Injected, strength: Strength) -> Result<Self, String> {
        let mut settings = Self(Vec::new());
        match (injected, strength) {
            (_, Strength::Off) => {}
            (Injected::Obstacle(Obstacle::MaxMapCount), Strength::On) => {
                settings.set("/proc/sys/vm/max_map_count", "4096")?;
            }
            (Injected::Obstacle(Obstacle::MaxMapCount), Strength::Raised(need)) => {
                settings.set("/proc/sys/vm/max_map_count", &need.to_string())?;
            }
            (Injected::Obstacle(Obstacle::Overcommit), strength) => {
                if let Strength::Raised(_) = strength {
                    settings.set("/proc/sys/vm/overcommit_ratio", "300")?;
                }
                settings.set("/proc/sys/vm/overcommit_memory", "2")?;
            }
            _ => {}
        }
        Ok(settings)
    }

    fn set(&mut self, path: &'static str, value: &str) -> Result<(), String> {
        let before = fs::read_to_string(path).map_err(|error| format!("`{path}`: {error}"))?;
        write(path, value)?;
        self.0.push((path, before));
        Ok(())
    }
}

impl Drop for Settings {
    fn drop(&mut self) {
        for (path, before) in self.0.iter().rev() {
            let restored = write(path, before.trim());
            assert_eq!(restored, Ok(()));
        }
    }
}

fn write(path: &str, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("`{path}`: {error}"))
}
