//! The tables of poolcfg.toml that say which Wasmtime: where they are, what they say, and where that is not
//! what the project uses.

use std::ops::Range;

use poolcfg_core::file::{Diagnostic, PoolTable, PoolTables};
use poolcfg_core::{WasmtimeFeatures, WasmtimeVersion};
use toml_edit::{Document, Item, TableLike};

use crate::project::difference::{Difference, Fact};
use crate::project::pool_tables::{WASMTIME, features, table};

/// A Wasmtime that a package uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    /// The version, in full.
    pub(crate) version: WasmtimeVersion,
    /// The features that decide what is mapped.
    pub(crate) features: WasmtimeFeatures,
}

impl Used {
    /// The one of a package's that a version means: where it uses one only, whatever is said is of that.
    pub(crate) fn meant(of: &[Self], said: Option<WasmtimeVersion>) -> Option<Self> {
        match (of, said) {
            ([only], _) => Some(*only),
            (_, Some(said)) => of.iter().find(|used| said.covers(used.version)).copied(),
            (_, None) => None,
        }
    }
}

/// A value and the bytes where it stands.
type Spanned<T> = Option<(T, Range<usize>)>;

/// What the table of a pool says of Wasmtime.
#[derive(Clone, Debug)]
struct WasmtimeTable {
    /// Where it says `engine = "wasmtime"`.
    engine: Option<Range<usize>>,
    version: Spanned<WasmtimeVersion>,
    features: Spanned<WasmtimeFeatures>,
}

impl WasmtimeTable {
    fn new(pool: &dyn TableLike) -> Self {
        let own = table(pool, WASMTIME);
        let engine = pool
            .get("engine")
            .filter(|engine| engine.as_str() == Some(WASMTIME));
        Self {
            engine: engine.and_then(Item::span),
            version: own.and_then(|own| own.get("version")).and_then(|item| {
                let version = item.as_str()?.parse::<WasmtimeVersion>().ok()?;
                Some((version, item.span()?))
            }),
            features: own.and_then(features),
        }
    }

    /// Those of a file.
    fn all(document: &Document<&str>) -> PoolTables<Self> {
        PoolTables::new(document.as_table(), Self::new)
    }
}

/// Where a file first says which Wasmtime, or else that a pool is Wasmtime's; `None` if it has none.
pub(crate) fn place(source: &str) -> Option<Range<usize>> {
    let document = Document::parse(source).ok()?;
    let tables = WasmtimeTable::all(&document);
    let first = |span: fn(&WasmtimeTable) -> Option<Range<usize>>| {
        tables.iter().find_map(|(_, table)| span(table))
    };
    first(|table| Some(table.version.as_ref()?.1.clone()))
        .or_else(|| first(|table| table.engine.clone()))
        .or_else(|| first(|table| Some(table.features.as_ref()?.1.clone())))
}

/// Whether a fact that no table says is missing: on some target there is a pool whose engine or version is what stands at
/// these bytes, and of which no table says it.
type IsMissing<'u> = &'u dyn Fn(&Range<usize>, Fact) -> bool;

/// What has been compared so far.
struct Compared<'u> {
    tables: &'u PoolTables<WasmtimeTable>,
    unsaid: IsMissing<'u>,
    found: Vec<Difference>,
    /// What each table so far has in the end, for those that start from it.
    known: Vec<KnownWasmtime>,
}

type KnownWasmtime = (Option<WasmtimeVersion>, Option<WasmtimeFeatures>);

impl Compared<'_> {
    /// What the next table starts from.
    fn before(&self) -> KnownWasmtime {
        let earlier = || {
            let of_table = self.tables.of_table(self.known.len()).skip(1);
            of_table.map(|(index, _)| self.known[index])
        };
        (
            earlier().find_map(|(version, _)| version),
            earlier().find_map(|(_, features)| features),
        )
    }

    /// Compares the next table, at `place` where it says nothing, with the Wasmtime that it means, and tells what it has.
    fn table(
        &mut self,
        of: &PoolTable,
        table: &WasmtimeTable,
        place: &Range<usize>,
        used: &Used,
    ) -> KnownWasmtime {
        let (version_before, features_before) = self.before();
        let said = table.version.as_ref().map(|(version, _)| *version);
        let mut now = (said, table.features.as_ref().map(|(features, _)| *features));
        let places = [
            table.engine.clone(),
            table.version.as_ref().map(|(_, span)| span.clone()),
        ];
        let unsaid = self.unsaid;
        let is_unsaid = |fact: Fact| places.iter().flatten().any(|span| unsaid(span, fact));
        let mut differs = |span: &Range<usize>, fact| {
            self.found.push(Difference {
                path: of.path().to_vec(),
                span: span.clone(),
                fact,
                used: used.version,
            });
        };
        match &table.version {
            Some((version, span)) => {
                if !version.covers(used.version) {
                    let said = Some(*version);
                    differs(span, Fact::Version { said });
                }
                now.0 = Some(used.version);
            }
            None if version_before.is_none() && is_unsaid(Fact::Version { said: None }) => {
                differs(place, Fact::Version { said: None });
                now.0 = Some(used.version);
            }
            None => {}
        }
        let fact = |said| Fact::Features {
            said,
            used: used.features,
        };
        match &table.features {
            Some((features, span)) => {
                if *features != used.features {
                    differs(span, fact(Some(*features)));
                }
                now.1 = Some(used.features);
            }
            // Those that it starts from may be of another version.
            None if features_before != Some(used.features) && is_unsaid(fact(None)) => {
                differs(place, fact(None));
                now.1 = Some(used.features);
            }
            None => {}
        }
        now
    }
}

/// Where a file says something else than the project, or nothing for a pool of Wasmtime's, in the order of
/// its layers.
///
/// # Errors
/// Where nothing tells which of several that the package uses is meant.
pub(crate) fn differences(
    source: &str,
    used: &[Used],
    unsaid: IsMissing<'_>,
    ambiguous: impl Fn(Range<usize>, Option<WasmtimeVersion>) -> Diagnostic,
) -> Result<Vec<Difference>, Vec<Diagnostic>> {
    let Ok(document) = Document::parse(source) else {
        return Ok(Vec::new());
    };
    let tables = WasmtimeTable::all(&document);
    let mut compared = Compared {
        tables: &tables,
        unsaid,
        found: Vec::new(),
        known: Vec::new(),
    };
    let mut mistakes = Vec::new();
    for (of, table) in tables.iter() {
        let (version, features) = (table.version.as_ref(), table.features.as_ref());
        let place = version
            .map(|(_, span)| span)
            .or(features.map(|(_, span)| span))
            .or(table.engine.as_ref());
        let meant = version.map(|(version, _)| *version);
        let known = match place.cloned() {
            None => (None, None),
            Some(place) => {
                let meant = meant.or(compared.before().0);
                match Used::meant(used, meant) {
                    Some(used) => compared.table(of, table, &place, &used),
                    None => {
                        mistakes.push(ambiguous(place, meant));
                        (None, None)
                    }
                }
            }
        };
        compared.known.push(known);
    }
    match mistakes.is_empty() {
        true => Ok(compared.found),
        false => Err(mistakes),
    }
}
