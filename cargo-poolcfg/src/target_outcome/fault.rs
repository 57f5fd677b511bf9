//! Faults of the numbers, in the words of the command.

use poolcfg_core::file::{Diagnostic, TargetFacts};
use poolcfg_core::{Code, Fault};

use crate::cli::error;
use crate::given::wish::Wish;
use crate::project::Member;

/// A fault as the command tells it, which has flags for what a file can leave out.
pub(super) fn diagnostic(
    fault: &Fault<'_>,
    member: &Member,
    facts: &TargetFacts,
    wish: &Wish,
) -> Diagnostic {
    let mut diagnostic = Diagnostic::from_fault(fault, &member.file);
    if let Fault::NoAddressSpace { .. } = fault {
        diagnostic.message = format!("on `{}`: {}", facts.triple(), diagnostic.message);
    }
    if let (Code::UnknownProfile | Code::ProfileOfOtherTarget, Some(by)) =
        (diagnostic.code, wish.names_profile())
    {
        diagnostic.message = format!("`{by}`: {}", diagnostic.message);
        if diagnostic.code == Code::ProfileOfOtherTarget {
            let help = format!(
                "leave `{by}` out to use the target's floor; `cargo poolcfg profiles` lists the others"
            );
            diagnostic.help = Some(help);
        }
    }
    let program = wish.given.program.as_ref();
    if let (Fault::NoVersion { .. }, Some(program)) = (fault, program) {
        let (message, help) = program.no_version();
        return error::diagnostic(Code::ProgramVersion, message, help);
    }
    if let Fault::NoVersion { .. } = fault {
        let flag = "pass `--engine-version 48` for this run";
        // Without a file there is nothing that sync could write to.
        diagnostic.help = Some(match (diagnostic.help, &member.source) {
            (Some(help), Some(_)) => format!("{help}; or {flag}"),
            _ => flag.to_owned(),
        });
    }
    diagnostic
}
