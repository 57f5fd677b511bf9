//! The executable: whether the build of a target makes a position-independent one.
//!
//! rustc decides by three things: the relocation model, whether the C library is linked statically, and
//! what the target's linker can do (`link_output_kind` in compiler/rustc_codegen_ssa/src/back/link.rs,
//! `Session::crt_static` in compiler/rustc_session/src/session.rs). A static PIE is one as well: the
//! kernel puts its heap where it puts that of any other.

use poolcfg_core::file::{CRT_STATIC, TargetFacts};
use poolcfg_core::{Budget, Pies, RelocationModel, ResolvedProcess, Shape};

/// What rustc links for a target when no flag says anything, and what flags can make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Linking {
    /// Which programs are position-independent.
    pub(crate) pies: Pies,
    /// They are static (`crt-static-default`).
    pub(crate) crt_static: bool,
}

impl Linking {
    /// That of a target; that of nearly every Linux target where it is not known.
    pub(crate) fn of(facts: &TargetFacts) -> Self {
        Self {
            pies: facts.pies(),
            crt_static: CRT_STATIC.contains(&facts.triple()),
        }
    }
}

/// What a build makes, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Executable {
    /// Where it is loaded.
    pub(crate) model: RelocationModel,
    /// The flag that makes it so; `None` if the target does.
    pub(crate) flag: Option<String>,
}

impl Executable {
    /// What rustc makes with these flags.
    pub(crate) fn new<'a>(linking: Linking, flags: impl IntoIterator<Item = &'a str>) -> Self {
        let said = LinkFlags::new(flags);
        let is = |model, flag: &Option<Flag>| Self {
            model,
            flag: flag.as_ref().map(|flag| flag.text.clone()),
        };
        // No linker makes a PIE of what was compiled for a fixed address. Else it heeds the user's own
        // words, which come behind those of rustc.
        if let Some(flag) = &said.relocation_model
            && !flag.pie
        {
            return is(RelocationModel::Static, &said.relocation_model);
        }
        if let Some(flag) = &said.link_arg {
            let model = match flag.pie {
                true => RelocationModel::Pie,
                false => RelocationModel::Static,
            };
            return is(model, &said.link_arg);
        }
        let crt_static = match &said.crt_static {
            Some(flag) => !flag.pie,
            None => linking.crt_static,
        };
        let model = linking.pies.model(crt_static);
        // What repeats the target's own way makes nothing so.
        let flag = said
            .crt_static
            .filter(|flag| flag.pie == linking.crt_static);
        is(model, &flag)
    }
}

impl Executable {
    /// What to say where the limits are for a program that is loaded elsewhere, and that makes a difference.
    pub(crate) fn warning(&self, triple: &str, case: &ResolvedProcess<'_>) -> Option<String> {
        let holes = |relocation_model| {
            let shape = Shape {
                relocation_model,
                ..case.shape
            };
            Budget::new(&case.profile, shape, None).holes()
        };
        let planned = case.shape.relocation_model;
        if self.model == planned || holes(self.model) == holes(planned) {
            return None;
        }
        Some(match (self.model, &self.flag) {
            (RelocationModel::Static, Some(flag)) => format!(
                "on `{triple}`: `{flag}` in the rustflags makes a program with a fixed address, but the \
                 limits are for a `pie`: set `relocation_model = \"static\"` under `[address_space]`, or remove \
                 the flag"
            ),
            (RelocationModel::Static, None) => format!(
                "on `{triple}`: programs for this target have a fixed address, but the limits are for a `pie`: \
                 set `relocation_model = \"static\"` under `[target.{triple}.address_space]`, or build with \
                 `-C target-feature=-crt-static`"
            ),
            (RelocationModel::Pie, _) => format!(
                "on `{triple}`: the build makes a position-independent program, but the limits are for a \
                 `static` one: remove `relocation_model`, or add `-C relocation-model=static` to the \
                 rustflags"
            ),
        })
    }
}

