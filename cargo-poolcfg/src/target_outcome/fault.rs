//! Faults of the numbers, in the words of the command.

use std::ops::Range;

use poolcfg_core::file::{Diagnostic, TargetFacts};
use poolcfg_core::{Code, Fault, Plan, PoolKeys, Setting};
use toml_edit::Document;

use crate::cli::error::{self, Mistake, Source};
use crate::given::wish::Wish;
use crate::project::Member;

/// A fault as the command tells it, at its place in the file or in a flag. That a target has no address space stands where
/// the file names it.
pub(super) fn mistake(
    fault: &Fault<'_>,
    member: &Member,
    facts: &TargetFacts,
    wish: &Wish,
) -> Mistake {
    let diagnostic = diagnostic(fault, member, facts, wish);
    if let (Fault::NoAddressSpace { .. }, Some((source, span))) = (fault, own_table(member, facts))
    {
        let at_table = Diagnostic {
            span: Some(span),
            label: "a table for it".to_owned(),
            ..diagnostic
        };
        return Mistake::new(at_table, Some(source));
    }
    wish.mistake(diagnostic, Some(fault.place()), member)
}

/// What is said of a fault, in the words of the command, which has flags for what a file can leave out.
fn diagnostic(fault: &Fault<'_>, member: &Member, facts: &TargetFacts, wish: &Wish) -> Diagnostic {
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
    if let Some(help) = fewer_of_use(fault, member, facts, wish) {
        diagnostic.help = Some(help);
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

/// What to write where more instances are to be of use than are asked, and fewer fit than that: what is asked would be the
/// next thing that is wrong.
fn fewer_of_use(
    fault: &Fault<'_>,
    member: &Member,
    facts: &TargetFacts,
    wish: &Wish,
) -> Option<String> {
    let Fault::MinAboveMax {
        max_instances,
        pool,
        ..
    } = *fault
    else {
        return None;
    };
    let one = PoolKeys {
        min_instances: Some(Setting::given(1)),
        ..PoolKeys::EMPTY
    };
    let settings = wish.settings(member, facts).pooling_allocator(one);
    let settings = wish.in_host(&settings, facts.target());
    let case = settings.resolve(facts.target()).ok()?;
    let case = wish.on_machine(case, &settings.space());
    let index = case.pools().iter().position(|own| own.name == pool)?;
    let plan = Plan::new(&case);
    let fit = match &plan.misfit {
        None => plan.guaranteed()[index].max_instances,
        Some(misfit) if misfit.pool == index => plan.largest_fit(&case, index).max_instances?,
        Some(_) => return None,
    };
    if fit >= max_instances {
        return None;
    }
    Some(match plan.misfit {
        None => format!("set `min_instances` to {fit} or less: no more instances fit"),
        Some(_) => format!(
            "set `max_instances` to {fit}, and `min_instances` to {fit} or less: no more instances fit"
        ),
    })
}

/// The table of a target by its triple, in the file of a package.
fn own_table(member: &Member, facts: &TargetFacts) -> Option<(Source, Range<usize>)> {
    let source = member.source.as_ref()?;
    let document = Document::parse(source.text.as_ref()).ok()?;
    let targets = document.get("target")?.as_table_like()?;
    let (key, _) = targets.get_key_value(facts.triple())?;
    Some((source.clone(), key.span()?))
}
