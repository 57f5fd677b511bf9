//! The tables of pools as they stand in a file, in the order in which they are laid over each other.

use toml_edit::{Item, TableLike};

use crate::file::TargetFacts;
use crate::file::condition::Condition;

/// Where a table of pools stands: `[pooling_allocator]`, `[pool.NAME]`, or one of both under `[target.…]`.
#[derive(Clone, Debug)]
pub struct PoolTable {
    path: Vec<String>,
    condition: Condition,
    /// Which of the known targets it applies to.
    targets: Vec<bool>,
    /// The name of the pool; `None` if it is of all pools.
    pool: Option<String>,
}

impl PoolTable {
    /// All of a file, each behind those that it is laid over.
    fn all(root: &dyn TableLike) -> Vec<(Self, &dyn TableLike)> {
        let mut layers = vec![(Condition::Always, None, root)];
        let targets = root.get("target").and_then(Item::as_table_like);
        let targets = targets.into_iter().flat_map(TableLike::iter);
        layers.extend(targets.filter_map(|(key, layer)| {
            Some((Condition::of(key)?, Some(key), layer.as_table_like()?))
        }));
        Condition::sort(&mut layers, |(condition, ..)| condition);
        let tables = layers.into_iter().flat_map(|(condition, key, layer)| {
            let targets = condition.known_targets();
            let of = move |pool: Option<&str>| Self::new(key, pool, &condition, &targets);
            let all = layer
                .get("pooling_allocator")
                .and_then(Item::as_table_like)
                .map(|table| (of(None), table));
            let pools = layer.get("pool").and_then(Item::as_table_like);
            let pools = pools.into_iter().flat_map(TableLike::iter);
            let named =
                pools.filter_map(move |(name, pool)| Some((of(Some(name)), pool.as_table_like()?)));
            all.into_iter().chain(named)
        });
        tables.collect()
    }

    fn new(
        target: Option<&str>,
        pool: Option<&str>,
        condition: &Condition,
        targets: &[bool],
    ) -> Self {
        let of_target = target.map_or_else(Vec::new, |key| vec!["target", key]);
        let own = pool.map_or_else(|| vec!["pooling_allocator"], |name| vec!["pool", name]);
        let path = of_target.into_iter().chain(own);
        Self {
            path: path.map(str::to_owned).collect(),
            condition: condition.clone(),
            targets: targets.to_vec(),
            pool: pool.map(str::to_owned),
        }
    }

    /// The keys that lead to it.
    #[must_use]
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// The key of the target, if it stands under one.
    fn target(&self) -> Option<&str> {
        match &self.path[..] {
            [target, key, ..] if target == "target" => Some(key),
            _ => None,
        }
    }

    /// Whether it is said of the pool of this name on a target. Of those that are, the last of [`PoolTable::all`] wins.
    fn applies(&self, facts: &TargetFacts, pool: &str) -> bool {
        self.condition.applies(facts) && self.pool.as_deref().is_none_or(|name| name == pool)
    }

    /// Whether it is said of all that a later one of [`PoolTable::all`] is said of: of the same pool, on every target
    /// that the later one applies to.
    fn underlies(&self, later: &Self) -> bool {
        let is_of_pool = self.pool.is_none() || self.pool == later.pool;
        is_of_pool && (self.target() == later.target() || self.covers(later))
    }

    fn covers(&self, later: &Self) -> bool {
        if matches!(self.condition, Condition::Always) {
            return true;
        }
        // A table for targets that rustc does not know may stand alone.
        let mut of_later = self.targets.iter().zip(&later.targets);
        later.targets.contains(&true) && of_later.all(|(own, of_later)| *own || !of_later)
    }

    /// The targets that it applies to: the number of each known one, or one `None` if it applies to others only.
    #[must_use]
    pub fn on(&self) -> Vec<Option<usize>> {
        let all = self.targets.iter().enumerate();
        let known = all.filter_map(|(number, applies)| applies.then_some(Some(number)));
        let known: Vec<_> = known.collect();
        match known.is_empty() {
            true => vec![None],
            false => known,
        }
    }

    /// Whether it is said of the pool of this name on a target of [`PoolTable::on`] of another table.
    fn applies_on(&self, target: Option<usize>, of: &Self, pool: &str) -> bool {
        let is_always = matches!(self.condition, Condition::Always);
        let is_there = match target {
            Some(number) => self.targets.get(number) == Some(&true),
            None => is_always || self.target() == of.target(),
        };
        is_there && self.pool.as_deref().is_none_or(|name| name == pool)
    }

    /// The name of the pool that it is of; `None` if it is of all pools.
    #[must_use]
    pub fn pool(&self) -> Option<&str> {
        self.pool.as_deref()
    }

    /// Whether both are of the same pool, or both of all pools, on whichever targets.
    #[must_use]
    pub fn is_of_pool_of(&self, other: &Self) -> bool {
        self.pool == other.pool
    }
}

/// What is known of each table of pools of a file, in the order in which they are laid over each other.
#[derive(Clone, Debug)]
pub struct PoolTables<T>(Vec<(PoolTable, T)>);

