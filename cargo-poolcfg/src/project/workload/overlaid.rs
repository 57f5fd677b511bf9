//! What a table says over the numbers of a pool whose workload stands in a table that it does not start from: the table of
//! a target over that of a named pool, or that of some targets over that of others.

use poolcfg_core::file::Diagnostic;

use super::NumberDifference;
use super::place::Place;
use super::read::FileWorkload;
use super::tables::{SpannedNumber, WorkloadTable, WorkloadTables};
use crate::cli::path::shown;
use crate::inspect::beyond::NeededKey;
use crate::inspect::workload::PerInstance;
use crate::project::pool_tables::header;

/// A pool whose numbers a table says, and the table that names its workload.
#[derive(PartialEq, Eq)]
struct Overlaid<'t> {
    pool: &'t str,
    owner: usize,
}

impl WorkloadTables {
    /// The names of the pools, and the empty one of the pool without.
    fn pools(&self) -> Vec<&str> {
        let mut names = vec![""];
        for name in self.placed().filter_map(|(place, _)| place.pool()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The pools of which this table is the last on some target that says something, and whose workload stands in a table
    /// that this one does not start from.
    fn overlaid(
        &self,
        index: usize,
        says: impl Fn(&WorkloadTable) -> bool,
    ) -> impl Iterator<Item = Overlaid<'_>> {
        let (place, table) = self.get(index);
        let own = self.owner(index);
        let is_other = |owner: &usize| Some(*owner) != own && self.get(*owner).1.list.is_some();
        let mut found = Vec::new();
        let targets = match says(table) && (0..index).any(|owner| is_other(&owner)) {
            true => place.on(),
            false => Vec::new(),
        };
        for target in targets {
            for pool in self.pools() {
                let all = || self.of_pool_on(target, place, pool);
                if all().find_map(|(_, one)| one.is_of_wasmtime) == Some(false) {
                    continue;
                }
                let last = |says: &dyn Fn(&WorkloadTable) -> bool| {
                    let mut says = all().filter(|(_, one)| says(one));
                    says.next().map(|(at, _)| at)
                };
                let owner = last(&|one| one.list.is_some()).filter(is_other);
                let over = owner.filter(|owner| *owner < index && last(&says) == Some(index));
                let over = over.map(|owner| Overlaid { pool, owner });
                found.extend(over.filter(|over| !found.contains(over)));
            }
        }
        found.into_iter()
    }

    /// The lists of named pools in whose place the list of a target's table counts, in a sentence each.
    pub(super) fn replaced(&self) -> Vec<String> {
        let mut said = Vec::new();
        for (index, (place, _)) in self.placed().enumerate() {
            let of_all = place.pool().is_none();
            for over in self.replaced_by(index).filter(|_| of_all) {
                let [here, there] = [index, over.owner].map(|at| header(self.get(at).0.path()));
                said.push(format!(
                    "the `workload` of `{here}` counts in the place of that of `{there}`: name the files of pool `{}` there too if it runs them on these targets",
                    over.pool
                ));
            }
        }
        said
    }

    /// The named pools whose list the list of this table replaces on some target, with the table of each.
    fn replaced_by(&self, index: usize) -> impl Iterator<Item = Overlaid<'_>> {
        let (place, table) = self.get(index);
        let lists = self.placed().enumerate().take(index);
        let lists = lists.filter(move |(_, (_, one))| one.list.is_some() && table.list.is_some());
        lists.filter_map(move |(owner, (other, _))| {
            let pool = other.pool()?;
            let is_replaced = |target| {
                let lists = self.of_pool_on(target, place, pool);
                let mut lists = lists
                    .filter(|(_, one)| one.list.is_some())
                    .map(|(at, _)| at);
                lists.next() == Some(index) && lists.any(|at| at == owner)
            };
            let is_replaced = place.on().into_iter().any(is_replaced);
            is_replaced.then_some(Overlaid { pool, owner })
        })
    }
}

