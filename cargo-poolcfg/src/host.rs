//! Hosts: programs that are not ours and pool with Wasmtime, and the settings that each of them has.
//!
//! A host is a table: under which name it reads which number, and from which version of Wasmtime on.
//! What it has no setting for must equal its own default: a number that decides what is mapped is
//! never lost silently.
//!
//! - here: the telling by a table; `table`: its shape
//! - `on_demand`: the telling without a pool
//! - `number`: the numbers of a pool; `cannot`: why a host has no setting for one; `own`: what a host has untold
//! - `wasmtime_cli`, `spin`, `wasmcloud`: the tables, with their sources; a new one is a file and a row of `hosts!`

mod cannot;
mod lacks;
mod number;
mod on_demand;
mod own;
mod piece;
mod table;
#[cfg(test)]
mod tests;
mod told;

/// A setting of a host: the number, and its name there, in some hosts from a version on.
macro_rules! told {
    ($($by:ident $number:ident = $name:literal $($since:literal)? $(, $with:ident($value:expr))*;)+) => {
        &[$($by(Number::$number, $name $(, $since)?) $(.$with($value))*),+]
    };
}

/// Declares the files of the hosts, and lists these.
macro_rules! hosts {
    ($($file:ident: $($host:ident),+;)+) => {
        $(mod $file;)+

        /// Every host, in the order of the help text.
        pub(crate) static HOSTS: &[&Host] = &[$($(&$file::$host),+),+];
    };
}

hosts! {
    wasmtime_cli: TOML, FLAGS;
    spin: SPIN;
    wasmcloud: WASMCLOUD;
}

use poolcfg_core::{Limits, Target, WasmtimeKeys};

pub(crate) use cannot::Cannot;
use lacks::Lack;
use number::UnitValue;
pub(crate) use number::{Number, Numbers};
pub(crate) use own::Own;
pub(crate) use piece::LargestPiece;
pub(crate) use table::{Host, HostText};
use told::{Form, Told};

/// Wasmtime as it is.
pub(crate) static WASMTIME: &Host = &wasmtime_cli::TOML;

#[cfg(test)]
pub(crate) use told::STAYS as NO_END;

impl Host {
    /// Whether it has a setting for a number.
    pub(crate) fn tells(&self, number: Number, major: u32, target: Target) -> bool {
        self.told_of(number, major, target).next().is_some()
    }

    /// The settings of the host for a pool on a target, where `piece` is the largest that a process has, and
    /// `machine` what the pool is fitted to.
    ///
    /// # Errors
    /// Everything that it has no setting for and that differs from its default.
    pub(crate) fn tell(
        &'static self,
        asked: &Numbers,
        target: Target,
        piece: LargestPiece,
        machine: &str,
    ) -> Result<HostText, Vec<Cannot>> {
        let version = asked.version();
        let major = version.major;
        if major < self.since {
            return Err(vec![Cannot::TooOld {
                host: self,
                version,
            }]);
        }
        let of_itself = Limits::of_wasmtime(version, target);
        let Some(own) = Numbers::new(&of_itself, &WasmtimeKeys::EMPTY) else {
            return Err(Vec::new());
        };
        let mut cannot = self.cannot_pool(asked, &of_itself, piece);
        let mut settings = Vec::new();
        let mut notes = Vec::new();
        let mut warnings = Vec::new();
        for number in Number::ALL.iter().copied() {
            let value = asked.value(number);
            let known = self.told_of(number, major, target);
            let mut said = false;
            // No keys are no setting: a program that is built without them refuses to be told.
            let off = number == Number::MemoryProtectionKeys && value == UnitValue::Count(0);
            for told in known.filter(|_| !off) {
                if matches!(told.form, Form::IfOther) && value == own.of_itself(number) {
                    said = true;
                    continue;
                }
                match self.lowers(told, asked, machine) {
                    Lowered::Not => {}
                    Lowered::ByFile(note) => notes.push(note),
                    Lowered::ByFit(warning) => warnings.push(warning),
                }
                let (line, whole) = told.line(value);
                settings.extend(line);
                said |= whole;
            }
            match self.lacks(number, asked, &own) {
                _ if said => {}
                Lack::Nothing => {}
                Lack::Note(note) => notes.push(note),
                Lack::Cannot(error) => cannot.push(error),
            }
        }
        if !cannot.is_empty() {
            return Err(cannot);
        }
        if !self.releases.is_empty() && self.release(major).is_none() {
            notes.push(format!(
                "no known release of {} uses Wasmtime {major}: check that yours does, since other versions map other amounts",
                self.name
            ));
        }
        Ok(HostText {
            settings,
            notes,
            warnings,
            release: self.release(major),
        })
    }

    /// Why it cannot have the pool as such.
    fn cannot_pool(
        &'static self,
        asked: &Numbers,
        of_itself: &Limits,
        piece: LargestPiece,
    ) -> Vec<Cannot> {
        let version = asked.version();
        let mut cannot = Vec::new();
        if !asked.has_stacks() {
            cannot.push(Cannot::NoStacks {
                host: self,
                version,
            });
        }
        if let Some(probe) = &self.probe
            && version.major >= probe.since
        {
            let need = probe.bytes(of_itself);
            if need > piece.bytes {
                cannot.push(Cannot::Probe {
                    host: self,
                    version,
                    need,
                    have: piece,
                });
            }
        }
        cannot
    }

    /// Whether a number is below what the host takes by default, and why.
    fn lowers(&self, told: &Told, asked: &Numbers, machine: &str) -> Lowered {
        let (Form::Own, Some(instance)) = (told.form, &self.instance) else {
            return Lowered::Not;
        };
        let value = asked.value(told.number);
        let Some(own) = asked
            .of_host(told.number, instance)
            .filter(|own| value < *own)
        else {
            return Lowered::Not;
        };
        let (name, word, instances) = (self.name, told.number.word(), asked.instances());
        if asked.is_said(told.number) {
            return Lowered::ByFile(format!(
                "`{word}` is lowered from {name}'s default of {own} to {value}, as the file or a flag says"
            ));
        }
        Lowered::ByFit(format!(
            "`{word}` is lowered from {name}'s default of {own} to {value}: no more fit beside {instances} instances on {machine}"
        ))
    }
}

/// Whether a number is below what the host takes by default.
enum Lowered {
    Not,
    /// Somebody wrote so, which is worth a note.
    ByFile(String),
    /// No more fits, which is worth a warning.
    ByFit(String),
}
