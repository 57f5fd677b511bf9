//! Outcomes: what one target gives the pools of one package.

mod fault;
mod said;
mod verdict;

use poolcfg_core::file::{ConfigFile, Diagnostic, TargetFacts};
use poolcfg_core::{FilePlace, Fit, Plan, PlanMisfit, ResolvedProcess, Settings, Size};

use crate::cli::error::{Error, Mistake};
use crate::cli::exit::Exit;
use crate::given::needed::{Raised, flagged, raised};
use crate::given::wish::{Wish, is_of_wasmtime};
use crate::host::{Host, LargestPiece, Number};
use crate::inspect::beyond::NeededKey;
use crate::project::Member;
use crate::project::workload::FileWorkload;
use crate::render::owner::Owner;
use crate::render::report::{PoolResult, results};
use crate::render::ways;
use crate::target::executable::Executable;
use crate::target::here::record;
use crate::target::here::{self, Here};

/// What one target gives the pools of one package.
#[derive(Clone, Debug)]
pub(crate) struct TargetOutcome<'a> {
    member: &'a Member,
    pub(crate) facts: &'a TargetFacts,
    pub(crate) case: ResolvedProcess<'a>,
    pub(crate) plan: Plan,
    /// What the file and the flags say.
    pub(crate) settings: Settings<'a>,
    wish: &'a Wish,
    /// The machine that was measured, where the budget is its.
    here: Option<&'a Here>,
    /// Which way was taken where less fits than is asked; `None` if poolcfg.toml decides.
    pub(crate) fit: Option<Fit>,
    /// What was asked before the way was taken, where it changes anything.
    before: Option<Before<'a>>,
    /// Which counts come from `--workload`, in a sentence each.
    pub(crate) counted: Vec<String>,
    /// What the workload sets beyond its counts, in a sentence each.
    pub(crate) notes: Vec<String>,
    /// That the limits leave too little to compile a file of the workload.
    compiling: Option<String>,
}

/// What pools were to be before a way was taken.
#[derive(Clone, Debug)]
struct Before<'a> {
    /// What was asked.
    asked: ResolvedProcess<'a>,
    /// What fits of that.
    plan: Plan,
    /// What is in the way of one more instance on demand, of each pool, where no pool is made.
    on_demand: Option<Vec<Option<PlanMisfit>>>,
}

