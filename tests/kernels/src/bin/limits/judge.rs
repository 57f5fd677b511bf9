//! What is started under each limit, and what is expected of it: that the recheck names this limit and no
//! other, that what it suggests starts, and that a little more does not.

use std::process::Command;

use poolcfg_core::{Engine, GRAIN, Promise, Size};
use poolcfg_runtime::RecheckLimit;
use poolcfg_tests_kernels::{Injected, LimitReport, Obstacle, Oddity, Suggestion};

use crate::inject::{Settings, Strength};
use crate::pools::Planned;
use crate::said::{Refused, Said, Took};

/// Every limit that a recheck names.
const LIMITS: [RecheckLimit; 8] = [
    RecheckLimit::RlimitAs,
    RecheckLimit::RlimitData,
    RecheckLimit::RlimitMemlock,
    RecheckLimit::Hole,
    RecheckLimit::MaxMapCount,
    RecheckLimit::CommitLimit,
    RecheckLimit::RamAndSwap,
    RecheckLimit::Refused,
];

const INSTANCES: &str = "MAX_INSTANCES";
const RESERVATION: &str = "MEMORY_RESERVATION";

/// An operator's variables: the name and the value.
type Variables<'a> = &'a [(String, String)];

struct Judge {
    profile: &'static str,
    injected: Injected,
    engine: Engine,
    promise: Promise<'static>,
    report: LimitReport,
}

/// Judges one limit.
pub(crate) fn judge(
    profile: &'static str,
    injected: Injected,
    engine: Engine,
) -> Result<LimitReport, String> {
    let mut judge = Judge {
        profile,
        injected,
        engine,
        promise: Planned::new(profile).pool(injected, engine),
        report: LimitReport {
            injected,
            engine,
            limit: String::new(),
            need: 0,
            have: 0,
            suggestions: Vec::new(),
            message: String::new(),
            broken: Vec::new(),
        },
    };
    judge.without_it();
    match injected {
        Injected::Obstacle(obstacle) => judge.obstacle(obstacle)?,
        Injected::Oddity(oddity) => judge.oddity(oddity)?,
    }
    Ok(judge.report)
}

impl Judge {
    fn expect(&mut self, kept: bool, broken: impl FnOnce() -> String) {
        if !kept {
            self.report.broken.push(broken());
        }
    }

    /// An operator's variable for this pool.
    fn variable(&self, key: &str, value: impl ToString) -> (String, String) {
        let name = match self.promise.name {
            "" => format!("POOLCFG_{key}"),
            pool => format!("POOLCFG_{}_{key}", pool.to_uppercase()),
        };
        (name, value.to_string())
    }

