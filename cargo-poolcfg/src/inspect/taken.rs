//! Taken: what an instance of a file takes one of, and of which a pool may have none.

use std::path::Path;

use poolcfg_core::{WasmtimeFeature, WasmtimeKeys, WasmtimeVersion};

use crate::cli::path::shown;
use crate::inspect::Needs;

/// What an instance takes one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakenKind {
    Component,
    Heap,
}

/// Why a pool has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoneBy {
    /// The total of them is zero.
    Total,
    /// Wasmtime is built without them.
    Feature,
}

impl TakenKind {
    pub(crate) const ALL: [Self; 2] = [Self::Component, Self::Heap];

    /// The key of the total of them.
    pub(crate) const fn total(self) -> &'static str {
        match self {
            Self::Component => "total_component_instances",
            Self::Heap => "total_gc_heaps",
        }
    }

    /// What keys say of this total.
    pub(crate) fn said(self, keys: &WasmtimeKeys) -> Option<poolcfg_core::Setting<u32>> {
        match self {
            Self::Component => keys.total_component_instances,
            Self::Heap => keys.total_gc_heaps,
        }
    }

    /// The feature without which there are none.
    pub(crate) const fn feature(self) -> WasmtimeFeature {
        match self {
            Self::Component => WasmtimeFeature::ComponentModel,
            Self::Heap => WasmtimeFeature::Gc,
        }
    }

    /// The first of some files whose instances take one under this version.
    pub(crate) fn first<'f>(
        self,
        files: impl IntoIterator<Item = (&'f Path, &'f Needs)>,
        version: WasmtimeVersion,
    ) -> Option<&'f Path> {
        let takes = |needs: &Needs| match self {
            Self::Component => needs.own_size.is_some(),
            Self::Heap => needs.gc && self.feature().is_in(version),
        };
        let mut files = files.into_iter();
        let (path, _) = files.find(|(_, needs)| takes(needs))?;
        Some(path)
    }

    /// What is said of a file where there are none, and what helps.
    pub(crate) fn message(self, why: NoneBy, path: &Path) -> (String, String) {
        let file = shown(path);
        let what = match self {
            Self::Component => "is a component",
            Self::Heap => "has collected values",
        };
        match why {
            NoneBy::Total => {
                let total = self.total();
                let taken = match self {
                    Self::Component => "which takes one",
                    Self::Heap => "which take a heap",
                };
                (
                    format!("`{total}` is 0, and `{file}` {what}, {taken}"),
                    "set it to 1 or more, or leave it out".to_owned(),
                )
            }
            NoneBy::Feature => {
                let feature = self.feature();
                let needs = match self {
                    Self::Component => "which needs",
                    Self::Heap => "which need",
                };
                (
                    format!("`{file}` {what}, {needs} Wasmtime's feature `{feature}`"),
                    format!("list `{feature}` in `features` if Wasmtime is built with it"),
                )
            }
        }
    }
}