impl<'a> TargetOutcome<'a> {
    /// # Errors
    /// Every fault of the numbers for this target.
    pub(crate) fn new(
        member: &'a Member,
        facts: &'a TargetFacts,
        wish: &'a Wish,
    ) -> Result<Self, Error> {
        let settings = wish.settings(member, facts);
        let here = wish.here.as_ref();
        let minimum = wish.given.memory_minimum();
        let fitted = |settings: &Settings<'a>| -> Result<(ResolvedProcess<'a>, Plan), Error> {
            let settings = wish.in_host(settings, facts.target());
            let mut case = settings.resolve(facts.target()).map_err(|_| {
                let faults = settings.faults(facts.target());
                let mistakes = faults.iter();
                let mistakes = mistakes.map(|fault| fault::mistake(fault, member, facts, wish));
                Error::from(mistakes.collect::<Vec<_>>())
            })?;
            case = wish
                .on_machine(case, &settings.space())
                .with_memory_minimum(minimum);
            Ok((case, Plan::new(&case)))
        };
        let (mut case, mut plan) = fitted(&settings)?;
        let of_wasmtime = settings.pools().iter().filter(|keys| is_of_wasmtime(keys));
        let counted: Vec<_> = of_wasmtime
            .filter_map(|keys| wish.given.counted(&keys.wasmtime))
            .collect();
        let raised = raised(&wish.given, &settings, &case, wish.fit);
        let Raised { settings, notes } = raised.map_err(|refused| {
            let mistakes = refused.into_iter();
            let mistakes =
                mistakes.map(|(diagnostic, place)| wish.mistake(diagnostic, place, member));
            Error::from(mistakes.collect::<Vec<_>>()).exiting(Exit::Misfit)
        })?;
        if !notes.is_empty() {
            (case, plan) = fitted(&settings)?;
        }
        let has_pool = wish.fit != Some(Fit::NoPool);
        let compiling = wish.given.compiled(&case.budget, || {
            let mut pools = 0..case.pools().len();
            pools.all(|pool| plan.way(&case, pool, Fit::NoPool).is_some())
        });
        let mut before = None;
        if let Some(fit) = wish.fit
            && let Some(settings) = ways::taken(fit, &settings, &case, &plan, facts)?
        {
            let (asked, plan_of_asked) = (case, plan);
            (case, plan) = fitted(&settings)?;
            let on_demand = match fit {
                Fit::NoPool => {
                    let beyond = ways::one_more(&settings, &asked, &plan);
                    let bounds = beyond.map(|more| match more {
                        Some(settings) => Ok(fitted(&settings)?.1.misfit),
                        None => Ok(None),
                    });
                    Some(bounds.collect::<Result<_, Error>>()?)
                }
                Fit::Fewer | Fit::Smaller => None,
            };
            before = Some(Before {
                asked,
                plan: plan_of_asked,
                on_demand,
            });
        }
        Ok(Self {
            member,
            facts,
            case,
            plan,
            settings,
            wish,
            here,
            fit: wish.fit,
            before,
            counted,
            notes: notes
                .into_iter()
                .chain(here.into_iter().flat_map(|_| measured(&settings)))
                .collect(),
            compiling: compiling.filter(|_| has_pool),
        })
    }

    /// A mistake, and where it stands: in the file or in a flag.
    pub(crate) fn mistake(&self, diagnostic: Diagnostic, place: Option<FilePlace>) -> Mistake {
        self.wish.mistake(diagnostic, place, self.member)
    }

    /// What the pool of this name asks of a number that a workload decides; `None` as for [`Key::unsaid`].
    pub(crate) fn unsaid(&self, file: &ConfigFile, pool: &str, key: NeededKey) -> Option<u64> {
        key.unsaid(&self.case, &self.settings, file, pool)
    }

    /// What a `--set` flag says of a pool below what the files of its workload need.
    pub(crate) fn flagged(&self, workload: &FileWorkload) -> Vec<Mistake> {
        let pools = self.case.pools().iter().zip(self.settings.pools());
        let refused = pools.flat_map(|(pool, keys)| {
            let files = workload.of_pool(self.facts, pool.name);
            flagged(files, pool, keys)
        });
        // What `--workload` needs is counted from its own files.
        let is_set = |place: &Option<FilePlace>| place.is_some_and(|place| self.wish.is_set(place));
        let refused = refused.filter(|(_, place)| is_set(place));
        refused
            .map(|(diagnostic, place)| self.mistake(diagnostic, place))
            .collect()
    }

    /// What the budget is of: the profile and the shape, or this machine.
    pub(crate) fn machine(&self) -> String {
        if let Some(here) = self.here {
            return here.name(&self.case);
        }
        self.case.machine().as_str().to_owned()
    }

    /// One line for each pool: whether it fits, and what. On a machine that was measured, also what is in the way
    /// of more, in numbers, since poolcfg.toml does not have them.
    pub(crate) fn lines(&self) -> Vec<String> {
        let target = self.target();
        let pools = self.case.pools().iter().zip(self.plan.guaranteed());
        let verdicts = pools.enumerate().map(|(index, (pool, limits))| {
            let name = match pool.name {
                "" => String::new(),
                name => format!(", pool `{name}`"),
            };
            format!("{target}{name}: {}", self.verdict(index, pool, limits))
        });
        let heading = self.member.heading();
        let bounds = self.here.map_or_else(Vec::new, |_| self.bounds());
        let bounds = bounds.iter().map(|bound| format!("{heading}{bound}"));
        verdicts.chain(bounds).collect()
    }

    /// What fits where less does than is asked, a line for each way; nothing where one was chosen that helps.
    pub(crate) fn ways(&self, host: Option<&Host>) -> Vec<String> {
        let (case, plan) = match &self.before {
            Some(before) if self.plan.misfit.is_some() => (&before.asked, &before.plan),
            _ => (&self.case, &self.plan),
        };
        let lines = ways::lines(case, plan, self.fit, host);
        let target = self.target();
        let lines = lines.iter();
        lines.map(|line| format!("{target}{line}")).collect()
    }

    /// The target as a line begins with it, behind the package where there are several.
    pub(crate) fn target(&self) -> String {
        format!("{}{}", self.member.heading(), self.facts.triple())
    }

    /// Whether the budget is of this machine.
    pub(crate) const fn is_here(&self) -> bool {
        self.here.is_some()
    }

    /// Whether the pools are of a program that a build of the package makes, and not of one that is there, or of
    /// whatever runs on a machine that was measured.
    pub(crate) fn is_of_build(&self) -> bool {
        self.here.is_none() && self.wish.given.program.is_none()
    }

    /// Where this target's program is loaded otherwise than the limits are for.
    pub(crate) fn loaded_otherwise(&self, made: &Executable) -> Option<String> {
        made.warning(self.facts.triple(), &self.case)
    }

    /// The results for JSON and templates.
    pub(crate) fn results(&self) -> Vec<PoolResult> {
        let owner = Owner::of(self.member);
        let mut results = results(&owner, self.facts.triple(), &self.case, &self.plan);
        for result in &mut results {
            result.fit = self.fit.map(Fit::word);
        }
        let Some(before) = &self.before else {
            return results;
        };
        let pools = before.asked.pools().iter().enumerate();
        let pools = pools.zip(ways::reports(&before.asked, &before.plan));
        for (result, ((index, pool), ways)) in results.iter_mut().zip(pools) {
            result.ways = ways;
            if let Some(bounds) = &before.on_demand {
                result.reserved_on_demand(pool.asked.pools);
                result.asks(pool, bounds.get(index).and_then(Option::as_ref));
            }
        }
        results
    }

    /// Whether any pool is Wasmtime's.
    pub(crate) fn has_wasmtime(&self) -> bool {
        let mut pools = self.case.pools().iter();
        pools.any(|pool| pool.asked.wasmtime.is_some())
    }

    /// Whether the program that is given tells that it has Wasmtime.
    pub(crate) fn is_for_wasmtime(&self) -> bool {
        self.wish.given.has_wasmtime()
    }

    /// The largest mapping that a process may make, and what keeps it from a larger one.
    pub(crate) fn largest_piece(&self) -> LargestPiece {
        let budget = &self.case.budget;
        let hole = budget.holes().into_iter().max().unwrap_or(Size::ZERO);
        let limit = budget.limits.rlimit_as;
        let left = limit.map(|limit| (limit, limit.saturating_sub(budget.headroom)));
        match left.filter(|(_, left)| *left < hole) {
            Some((limit, bytes)) => LargestPiece {
                bytes,
                rlimit_as: Some(limit),
            },
            None => LargestPiece {
                bytes: hole,
                rlimit_as: None,
            },
        }
    }

    /// The record alone; `None` where nothing was measured, or where nothing fits.
    pub(crate) fn record(&self) -> Option<String> {
        let fits = self.here.is_some() && self.plan.misfit.is_none();
        let is_on_demand = self.fit == Some(Fit::NoPool);
        fits.then(|| record::text(&self.case, &self.plan, is_on_demand))
    }

    /// The `--set` flag without which the pools fit, and what is said beside it; `None` if there is none, or it stands at
    /// this place.
    fn deciding_flag(&self, place: FilePlace) -> Option<(FilePlace, &'static str)> {
        let fits = |file: &ConfigFile| {
            let mut member = self.member.clone();
            member.file.clone_from(file);
            let outcome = TargetOutcome::new(&member, self.facts, self.wish);
            outcome.is_ok_and(|outcome| outcome.plan.misfit.is_none())
        };
        let source = self.member.source.as_ref();
        let without_one = self.wish.without_one_flag(source);
        let deciding: Vec<FilePlace> = without_one
            .filter(|(_, file)| fits(file))
            .map(|(flag, _)| flag)
            .collect();
        if let Some(first) = deciding.first() {
            let is_at_one = deciding.contains(&place);
            return (!is_at_one).then_some((*first, "without this flag, the pools fit"));
        }
        let (last, file) = self.wish.without_flags(source)?;
        let is_blamed = place.as_flag().is_none() && fits(&file);
        is_blamed.then_some((last, "without the `--set` flags, the pools fit"))
    }

    /// Why it does not fit.
    pub(crate) fn misfit(&self) -> Option<Error> {
        let member = self.member;
        let misfit = self.plan.misfit.as_ref()?;
        let mut diagnostic = Diagnostic::from_misfit(misfit, &self.case, &member.file);
        if self.here.is_some() {
            diagnostic.help = Some(here::advice(misfit, &self.case));
        }
        if let Some(help) = self.without_smaller_slots(misfit) {
            diagnostic.help = Some(help);
        }
        let mut place = misfit.place(&self.case);
        if let Some((flag, label)) = self.deciding_flag(place) {
            place = flag;
            diagnostic.label = label.to_owned();
        }
        diagnostic.message = format!(
            "{}{} on `{}`",
            member.heading_of_mistake(),
            diagnostic.message,
            self.facts.triple()
        );
        let mistake = self.mistake(diagnostic, Some(place));
        Some(Error::from(mistake).exiting(Exit::Misfit))
    }
}

