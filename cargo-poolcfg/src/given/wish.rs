//! The wish: what the command line asks for, whatever poolcfg.toml says.

mod flags;
mod own;

use std::ffi::OsString;
use std::path::PathBuf;

use poolcfg_core::file::{Diagnostic, SetFlags, TargetFacts};
use poolcfg_core::{
    AddressSpaceKeys, Code, Engine, FilePlace, Fit, PoolKeys, ResolvedProcess, Setting, Settings,
    Target, Variable, WasmtimeFeature, WasmtimeFeatures, WasmtimeKeys, WasmtimeVersion,
};

use crate::cli::args::MachineFlags;
use crate::cli::error::{Error, Mistake, Source, all};
use crate::given::Given;
use crate::given::program::GivenProgram;
use crate::host::Host;
use crate::project::Member;
use crate::project::wasmtime_tables::Used;
use crate::target::here::Here;
use own::{OwnFlag, at};

/// What the flags and the variable say of the machine; over every table of poolcfg.toml.
#[derive(Debug)]
pub(crate) struct Wish {
    keys: AddressSpaceKeys<'static>,
    /// What the `--set` flags say, as they are given and as they are read.
    set: (Vec<String>, SetFlags),
    /// The flags that name files, as they are given.
    files: Vec<OsString>,
    /// How many places are of `--set` and of the files that flags name; those of the other flags follow.
    first: u32,
    /// What these files tell; below `--set`, and over every table of poolcfg.toml.
    pub(crate) given: Given,
    pub(crate) va_profile: Option<String>,
    /// Whether the variable says it.
    is_variable: bool,
    pub(crate) engine: Option<Engine>,
    /// The Wasmtime that is meant, whatever the file and the project say.
    pub(crate) engine_version: Option<WasmtimeVersion>,
    /// The program that the text is for; `None` if it is for none.
    host: Option<&'static Host>,
    /// The machine that was measured, where the budget is its.
    pub(crate) here: Option<Here>,
    /// What to do where less fits than is asked; `None` for what poolcfg.toml says.
    pub(crate) fit: Option<Fit>,
}

impl Wish {
    /// # Errors
    /// When the variable is not UTF-8, and every mistake of a `--set` flag.
    pub(crate) fn new(machine: &MachineFlags, given: Given) -> Result<Self, Error> {
        let name = Variable::VA_PROFILE.to_string();
        let variable = match std::env::var(&name) {
            Ok(name) if !name.is_empty() => Some(name),
            Ok(_) | Err(std::env::VarError::NotPresent) => None,
            Err(std::env::VarError::NotUnicode(_)) => {
                return Err(Error::new(
                    Code::UnknownProfile,
                    format!("`{name}` is not UTF-8"),
                    "`cargo poolcfg profiles` lists every profile",
                ));
            }
        };
        let set = SetFlags::parse(machine.set.iter().map(String::as_str)).map_err(of_flags)?;
        if machine.here {
            not_both(&set)?;
        }
        // The variable is about builds, and this machine has its own profile.
        let variable = variable.filter(|_| !machine.here && !set.sets("address_space.va_profile"));
        let others = given.lines().count();
        let first = set
            .len()
            .saturating_add(u32::try_from(others).unwrap_or(u32::MAX));
        Ok(Self {
            first,
            set: (machine.set.clone(), set),
            files: machine.files(),
            given,
            keys: AddressSpaceKeys {
                relocation_model: at(first, OwnFlag::RelocationModel, machine.relocation_model),
                stack_limit: at(first, OwnFlag::StackLimit, machine.stack_limit),
                aslr: at(first, OwnFlag::Aslr, machine.aslr),
                layout: at(first, OwnFlag::Layout, machine.layout),
                ..AddressSpaceKeys::EMPTY
            },
            is_variable: machine.va_profile.is_none() && variable.is_some(),
            va_profile: machine.va_profile.clone().or(variable),
            engine: machine.engine.engine,
            engine_version: machine.engine.engine_version,
            host: None,
            here: machine.here.then(Here::measure),
            fit: machine.fit.fit,
        })
    }

    /// The same for a text for a host.
    pub(crate) fn for_host(self, host: Option<&'static Host>) -> Self {
        Self { host, ..self }
    }