    /// Starts a process and hears what it says.
    fn start(&self, strength: Strength, variables: Variables<'_>) -> Result<Said, String> {
        let _settings = Settings::of_the_machine(self.injected, strength)?;
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let output = Command::new(own)
            .args(["start", self.profile, self.injected.word()])
            .args([self.engine.word(), &strength.to_string()])
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .output()
            .map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stdout);
        match Said::read(&said) {
            Some(said) if output.status.success() => Ok(said),
            _ => Err(format!(
                "{}: {said}{}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim_end()
            )),
        }
    }

    /// Starts a process that has to take so much, and gives its warnings.
    fn takes(
        &self,
        strength: Strength,
        variables: Variables<'_>,
        instances: u32,
        reservation: Size,
    ) -> Result<Vec<String>, String> {
        match self.start(strength, variables)? {
            Said::Took(Took {
                instances: taken,
                reservation: size,
                warnings,
            }) if (taken, size) == (instances, reservation) => Ok(warnings),
            said => Err(format!("{said}, not {instances} of {reservation}")),
        }
    }

    /// Starts a process that has to take all that is asked, and gives its warnings.
    fn takes_all(&self, strength: Strength) -> Result<Vec<String>, String> {
        let asked = self.promise.asked;
        self.takes(strength, &[], asked.max_instances, asked.memory_reservation)
    }

    /// Without the limit the pool starts whole, and nothing is to be known of it: so nothing else is in the way.
    fn without_it(&mut self) {
        let started = self.takes_all(Strength::Off);
        self.expect(started.as_ref().is_ok_and(Vec::is_empty), || {
            format!("without the limit: {started:?}")
        });
    }

    fn obstacle(&mut self, obstacle: Obstacle) -> Result<(), String> {
        let refused = match self.start(Strength::On, &[])? {
            Said::Refused(refused) => refused,
            // By address a native pool may have all that the layout leaves.
            Said::Took(_) if obstacle == Obstacle::UnlimitedStack => return self.no_obstacle(),
            Said::Took(took) => return Err(format!("under the limit: {took:?}")),
        };
        self.report.limit.clone_from(&refused.limit);
        self.report.need = refused.need;
        self.report.have = refused.have;
        self.report.message.clone_from(&refused.message);
        self.named(obstacle, &refused);
        self.suggested(obstacle, &refused);
        self.raised(obstacle, &refused);
        Ok(())
    }

    /// The pool starts whole every time, so nothing is named and nothing suggested. Where that is right is
    /// known to the test.
    fn no_obstacle(&mut self) -> Result<(), String> {
        for _ in 0..self.starts() {
            self.takes_all(Strength::On)?;
        }
        "none".clone_into(&mut self.report.limit);
        "starts whole".clone_into(&mut self.report.message);
        Ok(())
    }

    /// The limit is named and no other.
    fn named(&mut self, obstacle: Obstacle, refused: &Refused) {
        let own = obstacle.limit().name();
        self.expect(refused.limit == own, || {
            format!("`{}` is named, not `{own}`", refused.limit)
        });
        self.expect(refused.need > refused.have, || {
            format!("need {} have {}", refused.need, refused.have)
        });
        let message = &refused.message;
        let named: Vec<&str> = LIMITS
            .iter()
            .map(|limit| limit.name())
            .filter(|name| message.contains(&format!("`{name}`")))
            .collect();
        self.expect(named == [own], || format!("the message names {named:?}"));
        let layout = message.contains("layout that an unlimited stack limit gives");
        let unlimited = obstacle == Obstacle::UnlimitedStack;
        self.expect(layout == unlimited, || {
            format!("the message names the legacy layout: {layout}")
        });
    }

    /// Both numbers start, and so does what the message says; a little more does not.
    fn suggested(&mut self, obstacle: Obstacle, refused: &Refused) {
        let asked = self.promise.asked;
        let one = asked.max_instances == 1;
        let (instances, reservation) = match obstacle {
            Obstacle::Seccomp => (false, false),
            // However small the slots are, there are as many mappings.
            Obstacle::MaxMapCount => (true, false),
            Obstacle::UnlimitedStack | Obstacle::SecondPool => (!one, true),
            _ => (true, true),
        };
        let found = (
            refused.max_instances.is_some(),
            refused.memory_reservation.is_some(),
        );
        self.expect(found == (instances, reservation), || {
            format!("suggested are {refused:?}")
        });
        if let Some(fit) = refused.max_instances {
            let more = self.more_instances(obstacle, fit);
            self.suggestion(
                &[self.variable(INSTANCES, fit)],
                (fit, asked.memory_reservation),
                Some(self.variable(INSTANCES, more)),
            );
        }
        if let Some(fit) = refused.memory_reservation {
            let more = self.more(obstacle, fit);
            self.suggestion(
                &[self.variable(RESERVATION, fit.get())],
                (asked.max_instances, fit),
                Some(self.variable(RESERVATION, more.get())),
            );
        }
        let parts = refused.message.split('`');
        let variables: Vec<(&str, &str)> = parts
            .filter(|part| part.starts_with("POOLCFG_"))
            .filter_map(|part| part.split_once('='))
            .collect();
        let mut taken = (asked.max_instances, asked.memory_reservation);
        let names = [INSTANCES, RESERVATION].map(|key| self.variable(key, "").0);
        for (name, value) in &variables {
            let name = names.iter().position(|of| of == name);
            match (name, value.parse(), Size::parse(value)) {
                (Some(0), Ok(instances), _) => taken.0 = instances,
                (Some(1), _, Ok(size)) => taken.1 = size,
                _ => self
                    .report
                    .broken
                    .push(format!("the message says `{value}`")),
            }
        }
        if variables.is_empty() {
            self.expect(!instances && !reservation, || {
                "the message suggests nothing".to_owned()
            });
        } else {
            let variables: Vec<_> = variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            self.suggestion(&variables, taken, None);
        }
    }

    /// Bytes that a process may have beyond the headroom and what another one has: it may have the largest of all holes
    /// and the other one the smallest.
    fn luck(&self) -> u64 {
        self.promise.headroom.get() + 2 * Planned::new(self.profile).aslr_range().get()
    }

    /// More instances than suggested, by as few as can be told; all that are asked for are too many.
    fn more_instances(&self, obstacle: Obstacle, fit: u32) -> u32 {
        let asked = self.promise.asked;
        let more = match obstacle {
            Obstacle::UnlimitedStack | Obstacle::SecondPool => {
                self.luck().div_ceil(asked.memory_reservation.get())
            }
            _ => 1,
        };
        let more = u32::try_from(more).unwrap_or(u32::MAX);
        fit.saturating_add(more).min(asked.max_instances)
    }

    /// A reservation that is larger than the one suggested, by as little as can be told.
    fn more(&self, obstacle: Obstacle, fit: Size) -> Size {
        let instances = u64::from(self.promise.asked.max_instances);
        let spare = match obstacle {
            Obstacle::RlimitAs => self.promise.headroom.get(),
            // There is no room for the headroom, and for the lists of the slots there has to be.
            Obstacle::RlimitMemlock => Size::mib(1).get() + Size::kib(instances).get(),
            Obstacle::UnlimitedStack | Obstacle::SecondPool => self.luck(),
            _ => 0,
        };
        let more = fit.get() + spare.div_ceil(instances) + GRAIN.get();
        let more = Size::bytes(more.next_multiple_of(GRAIN.get()));
        more.min(self.promise.asked.memory_reservation)
    }

    /// How many fresh processes are started for each suggestion. Where holes are, ASLR decides anew each time.
    fn starts(&self) -> u32 {
        match self.injected {
            Injected::Obstacle(Obstacle::UnlimitedStack | Obstacle::SecondPool) => 6,
            _ => 2,
        }
    }

    /// Starts what is suggested, and what is more.
    fn suggestion(
        &mut self,
        variables: Variables<'_>,
        (instances, reservation): (u32, Size),
        more: Option<(String, String)>,
    ) {
        let words = |variables: Variables<'_>| {
            let words: Vec<String> = variables
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            words.join(",")
        };
        let mut suggestion = Suggestion {
            what: words(variables),
            starts: 0,
            refused: None,
        };
        for _ in 0..self.starts() {
            match self.takes(Strength::On, variables, instances, reservation) {
                Ok(_) => suggestion.starts += 1,
                Err(error) => {
                    let broken = format!("{} does not start: {error}", suggestion.what);
                    self.report.broken.push(broken);
                }
            }
        }
        if let Some(more) = more {
            let more = [more];
            for _ in 0..self.starts() {
                match self.start(Strength::On, &more) {
                    Ok(Said::Refused(refused)) if refused.limit == self.report.limit => {}
                    said => {
                        let broken = format!("{} is not refused: {said:?}", words(&more));
                        self.report.broken.push(broken);
                    }
                }
            }
            suggestion.refused = Some(words(&more));
        }
        self.report.suggestions.push(suggestion);
    }

    /// The other thing that the message says: the limit is raised, and the pool starts whole.
    fn raised(&mut self, obstacle: Obstacle, refused: &Refused) {
        let said = match obstacle {
            Obstacle::RlimitAs => "raise the limit with `ulimit -v ",
            Obstacle::RlimitData => "raise the limit with `ulimit -d ",
            Obstacle::RlimitMemlock => "raise the limit with `ulimit -l ",
            Obstacle::UnlimitedStack => "set a finite stack limit with `ulimit -s 8192`",
            // The pool that is there stays.
            Obstacle::SecondPool => {
                let said = "put all pools of the process into one poolcfg.toml";
                self.expect(refused.message.contains(said), || {
                    format!("the message does not say: {said}")
                });
                return;
            }
            Obstacle::Seccomp => "seccomp filter, security module or sandbox of the process allow",
            Obstacle::MaxMapCount => "raise the limit with `sysctl -w vm.max_map_count=",
            Obstacle::Overcommit => "raise the limit with `sysctl -w vm.overcommit_ratio=100`",
        };
        self.expect(refused.message.contains(said), || {
            format!("the message does not say: {said}")
        });
        // The message rounds bytes up.
        let need = match obstacle {
            Obstacle::MaxMapCount => refused.need,
            _ => refused.need.next_multiple_of(Size::mib(1).get()),
        };
        let mut suggestion = Suggestion {
            what: "raised".to_owned(),
            starts: 0,
            refused: None,
        };
        for _ in 0..self.starts() {
            let started = self.takes_all(Strength::Raised(need));
            match started {
                Ok(_) => suggestion.starts += 1,
                Err(error) => self.report.broken.push(format!("raised: {error}")),
            }
        }
        self.report.suggestions.push(suggestion);
    }

    /// A warning, and the pool starts whole.
    fn oddity(&mut self, oddity: Oddity) -> Result<(), String> {
        let warnings = self.takes_all(Strength::On)?;
        let says = match oddity {
            Oddity::MemoryCgroup => "the memory cgroup allows `64 MiB`",
            Oddity::PageSize => "but the build planned with `4 KiB`, so sizes were rounded again",
        };
        self.expect(
            matches!(warnings.as_slice(), [warning] if warning.contains(says)),
            || format!("warnings {warnings:?}"),
        );
        "warning".clone_into(&mut self.report.limit);
        self.report.message = warnings.join(" ");
        Ok(())
    }
}
