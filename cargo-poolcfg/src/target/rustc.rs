//! rustc: what it says of a target.

use std::process::{Command, Output};

use cargo_config2::PathAndArgs;
use poolcfg_core::Code;
use poolcfg_core::file::TargetFacts;

use crate::cli::error::Error;
use crate::target::nearest;
use crate::target::waiting::{Ended, PATIENCE, output_within};

/// The triple that this program was built for: the host where there is no rustc to ask.
const BUILT_FOR: &str = env!("POOLCFG_BUILT_FOR");

/// Facts of the triple that this program was built for.
///
/// # Errors
/// When it is not in the built-in table.
pub(crate) fn built_for() -> Result<TargetFacts, Error> {
    TargetFacts::builtin(BUILT_FOR).ok_or_else(|| {
        let message = format!("cannot run rustc, and `{BUILT_FOR}` is not in the built-in table");
        Error::new(
            Code::UnknownTarget,
            message,
            "name the target with `--target`",
        )
    })
}

/// The compiler of the project, or none.
#[derive(Debug)]
pub(crate) struct Rustc {
    program: Option<PathAndArgs>,
}

/// The reply of rustc.
enum Reply {
    Facts(TargetFacts),
    /// There is no rustc.
    Missing,
    /// It is there and refused, with these words.
    Refused(String),
}

impl Rustc {
    /// By the rules of cargo: `RUSTC`, `build.rustc`, the wrappers.
    pub(crate) fn new(config: Option<&cargo_config2::Config>) -> Self {
        Self {
            program: config.map(|config| config.rustc().clone()),
        }
    }

    /// Facts of a triple: from rustc, or where it does not know the triple from the built-in table.
    ///
    /// # Errors
    /// When neither knows it.
    pub(crate) fn facts(&self, triple: &str) -> Result<TargetFacts, Error> {
        let outcome = self.ask(Some(triple));
        if let Reply::Facts(facts) = outcome {
            return Ok(facts);
        }
        if let Some(facts) = TargetFacts::builtin(triple) {
            return Ok(facts);
        }
        let help = match (nearest::triple(triple), &outcome) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            // There is nothing that could print a list.
            (None, Reply::Missing) => {
                "write a whole triple, such as `riscv64gc-unknown-linux-gnu`: those of rustc's own targets are built in"
                    .to_owned()
            }
            (None, _) => {
                "`rustc --print target-list` lists every triple; a `.json` target spec works too"
                    .to_owned()
            }
        };
        let known = match outcome {
            Reply::Refused(words) if !words.contains("target specification") => {
                format!("it is not in the built-in table, and rustc reports: {words}")
            }
            Reply::Missing => {
                "it is not in the built-in table, and there is no rustc to ask".into()
            }
            _ => "rustc does not know it, and it is not in the built-in table".into(),
        };
        let message = format!("unknown target `{triple}`: {known}");
        Err(Error::new(Code::UnknownTarget, message, help))
    }

    /// Facts of the host.
    ///
    /// # Errors
    /// When rustc is there and does not say.
    pub(crate) fn host(&self) -> Result<TargetFacts, Error> {
        match self.ask(None) {
            Reply::Facts(facts) => Ok(facts),
            Reply::Missing => built_for(),
            Reply::Refused(words) => Err(Error::new(
                Code::Tool,
                format!("cannot ask rustc for its host: {words}"),
                "name the target with `--target`, or set RUSTC to a rustc of 1.84 or later",
            )),
        }
    }

    /// One process for both: the triple in the first line, then the cfgs.
    fn ask(&self, triple: Option<&str>) -> Reply {
        let Some(program) = &self.program else {
            return Reply::Missing;
        };
        let mut command = Command::new(&program.path);
        command.args(&program.args);
        match triple {
            Some(triple) => command.arg(format!("--target={triple}")),
            None => command.args(["--print", "host-tuple"]),
        };
        let output = match output_within(command.args(["--print", "cfg"]), PATIENCE, u64::MAX) {
            Ok(Ended::InTime(output)) => output,
            Ok(Ended::TooLate) => {
                return Reply::Refused(format!("nothing in {} seconds", PATIENCE.as_secs()));
            }
            Err(_) => return Reply::Missing,
        };
        match (output, triple) {
            (Output { status, stdout, .. }, triple) if status.success() => {
                let text = String::from_utf8_lossy(&stdout);
                match triple {
                    Some(triple) => Reply::Facts(TargetFacts::from_rustc(triple, &text)),
                    None => match text.split_once('\n') {
                        Some((host, cfgs)) => {
                            Reply::Facts(TargetFacts::from_rustc(host.trim(), cfgs))
                        }
                        None => Reply::Refused("nothing".to_owned()),
                    },
                }
            }
            (Output { stderr, .. }, _) => {
                let text = String::from_utf8_lossy(&stderr);
                Reply::Refused(text.lines().next().unwrap_or("nothing").trim().to_owned())
            }
        }
    }
}