/// Whether these flags have the C library linked statically; `None` if they leave that to the target.
pub(crate) fn crt_static<'a>(flags: impl IntoIterator<Item = &'a str>) -> Option<bool> {
    LinkFlags::new(flags).crt_static.map(|flag| !flag.pie)
}

/// One flag, and whether it speaks for a PIE.
struct Flag {
    pie: bool,
    text: String,
}

/// The flags that decide how a program is linked: of each kind the one that takes effect.
#[derive(Default)]
struct LinkFlags {
    relocation_model: Option<Flag>,
    /// One `+crt-static` wins over any `-crt-static`.
    crt_static: Option<Flag>,
    link_arg: Option<Flag>,
}

impl LinkFlags {
    fn new<'a>(flags: impl IntoIterator<Item = &'a str>) -> Self {
        let mut said = Self::default();
        for (key, value) in codegen_options(flags) {
            let flag = |pie, value: &str| {
                Some(Flag {
                    pie,
                    text: format!("-C {key}={value}"),
                })
            };
            match key.as_str() {
                "relocation-model" => {
                    said.relocation_model = flag(matches!(value, "pic" | "pie"), value);
                }
                "target-feature" => {
                    for feature in value.split(',') {
                        match feature {
                            "+crt-static" => said.crt_static = flag(false, feature),
                            "-crt-static" if said.crt_static.is_none() => {
                                said.crt_static = flag(true, feature);
                            }
                            _ => {}
                        }
                    }
                }
                "link-arg" | "link-args" => {
                    for word in value.split_ascii_whitespace() {
                        match word {
                            "-no-pie" | "-Wl,-no-pie" | "-static" => {
                                said.link_arg = flag(false, word);
                            }
                            "-pie" | "-static-pie" => said.link_arg = flag(true, word),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        said
    }
}

/// The options behind `-C` and `--codegen`, which rustc takes with `_` for `-` too.
fn codegen_options<'a>(
    flags: impl IntoIterator<Item = &'a str>,
) -> impl Iterator<Item = (String, &'a str)> {
    let mut flags = flags.into_iter();
    std::iter::from_fn(move || {
        loop {
            let flag = flags.next()?;
            let glued = flag
                .strip_prefix("--codegen=")
                .or_else(|| flag.strip_prefix("-C"));
            let option = match (flag, glued) {
                ("-C" | "--codegen", _) => flags.next()?,
                (_, Some(option)) => option,
                (_, None) => continue,
            };
            if let Some((key, value)) = option.split_once('=') {
                return Some((key.replace('_', "-"), value));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use serde_json::Value;

    use super::*;

    const GNU: &str = "x86_64-unknown-linux-gnu";

    /// By a target spec; what it leaves out is what rustc then takes.
    fn of_spec(spec: &Value) -> Linking {
        let is_set = |key: &str| spec.get(key).and_then(Value::as_bool).unwrap_or_default();
        let model = spec.get("relocation-model").and_then(Value::as_str);
        let relocates = matches!(model, None | Some("pic" | "pie"));
        Linking {
            pies: Pies {
                dynamic: relocates && is_set("position-independent-executables"),
                crt_static: relocates && is_set("static-position-independent-executables"),
            },
            crt_static: is_set("crt-static-default"),
        }
    }

    fn made(triple: &str, flags: &str) -> (RelocationModel, Option<String>) {
        let facts = TargetFacts::builtin(triple).unwrap();
        let made = Executable::new(Linking::of(&facts), flags.split(' '));
        (made.model, made.flag)
    }

    fn model(triple: &str, flags: &str) -> RelocationModel {
        made(triple, flags).0
    }

    /// A target by its spec, which may be newer than the built-in table.
    fn facts_of_spec(triple: &str, spec: &Value) -> TargetFacts {
        let word = |key: &str| spec.get(key).and_then(Value::as_str).unwrap_or_default();
        let width = spec["target-pointer-width"].as_u64().unwrap_or_default();
        let static_by_default = CRT_STATIC.contains(&triple);
        let cfgs = [
            ("target_arch", word("arch").to_owned()),
            ("target_os", word("os").to_owned()),
            ("target_env", word("env").to_owned()),
            (
                "target_vendor",
                spec["vendor"].as_str().unwrap_or("unknown").to_owned(),
            ),
            ("target_pointer_width", width.to_string()),
        ];
        let cfgs = cfgs.map(|(key, value)| (key.to_owned(), Some(value)));
        TargetFacts::new(triple, cfgs.to_vec()).with_crt_static(static_by_default)
    }

    /// The tables are what this rustc says of every target on Linux, and what limits are for by default is what the
    /// build makes.
    #[test]
    fn linking_is_as_rustc_knows_it() {
        let output = Command::new("rustc")
            .args(["-Z", "unstable-options", "--print", "all-target-specs-json"])
            .env("RUSTC_BOOTSTRAP", "1")
            .output()
            .unwrap();
        let specs: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut seen = 0;
        for (triple, spec) in specs.as_object().unwrap() {
            if spec["os"] != "linux" && spec["os"] != "android" {
                continue;
            }
            seen += 1;
            let facts = facts_of_spec(triple, spec);
            assert_eq!(Linking::of(&facts), of_spec(spec), "{triple}");
            let made = Executable::new(Linking::of(&facts), []);
            assert_eq!(made.model, facts.target().relocation_model, "{triple}");
            if let Some(known) = TargetFacts::builtin(triple) {
                assert_eq!(known.target(), facts.target(), "{triple}");
            }
        }
        assert!(seen > 60, "{seen}");
    }

    /// As seen when linking with rustc 1.95 and gcc on x86_64.
    #[test]
    fn the_last_relocation_model_wins() {
        for flags in [
            "-C relocation-model=static",
            "-Crelocation-model=static",
            "-C relocation_model=static",
            "--codegen relocation-model=static",
            "--codegen=relocation-model=static",
            "-C relocation-model=pic -C relocation-model=dynamic-no-pic",
            "-C relocation-model=static -C target-feature=+crt-static",
            "-C link-arg=-no-pie",
            "-C link-arg=-Wl,-no-pie",
            "-C link-args=-no-pie",
            "-C link-arg=-static",
            "-C link-arg=-pie -C link-arg=-no-pie",
        ] {
            assert_eq!(model(GNU, flags), RelocationModel::Static, "{flags}");
        }
        for flags in [
            "",
            "-C opt-level=3 --cfg relocation-model=static",
            "-C relocation-model=static -C relocation-model=pic",
            "-C target-feature=+crt-static",
            "-C target-feature=+crt-static -C target-feature=-crt-static",
            "-C link-arg=-no-pie -C link-arg=-pie",
            "-C link-arg=-static-pie",
        ] {
            assert_eq!(model(GNU, flags), RelocationModel::Pie, "{flags}");
        }
    }

    #[test]
    fn a_static_program_is_fixed_where_the_target_links_no_static_pie() {
        let riscv64 = "riscv64gc-unknown-linux-gnu";
        let crt = "-C target-feature=+v,+crt-static";
        assert_eq!(
            made(riscv64, crt),
            (
                RelocationModel::Static,
                Some("-C target-feature=+crt-static".to_owned())
            )
        );
        assert_eq!(made(riscv64, ""), (RelocationModel::Pie, None));
        // By default, and no longer so when a flag takes it back.
        let aarch64 = "aarch64-unknown-linux-musl";
        assert_eq!(made(aarch64, ""), (RelocationModel::Static, None));
        assert_eq!(
            model(aarch64, "-C target-feature=-crt-static"),
            RelocationModel::Pie
        );
        assert_eq!(model("x86_64-unknown-linux-musl", ""), RelocationModel::Pie);
    }
}