impl FileWorkload {
    /// The same, with the files.
    fn overlaid(
        &self,
        index: usize,
        says: impl Fn(&WorkloadTable) -> bool,
    ) -> impl Iterator<Item = (&str, Place<'_>)> {
        let all = self.tables.overlaid(index, says);
        all.filter_map(move |Overlaid { pool, owner }| {
            let place = Place {
                tables: &self.tables,
                index,
                owner,
                files: self.files[owner].as_ref()?,
                unsaid: &|_, _| None,
            };
            Some((pool, place))
        })
    }

    /// Raises what is to be written to what the workloads of such pools need, and finds what is below it.
    pub(super) fn lift(&self, found: &mut Vec<NumberDifference>) {
        for (index, (stands, table)) in self.tables.placed().enumerate() {
            for (key, said) in table.counts() {
                for (pool, place) in self.overlaid(index, |one| one.count(key).is_some()) {
                    let counts = place.needed().into_iter().flat_map(PerInstance::keys);
                    for (key, needed) in counts.filter(|(counted, _)| *counted == key) {
                        let file = PerInstance::first_with(key, needed, &place.files.files);
                        let file = file.map_or_else(String::new, shown);
                        let raised = NumberDifference {
                            path: stands.path().to_vec(),
                            span: said.span.clone(),
                            key,
                            beyond: None,
                            said: Some(said.value),
                            needed: Some(needed),
                            file,
                            pool: pool.to_owned(),
                        };
                        raise(found, raised, needed);
                    }
                }
            }
            for key in NeededKey::ALL {
                let says = |one: &WorkloadTable| one.number(key).is_some();
                let Some(SpannedNumber { value, span }) = table.number(key) else {
                    continue;
                };
                for (pool, place) in self.overlaid(index, says) {
                    let Some(need) = key.most(place.files.needs(), place.version()) else {
                        continue;
                    };
                    let raised = NumberDifference {
                        path: stands.path().to_vec(),
                        span: span.clone(),
                        key: key.word(),
                        beyond: Some(key),
                        said: Some(*value),
                        needed: Some(need.most),
                        file: shown(need.path),
                        pool: pool.to_owned(),
                    };
                    raise(found, raised, need.least);
                }
            }
        }
    }

    /// Why no instance of such a pool's file fits, where features or totals of this table say so.
    pub(super) fn overlaid_impossible(&self) -> Vec<Diagnostic> {
        let mut all = Vec::new();
        for (index, table) in self.tables.iter().enumerate() {
            let mut refuse = |span: &std::ops::Range<usize>, place: &Place<'_>| {
                let mistakes = place.impossible().into_iter();
                all.extend(mistakes.filter(|one| one.span.as_ref() == Some(span)));
            };
            for (key, said) in table.counts() {
                let places = self.overlaid(index, |one| one.count(key).is_some());
                places.for_each(|(_, place)| refuse(&said.span, &place));
            }
            if let Some((_, span)) = &table.features {
                let places = self.overlaid(index, |one| one.features.is_some());
                places.for_each(|(_, place)| refuse(span, &place));
            }
        }
        all
    }
}

/// Puts a number in the place of a smaller one of the same key, where what is said is below the least.
fn raise(found: &mut Vec<NumberDifference>, raised: NumberDifference, least: u64) {
    let is_same = |one: &NumberDifference| one.path == raised.path && one.key == raised.key;
    let at = found.iter().position(is_same);
    if at.is_some_and(|at| found[at].needed >= raised.needed) {
        return;
    }
    let smaller = at.map(|at| found.remove(at));
    // A table that is held to exactly what its own workload needs is held to exactly this.
    let is_exact = smaller.is_some() && raised.beyond.is_none();
    let said = raised.said.unwrap_or_default();
    if said < least || (is_exact && raised.needed != Some(said)) {
        found.push(raised);
    }
}