    /// The program that the text is for; `None` if it is for none.
    pub(crate) const fn host(&self) -> Option<&'static Host> {
        self.host
    }

    /// What names the VA profile: the flag or the variable; `None` if neither does.
    pub(crate) fn names_profile(&self) -> Option<String> {
        self.va_profile.as_ref().map(|_| match self.is_variable {
            true => Variable::VA_PROFILE.to_string(),
            false => "--va-profile".to_owned(),
        })
    }

    /// Whether the target is that of this machine, or the one that a program tells.
    pub(crate) fn knows_target(&self) -> bool {
        let program = self.given.program.as_ref();
        self.here.is_some() || program.is_some_and(GivenProgram::tells_target)
    }

    /// What the file and these flags say of a target, and the Wasmtime of the package where they do not say
    /// which.
    pub(crate) fn settings<'a>(&'a self, member: &'a Member, facts: &TargetFacts) -> Settings<'a> {
        let said = self.said(member, facts);
        let mut settings = match self.host.and_then(|host| host.instance) {
            Some(instance) => said.instance_defaults(instance),
            None => said,
        };
        for (index, keys) in said.pools().iter().enumerate() {
            if is_of_wasmtime(keys) {
                let wasmtime = self.wasmtime(&keys.wasmtime, &member.wasmtime);
                settings = settings.pool(
                    index,
                    PoolKeys {
                        wasmtime,
                        ..PoolKeys::EMPTY
                    },
                );
            }
        }
        settings
    }

    /// These settings with the numbers that the host has by default, whatever is said of them.
    pub(crate) fn in_host<'a>(&self, settings: &Settings<'a>, target: Target) -> Settings<'a> {
        let mut all = *settings;
        let Some(host) = self.host else {
            return all;
        };
        for (index, keys) in settings.pools().iter().enumerate() {
            if is_of_wasmtime(keys) {
                let wasmtime = host.untold(&keys.wasmtime, target);
                let keys = PoolKeys {
                    wasmtime,
                    ..PoolKeys::EMPTY
                };
                all = all.pool(index, keys);
            }
        }
        all
    }

    /// The same pools on the machine that was measured, where the budget is its.
    pub(crate) fn on_machine<'a>(
        &self,
        case: ResolvedProcess<'a>,
        said: &AddressSpaceKeys<'_>,
    ) -> ResolvedProcess<'a> {
        let Some(here) = &self.here else {
            return case;
        };
        here.case(case, said, |limits, usual| {
            self.given.headroom(limits, usual)
        })
    }

    /// What the file, the files of flags, and the flags say, the later over the former.
    fn said<'a>(&'a self, member: &'a Member, facts: &TargetFacts) -> Settings<'a> {
        let file = &member.file;
        let pools = file.settings(facts);
        let says_engine = pools.pools().iter().any(|keys| keys.engine.is_some());
        let of_files = || self.given.engine(self.engine_version.is_some());
        let engine = self.engine.or_else(|| match says_engine {
            true => None,
            false => of_files(),
        });
        let engine = PoolKeys {
            engine: engine.map(Setting::given),
            ..PoolKeys::EMPTY
        };
        let first = self.set.1.len().saturating_add(1);
        let mut said = file.settings_without_flags(facts);
        for (index, pool) in pools.pooling_allocator(engine).pools().iter().enumerate() {
            if is_of_wasmtime(pool) {
                let own = said.pools()[index].wasmtime;
                let has_heaps = self.has_heaps(&pool.wasmtime, &member.wasmtime);
                said = said.pool(index, self.given.keys(first, &own, has_heaps));
            }
        }
        let program = self.given.program.as_ref();
        let model = program.map(|program| Setting::given(program.relocation_model()));
        let said = said.address_space(AddressSpaceKeys {
            relocation_model: model,
            ..AddressSpaceKeys::EMPTY
        });
        let profile = self.va_profile.as_deref();
        file.lay_flags(said, facts)
            .pooling_allocator(engine)
            .address_space(self.keys)
            .address_space(AddressSpaceKeys {
                va_profile: at(self.first, OwnFlag::VaProfile, profile),
                ..AddressSpaceKeys::EMPTY
            })
    }

    /// Lays the `--set` flags over the file of each package.
    ///
    /// # Errors
    /// Every mistake in them.
    pub(crate) fn lay_over(&self, members: &mut [Member]) -> Result<(), Error> {
        let laid = members.iter_mut().map(|member| {
            let file = std::mem::take(&mut member.file);
            member.file = file.with_flags(&self.set.1).map_err(of_flags)?;
            Ok(())
        });
        all(laid).map(drop)
    }

    /// Whether a `--set` flag is at this place.
    pub(crate) fn is_set(&self, place: FilePlace) -> bool {
        self.set.1.text(place).is_some()
    }

    /// A mistake, and where it stands: in the file, in a flag, or nowhere.
    pub(crate) fn mistake(
        &self,
        diagnostic: Diagnostic,
        place: Option<FilePlace>,
        member: &Member,
    ) -> Mistake {
        if let Some((source, span)) = place.and_then(|place| self.flag(place)) {
            let span = Some(span);
            return Mistake::new(Diagnostic { span, ..diagnostic }, Some(source));
        }
        // A default, a variable or another flag is no fault of the file.
        let span = place.and_then(|place| member.file.span(place));
        let source = member.source.clone().filter(|_| span.is_some());
        Mistake::new(Diagnostic { span, ..diagnostic }, source)
    }

    /// Whether the Wasmtime of a pool has heaps, where these keys are of the file and of `--set`.
    fn has_heaps(&self, keys: &WasmtimeKeys, used: &[Used]) -> bool {
        let said = keys.version;
        let is_of_flag = |said: &Setting<WasmtimeVersion>| said.place.as_flag().is_some();
        let flag = said.filter(is_of_flag).map(|said| said.value);
        let flag = self.engine_version.or(flag);
        let said = flag
            .or(self.given.version())
            .or(said.map(|said| said.value));
        let used = Used::meant(used, said);
        let version = said.or(used.map(|used| used.version));
        let features = keys.features.map(|said| said.value);
        let features = features.or(used.map(|used| used.features));
        let gc = WasmtimeFeature::Gc;
        version.is_none_or(|version| gc.is_in(version))
            && features.is_none_or(|features| features.has(gc))
    }

    /// What is laid over the keys of a Wasmtime pool.
    fn wasmtime(&self, said: &WasmtimeKeys, used: &[Used]) -> WasmtimeKeys {
        let present = self.present();
        if self.engine_version.is_some() {
            return WasmtimeKeys {
                version: at(self.first, OwnFlag::EngineVersion, self.engine_version),
                features: said.features.or(present),
                ..WasmtimeKeys::EMPTY
            };
        }
        let version = said.version.map(|setting| setting.value);
        let used = Used::meant(used, version);
        let version = used.map(|used| Setting::given(used.version));
        let features = used.map(|used| Setting::given(used.features));
        WasmtimeKeys {
            version: said.version.or(version),
            features: said.features.or(features).or(present),
            ..WasmtimeKeys::EMPTY
        }
    }

    /// The features of a program where no key names any: a program does not tell them, so that all count as present.
    fn present(&self) -> Option<Setting<WasmtimeFeatures>> {
        self.given.program.as_ref().map(|_| {
            let all = WasmtimeFeatures::DEFAULT.with(WasmtimeFeature::MemoryProtectionKeys);
            Setting::given(all)
        })
    }
}