impl TargetOutcome<'_> {
    /// What to do where no instance fits in slots of the size that is asked, and the host has no setting for another.
    fn without_smaller_slots(&self, misfit: &PlanMisfit) -> Option<String> {
        let asked = &self.case.pools().get(misfit.pool)?.asked;
        let version = asked.wasmtime.as_ref()?.version;
        let host = self.wish.host()?;
        if misfit.largest_fit.max_instances.is_some()
            || host.tells(Number::MemoryReservation, version.major, self.case.target)
        {
            return None;
        }
        Some(format!(
            "not one slot of {} fits, and {} {} has no setting for smaller ones{}",
            asked.memory_reservation,
            host.on,
            version.major,
            here::raised(misfit, &self.case)
        ))
    }
}

/// That keys of the file are not used, since `--here` measures what they say.
fn measured(settings: &Settings<'_>) -> impl Iterator<Item = String> {
    let space = settings.space();
    let keys = [
        ("stack_limit", space.stack_limit.is_some()),
        ("aslr", space.aslr.is_some()),
        ("layout", space.layout.is_some()),
    ];
    let said = keys.into_iter().filter(|(_, is_said)| *is_said);
    said.map(|(key, _)| format!("`{key}` in poolcfg.toml is not used: `--here` measures it"))
}

/// All misfits of the outcomes, as one error.
pub(crate) fn misfits(outcomes: &[(&Member, Vec<TargetOutcome<'_>>)]) -> Result<(), Error> {
    let mut found = outcomes
        .iter()
        .flat_map(|(_, outcomes)| outcomes.iter().filter_map(TargetOutcome::misfit));
    match found.next() {
        None => Ok(()),
        Some(first) => Err(found.fold(first, Error::and)),
    }
}
