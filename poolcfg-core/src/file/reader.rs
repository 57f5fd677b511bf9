//! The reader: the tables of the file, read into layers.

use toml_edit::{Document, TableLike};

use crate::base::code::Code;
use crate::base::variable::Variable;
use crate::file::cfgs::{TargetKey, target_condition};
use crate::file::condition::Condition;
use crate::file::layer::{Layer, SpaceLayer};
use crate::file::notes::{Entry, Notes, TABLES, entries, is_name, list, quoted};
use crate::file::profiles::{self, check_reference};
use crate::file::value::Value;
use crate::file::{ConfigFile, Diagnostic, nearest, syntax, wasmtime};
use crate::model::fit::MAX_POOLS;
use crate::setting::{AddressSpaceKeys, MAX_PROFILES, PoolKeys};
use crate::target::profile::OwnProfile;

/// The tables that may stand under `[target.…]`.
pub(super) const TARGET_TABLES: [&str; 3] = ["pooling_allocator", "pool", "address_space"];

impl ConfigFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// Every mistake in it, in the order of the file; where it is not TOML, the first place that is not.
    pub fn parse(source: &str) -> Result<Self, Vec<Diagnostic>> {
        let document =
            Document::parse(source).map_err(|error| vec![syntax::mistake(&error, source)])?;
        let mut reader = Reader::new(Notes::new(source), Vec::new());
        let file = reader.file(document.as_table());
        let Notes {
            mut diagnostics,
            spans,
            ..
        } = reader.notes;
        if diagnostics.is_empty() {
            return Ok(ConfigFile {
                names: reader.names,
                spans,
                ..file
            });
        }
        diagnostics.sort_by_key(|diagnostic| diagnostic.span.as_ref().map(|span| span.start));
        Err(diagnostics)
    }
}

/// What reads the tables of a file, or of flags beside one.
pub(super) struct Reader<'s> {
    pub(super) notes: Notes<'s>,
    /// The names of its pools.
    pub(super) names: Vec<String>,
    /// The names of its profiles.
    pub(super) profile_names: Vec<String>,
    /// Whether there are more pools or profiles than may be.
    is_too_long: bool,
}

impl<'s> Reader<'s> {
    pub(super) fn new(notes: Notes<'s>, names: Vec<String>) -> Self {
        Self {
            notes,
            names,
            profile_names: Vec::new(),
            is_too_long: false,
        }
    }

    fn file(&mut self, root: &dyn TableLike) -> ConfigFile {
        let tables = entries(root);
        let mut file = ConfigFile::default();
        // Pools and profiles may be used above the line that names them.
        if let Some(pools) = table_of(&tables, "pool") {
            self.pool_names(&entries(pools));
        }
        if let Some(profiles) = table_of(&tables, "va_profile") {
            self.profile_names(&entries(profiles));
        }
        if self.is_too_long {
            // What is in so many tables is not read.
            return file;
        }
        let mut base = Layer::new(Condition::Always);
        for entry in &tables {
            match entry.key {
                "target" => file.layers = self.target_table(entry),
                "va_profile" => file.profiles = self.profiles(entry),
                _ => self.layer_table(entry, &mut base, "", &TABLES),
            }
        }
        file.layers.insert(0, base);
        file
    }

    /// The tables under `[target]`, as layers.
    pub(super) fn target_table(&mut self, entry: &Entry<'_>) -> Vec<Layer> {
        let help = || "write `[target.TRIPLE.pooling_allocator]`".to_owned();
        match self.notes.table(entry, help) {
            Some(targets) => self.targets(&entries(targets)),
            None => Vec::new(),
        }
    }

    /// The tables under `[va_profile]`.
    pub(super) fn profiles(&mut self, entry: &Entry<'_>) -> Vec<(String, OwnProfile<'static>)> {
        let help = || "write `[va_profile.NAME]`".to_owned();
        match self.notes.table(entry, help) {
            Some(table) => profiles::read(&entries(table), &mut self.notes),
            None => Vec::new(),
        }
    }

