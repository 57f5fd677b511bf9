//! Machines: what the processes run on.

use poolcfg_core::file::TargetFacts;
use poolcfg_core::{Aslr, Layout, Size, VaProfile};

/// A kernel with its settings, as far as a file says them.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The target that its programs are built for.
    pub facts: TargetFacts,
    /// The VA profile that the kernel has.
    pub profile: VaProfile<'static>,
    /// How far its ASLR reaches.
    pub aslr: Aslr,
}

impl Machine {
    /// A machine that runs programs of a triple.
    ///
    /// # Errors
    /// When there is no such triple, profile or word.
    pub fn new(triple: &str, profile: &str, aslr: &str) -> Result<Self, String> {
        let facts = TargetFacts::builtin(triple).ok_or_else(|| format!("no target `{triple}`"))?;
        let found = VaProfile::find(profile, facts.target());
        Ok(Self {
            profile: found.map_err(|_| format!("no profile `{profile}`"))?,
            aslr: Aslr::from_text(aslr).ok_or_else(|| format!("no ASLR `{aslr}`"))?,
            facts,
        })
    }

    /// A machine that runs this program.
    ///
    /// # Errors
    /// When nothing is known of the architecture, or there is no such profile or word.
    pub fn here(profile: &str, aslr: &str) -> Result<Self, String> {
        let triple = match std::env::consts::ARCH {
            "x86_64" => "x86_64-unknown-linux-gnu",
            "aarch64" => "aarch64-unknown-linux-gnu",
            "riscv64" => "riscv64gc-unknown-linux-gnu",
            "x86" => "i686-unknown-linux-gnu",
            "arm" => "armv7-unknown-linux-gnueabihf",
            other => return Err(format!("no target for `{other}`")),
        };
        Self::new(triple, profile, aslr)
    }

    /// Whether the files need not name the profile.
    #[must_use]
    pub fn is_floor(&self) -> bool {
        VaProfile::floor(self.facts.target()) == Some(self.profile)
    }

    /// Bits of `vm.mmap_rnd_bits`.
    #[must_use]
    pub fn aslr_bits(&self) -> u32 {
        match self.profile.layout {
            Layout::OneHole(_) => 0,
            Layout::Linux(layout) => self.aslr.bits(&layout),
        }
    }

    /// What mmap searches without a hint.
    #[must_use]
    pub fn window(&self) -> Size {
        self.profile.window
    }
}