/// Whether a pool with these keys is Wasmtime's.
pub(crate) fn is_of_wasmtime(keys: &PoolKeys) -> bool {
    keys.engine
        .is_some_and(|setting| setting.value.is(Engine::Wasmtime))
}

/// Refuses to be told what `--here` measures.
fn not_both(set: &SetFlags) -> Result<(), Error> {
    let measured = ["va_profile", "stack_limit", "aslr", "layout"];
    let is_said = |key: &&str| set.sets(&format!("address_space.{key}"));
    match measured.iter().find(|key| is_said(key)) {
        None => Ok(()),
        Some(key) => Err(Error::usage(&format!(
            "`--here` measures `address_space.{key}`, which `--set` sets: remove one of them"
        ))),
    }
}

/// Mistakes of flags, each with the text that it points into.
fn of_flags(mistakes: Vec<(String, Diagnostic)>) -> Error {
    let mistake = |(text, diagnostic): (String, _)| Mistake::new(diagnostic, Some(of_flag(&text)));
    Error::from(mistakes.into_iter().map(mistake).collect::<Vec<_>>())
}

/// The text of a `--set` flag, as messages show it.
fn of_flag(text: &str) -> Source {
    Source {
        path: PathBuf::new(),
        shown: "--set".to_owned(),
        text: text.into(),
    }
}