    /// One of the tables that make up a layer. `of` is what stands before its name: nothing, or
    /// `target.….`.
    pub(super) fn layer_table(
        &mut self,
        entry: &Entry<'_>,
        layer: &mut Layer,
        of: &str,
        known: &[&str],
    ) {
        let help = || format!("write `[{of}{}]`", entry.key);
        match entry.key {
            "pooling_allocator" => {
                if let Some(table) = self.notes.table(entry, help) {
                    layer.pooling_allocator =
                        self.pool_keys(table, &format!("`[{of}pooling_allocator]`"));
                }
            }
            "address_space" => {
                if let Some(table) = self.notes.table(entry, help) {
                    layer.space = self.space(table, &format!("`[{of}address_space]`"));
                }
            }
            "pool" => {
                let help = || format!("write `[{of}pool.NAME]`");
                if let Some(table) = self.notes.table(entry, help) {
                    for pool in entries(table) {
                        self.pool(&pool, layer, of);
                    }
                }
            }
            _ if of.is_empty() => self.notes.unknown_key(entry, "the file", known),
            _ => {
                let place = format!("`[{}]`", of.trim_end_matches('.'));
                self.notes.unknown_key(entry, &place, known);
            }
        }
    }

    /// Takes down the names of the pools, and what is wrong with them.
    pub(super) fn pool_names(&mut self, pools: &[Entry<'_>]) {
        let tables = pools
            .iter()
            .filter(|entry| entry.item.as_table_like().is_some());
        for (index, entry) in tables.enumerate() {
            let name = entry.key;
            if index == MAX_POOLS {
                self.notes.mistake(
                    Code::BadPool,
                    &entry.key_span,
                    format!("more than {MAX_POOLS} pools"),
                    "one too many",
                    Some("`pools = N` says how many pools of one shape there are".to_owned()),
                );
                self.is_too_long = true;
                return;
            }
            if !is_name(name) {
                self.notes.mistake(
                    Code::BadPool,
                    &entry.key_span,
                    format!("invalid pool name `{}`", name.escape_default()),
                    "invalid name",
                    Some(
                        "a name is part of variables such as `POOLCFG_NAME_MAX_INSTANCES`: use ASCII letters, digits, `_` and `-`"
                            .to_owned(),
                    ),
                );
            } else if let Some(other) = self
                .names
                .iter()
                .find(|other| variables(other) == variables(name))
            {
                let variables = variables(name);
                let message =
                    format!("pools `{other}` and `{name}` share the variables `{variables}`");
                let help = Some("give one of them another name".to_owned());
                self.notes.mistake(
                    Code::BadPool,
                    &entry.key_span,
                    message,
                    "the second of them",
                    help,
                );
            }
            self.names.push(name.to_owned());
        }
    }

    /// Takes down the names of the custom profiles.
    pub(super) fn profile_names(&mut self, profiles: &[Entry<'_>]) {
        if let Some(entry) = profiles.get(MAX_PROFILES) {
            self.notes.mistake(
                Code::BadProfile,
                &entry.key_span,
                format!("more than {MAX_PROFILES} profiles"),
                "one too many",
                Some("remove the profiles that no table uses".to_owned()),
            );
            self.is_too_long = true;
            return;
        }
        let names = profiles.iter().map(|entry| entry.key.to_owned());
        self.profile_names = names.collect();
    }

    /// One `[pool.NAME]`.
    fn pool(&mut self, entry: &Entry<'_>, layer: &mut Layer, of: &str) {
        let Some(table) = entry.item.as_table_like() else {
            let help = if PoolKeys::NAMES.contains(&entry.key) {
                format!(
                    "put it into `[{of}pooling_allocator]`, or into the table of a pool, `[{of}pool.NAME]`"
                )
            } else {
                format!("write `[{of}pool.{}]`", entry.key)
            };
            self.notes.table(entry, || help);
            return;
        };
        let keys = self.pool_keys(table, &format!("`[{of}pool.{}]`", entry.key));
        if let Some(index) = self.names.iter().position(|name| name == entry.key) {
            layer.pools.push((index, keys));
            return;
        }
        let help = match nearest(entry.key, self.names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean `{name}`?"),
            None if self.names.is_empty() => format!(
                "the file names no pools: use `[{of}pooling_allocator]`, or name the pool by a table `[pool.{}]`",
                entry.key
            ),
            None => format!(
                "expected one of {}",
                list(self.names.iter().map(String::as_str))
            ),
        };
        self.notes.mistake(
            Code::UnknownPool,
            &entry.key_span,
            format!("unknown pool `{}`", entry.key),
            "no table `[pool.NAME]` has this name",
            Some(help),
        );
    }

    /// The tables of targets, as layers in their order.
    fn targets(&mut self, targets: &[Entry<'_>]) -> Vec<Layer> {
        let mut layers: Vec<Layer> = Vec::new();
        for entry in targets {
            let help = || format!("write `[target.{}.pooling_allocator]`", quoted(entry.key));
            let Some(table) = self.notes.table(entry, help) else {
                continue;
            };
            let earlier = layers.iter().filter_map(|layer| match &layer.condition {
                Condition::Triple(facts) => Some(facts),
                _ => None,
            });
            let place = TargetKey {
                key: entry.key,
                span: entry.key_span.clone(),
            };
            let condition = target_condition(&place, earlier, &mut self.notes);
            // The tables are read in any case, for the mistakes in them.
            let mut layer = Layer::new(condition.clone().unwrap_or(Condition::Always));
            let of = format!("target.{}.", quoted(entry.key));
            for table in entries(table) {
                self.layer_table(&table, &mut layer, &of, &TARGET_TABLES);
            }
            if condition.is_some() {
                layers.push(layer);
            }
        }
        Condition::sort(&mut layers, |layer| &layer.condition);
        layers
    }

    fn pool_keys(&mut self, table: &dyn TableLike, place: &str) -> PoolKeys {
        let notes = &mut self.notes;
        let mut keys = PoolKeys::EMPTY;
        for entry in &entries(table) {
            if entry.key == "wasmtime" {
                let table = place.trim_matches(['`', '[', ']']);
                let help = || format!("write `[{table}.wasmtime]`");
                if let Some(own) = notes.table(entry, help) {
                    keys.wasmtime = wasmtime::read(own, &format!("`[{table}.wasmtime]`"), notes);
                }
            } else if !keys.read(entry.key, &mut Value { entry, notes }) {
                notes.unknown_key(entry, place, PoolKeys::NAMES);
            }
        }
        keys
    }

    /// The keys of an `[address_space]`.
    fn space(&mut self, table: &dyn TableLike, place: &str) -> SpaceLayer {
        let notes = &mut self.notes;
        let mut space = SpaceLayer::EMPTY;
        for entry in &entries(table) {
            if entry.key == "va_profile" {
                space.va_profile = notes.text(entry);
                if let Some(setting) = &space.va_profile {
                    check_reference(&setting.value, &entry.span, &self.profile_names, notes);
                }
            } else if !space.rest.read(entry.key, &mut Value { entry, notes }) {
                notes.unknown_key(entry, place, AddressSpaceKeys::NAMES);
            }
        }
        space
    }
}

pub(super) fn table_of<'t>(tables: &[Entry<'t>], name: &str) -> Option<&'t dyn TableLike> {
    let entry = tables.iter().find(|entry| entry.key == name)?;
    entry.item.as_table_like()
}

/// The variables of a pool.
fn variables(pool: &str) -> String {
    Variable { pool, key: "…" }.to_string()
}
