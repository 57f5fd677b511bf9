//! What is said of an outcome beside its verdict: warnings, what bounds it, and under what it was measured.

use poolcfg_core::{Code, Fit, Keep, Layout, PlanMisfit, Size};

use super::TargetOutcome;
use crate::target::here::Here;

impl TargetOutcome<'_> {
    /// What does not keep a pool from fitting and should be known.
    pub(crate) fn warnings(&self) -> Vec<(Code, String)> {
        let warnings = self.plan.warnings(&self.case);
        let (heading, triple) = (self.member.heading_of_mistake(), self.facts.triple());
        let here = self.here.and_then(Here::warning);
        // Whoever takes smaller slots has been told so.
        let is_chosen = matches!(self.fit, Some(Fit::Smaller | Fit::NoPool));
        warnings
            .filter(|warning| !(is_chosen && warning.code() == Code::BoundsChecks))
            .map(|warning| {
                let text = format!("{heading}on `{triple}`: {warning}");
                (warning.code(), text)
            })
            .chain(self.compiling.iter().map(|warning| {
                let text = format!("{heading}on `{triple}`: {warning}");
                (Code::NoRoom, text)
            }))
            .chain(here.map(|warning| (Code::NoProfileMatches, warning)))
            .chain(self.unused_keys().map(|text| {
                let text = format!("{heading}on `{triple}`: {text}");
                (Code::LacksFeature, text)
            }))
            .collect()
    }

    /// Keys of the address space that its system does not know.
    fn unused_keys(&self) -> Option<String> {
        let knows_layout = matches!(self.case.profile.layout, Layout::Linux(_));
        let os = self.case.target.os;
        let keys = self.settings.space().unused(os, knows_layout);
        let keys: Vec<String> = keys.map(|key| format!("`{key}`")).collect();
        let (last, rest) = keys.split_last()?;
        let (keys, verb) = match rest {
            [] => (last.clone(), "does"),
            _ => (format!("{} and {last}", rest.join(", ")), "do"),
        };
        Some(format!(
            "{keys} under `[address_space]` {verb} nothing on {}: put what is for Linux under \
             `[target.'cfg(target_os = \"linux\")'.address_space]`",
            os.name()
        ))
    }

    /// More of each target: what the profile guarantees, and where that is known from.
    pub(crate) fn details(&self) -> String {
        let [first, second] = self.case.budget.holes();
        let room = &self.case.budget.room;
        let all = match room.parts {
            0 => String::new(),
            _ => format!(" ({} in all holes)", Size::bytes(room.total).available()),
        };
        let maps = self.case.budget.maps_for_pools();
        let maps = maps.map_or_else(String::new, |maps| format!(", {maps} maps for pools"));
        format!(
            "{}: holes of {} and {}{all}, headroom {}{maps}; {}",
            self.target(),
            first.available(),
            second.available(),
            self.case.budget.headroom,
            self.case.profile.source
        )
    }

    /// What decides how much each pool has that has less than is asked.
    pub(crate) fn bounds(&self) -> Vec<String> {
        self.bounds_by(|bound| bound.message(&self.case).as_str().to_owned())
    }

    /// The same, with no more than the name of the limit.
    pub(crate) fn bounds_in_short(&self) -> Vec<String> {
        self.bounds_by(limited)
    }

    fn bounds_by(&self, why: impl Fn(&PlanMisfit) -> String) -> Vec<String> {
        let pools = self.case.pools();
        let of = |index: usize| match pools.get(index) {
            Some(pool) if !pool.name.is_empty() && pools.len() > 1 => {
                format!(" of pool `{}`", pool.name)
            }
            _ => String::new(),
        };
        let before = self.before.as_ref();
        if let Some(bounds) = before.and_then(|before| before.on_demand.as_ref()) {
            let bounds = bounds.iter().enumerate();
            return bounds
                .filter_map(|(index, bound)| {
                    let (of, limited) = (of(index), limited(bound.as_ref()?));
                    Some(format!("one more instance{of} does not fit: {limited}"))
                })
                .collect();
        }
        (0..pools.len())
            .filter_map(|index| {
                let bound = self.plan.bound(&self.case, index)?;
                let more = match pools[index].keep {
                    Keep::MemoryReservation => "one more instance",
                    Keep::MaxInstances => "a larger reservation",
                };
                let (of, why) = (of(index), why(&bound));
                Some(format!("{more}{of} does not fit: {why}"))
            })
            .collect()
    }

    /// Under what the numbers were measured, in sentences without the point at their end; none where nothing was
    /// measured.
    pub(crate) fn conditions(&self) -> Vec<String> {
        self.here
            .map_or_else(Vec::new, |here| here.conditions(&self.case))
    }

    /// The same, what decided the numbers, and the record of them, as lines for a comment; none where nothing was
    /// measured, or where nothing fits.
    pub(crate) fn measured(&self) -> Vec<String> {
        let Some(record) = self.record() else {
            return Vec::new();
        };
        let conditions = self.conditions().into_iter().chain(self.bounds());
        let lines = conditions.map(|said| format!("Measured here: {said}."));
        lines.chain(record.lines().map(str::to_owned)).collect()
    }
}

/// Which limit decides.
fn limited(bound: &PlanMisfit) -> String {
    format!("limited by {}", bound.limit.describe())
}