impl<T> PoolTables<T> {
    /// Those below the root of a file, and what is known of each.
    pub fn new(root: &dyn TableLike, known: impl Fn(&dyn TableLike) -> T) -> Self {
        let tables = PoolTable::all(root).into_iter();
        Self(tables.map(|(place, table)| (place, known(table))).collect())
    }

    /// None, as of a file that cannot be read.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Each of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&PoolTable, &T)> {
        self.0.iter().map(|(place, known)| (place, known))
    }

    /// The one with this index.
    #[must_use]
    pub fn get(&self, index: usize) -> (&PoolTable, &T) {
        let (place, known) = &self.0[index];
        (place, known)
    }

    /// The table with this index and those that it starts from, each with its index: the first that says something wins.
    pub fn of_table(&self, index: usize) -> impl Iterator<Item = (usize, &T)> {
        let (own, _) = self.get(index);
        let latest_first = self.0[..=index].iter().enumerate().rev();
        latest_first.filter_map(move |(other, (place, known))| {
            (other == index || place.underlies(own)).then_some((other, known))
        })
    }

    /// Those that are said of the pool of this name on a target, each with its index: the first that says something wins.
    pub fn of_pool(&self, facts: &TargetFacts, pool: &str) -> impl Iterator<Item = (usize, &T)> {
        let latest_first = self.0.iter().enumerate().rev();
        latest_first.filter_map(move |(index, (place, known))| {
            place.applies(facts, pool).then_some((index, known))
        })
    }

    /// Those that are said of the pool of this name on a target of [`PoolTable::on`] of another table, each with its index:
    /// the first that says something wins.
    pub fn of_pool_on<'t>(
        &'t self,
        target: Option<usize>,
        of: &'t PoolTable,
        pool: &'t str,
    ) -> impl Iterator<Item = (usize, &'t T)> {
        let latest_first = self.0.iter().enumerate().rev();
        latest_first.filter_map(move |(index, (place, known))| {
            let applies = place.applies_on(target, of, pool);
            applies.then_some((index, known))
        })
    }
}

#[cfg(test)]
mod tests {
    use toml_edit::Document;

    use super::*;
    use crate::file::ConfigFile;

    const TRIPLE: &str = "riscv64gc-unknown-linux-gnu";

    /// Whichever tables speak, and in whichever order they stand, the last one that applies wins, as in the settings.
    #[test]
    fn the_order_is_that_of_the_settings() {
        let facts = TargetFacts::builtin(TRIPLE).unwrap();
        let layers = [
            format!("target.{TRIPLE}."),
            "target.'cfg(unix)'.".to_owned(),
            "target.'cfg(target_os = \"linux\")'.".to_owned(),
            String::new(),
        ];
        let headers: Vec<String> = layers
            .iter()
            .flat_map(|layer| ["pooling_allocator", "pool.a"].map(|own| format!("[{layer}{own}]")))
            .collect();
        // Which of them say something, each its own number; the pool is always there.
        for said in 0..1_u32 << headers.len() {
            let tables = headers.iter().enumerate().map(|(index, header)| {
                let line = match said & 1 << index {
                    0 => String::new(),
                    _ => format!("max_instances = {}\n", index + 1),
                };
                format!("{header}\n{line}")
            });
            let text: String = tables.collect();
            let file = ConfigFile::parse(&text).unwrap();
            let key = file.settings(&facts).pools()[0].max_instances;
            let expected = key.map(|key| i64::from(key.value));

            let document = Document::parse(text.as_str()).unwrap();
            let says = |table: &dyn TableLike| table.get("max_instances")?.as_integer();
            let tables = PoolTables::new(document.as_table(), says);
            assert_eq!(tables.iter().len(), headers.len());
            let applies = tables.of_pool(&facts, "a").find_map(|(_, number)| *number);
            assert_eq!(applies, expected, "{text}");
            // The table of the triple and the pool has below it all that apply.
            let below = tables
                .of_table(headers.len() - 1)
                .find_map(|(_, number)| *number);
            assert_eq!(below, expected, "{text}");
        }
    }

    #[test]
    fn a_table_underlies_what_is_said_of_no_more() {
        let text = "[pooling_allocator]\n[pool.a]\n[pool.b]\n\
            [target.'cfg(unix)'.pooling_allocator]\n[target.'cfg(target_os = \"linux\")'.pooling_allocator]\n\
            [target.'cfg(target_vendor = \"own\")'.pool.a]\n[target.x86_64-pc-windows-msvc.pool.a]\n";
        let document = Document::parse(text).unwrap();
        let tables = PoolTable::all(document.as_table());
        let [base, a, b, unix, linux, own, windows] = &tables[..] else {
            panic!("{}", tables.len());
        };
        for (earlier, later, underlies) in [
            (base, a, true),
            (base, unix, true),
            (a, b, false),
            (a, unix, false),
            (unix, linux, true),
            (linux, unix, false),
            // No known target has this vendor.
            (unix, own, false),
            (base, own, true),
            (a, own, true),
            (unix, windows, false),
            (a, windows, true),
            (b, windows, false),
        ] {
            let paths = (earlier.0.path(), later.0.path());
            assert_eq!(earlier.0.underlies(&later.0), underlies, "{paths:?}");
        }
    }
}
