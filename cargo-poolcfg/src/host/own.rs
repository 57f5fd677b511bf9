//! What a host has by default, untold: how much there may be at once, and how much one instance may have.

use poolcfg_core::{Limits, Setting, Target, WasmtimeFeature, WasmtimeKeys, WasmtimeVersion};

use super::number::{Number, Numbers, UnitValue};
use super::table::Host;
use super::told::Form;

/// The numbers that a host has by default.
pub(crate) struct Own {
    host: &'static Host,
    numbers: Numbers,
    /// The host, and the version of Wasmtime that it is built on.
    pub(crate) name: String,
    pub(crate) version: WasmtimeVersion,
}

impl Host {
    /// Whether it is a program of its own, and not Wasmtime itself.
    pub(crate) fn has_releases(&self) -> bool {
        !self.releases.is_empty()
    }

    /// What it has by default on the version of Wasmtime that is asked for, or where none is, on its newest; `None` if no
    /// release of it is built on that.
    pub(crate) fn own(
        &'static self,
        version: Option<WasmtimeVersion>,
        target: Target,
    ) -> Option<Own> {
        let newest = self.releases.last().map(|(major, _)| *major);
        let version = version.unwrap_or(WasmtimeVersion::major(
            newest.unwrap_or(WasmtimeVersion::NEWEST),
        ));
        if newest.is_some() && self.release(version.major).is_none() {
            return None;
        }
        let limits = Limits::of_wasmtime(version, target);
        Some(Own {
            host: self,
            numbers: Numbers::new(&limits, &WasmtimeKeys::EMPTY)?,
            name: format!("{} {version}", self.on.trim_matches('`')),
            version,
        })
    }
}

impl Host {
    /// In the place of a total that is said and that the host does not read, which would say less than it has: its own.
    pub(crate) fn untold(&self, said: &WasmtimeKeys, target: Target) -> WasmtimeKeys {
        let number = Number::TotalGcHeaps;
        let has_heaps = said
            .features
            .is_none_or(|features| features.value.has(WasmtimeFeature::Gc));
        let (Some(total), Some(version), true) = (said.total_gc_heaps, said.version, has_heaps)
        else {
            return WasmtimeKeys::EMPTY;
        };
        let version = version.value;
        let limits = Limits::of_wasmtime(version, target);
        let own = Numbers::new(&limits, &WasmtimeKeys::EMPTY).map(|own| own.of_itself(number));
        let is_read = self.told_of(number, version.major, target).next().is_some();
        let own = match own {
            Some(UnitValue::Count(own)) if !is_read => u32::try_from(own).unwrap_or(u32::MAX),
            _ => return WasmtimeKeys::EMPTY,
        };
        WasmtimeKeys {
            total_gc_heaps: (total.value < own).then_some(Setting {
                value: own,
                place: total.place,
            }),
            ..WasmtimeKeys::EMPTY
        }
    }
}

impl Own {
    /// Whether a heap takes the place of a memory.
    pub(crate) fn heaps_are_memories(&self) -> bool {
        self.numbers.heaps_are_memories()
    }

    /// One of its numbers, as a count or in bytes.
    pub(crate) fn number(&self, number: Number) -> u64 {
        let own = self.numbers.of_itself(number);
        let instance = self.host.instance.as_ref();
        let factors = instance.and_then(|instance| self.numbers.of_host(number, instance));
        let sizes = matches!(
            number,
            Number::MaxCoreInstanceSize | Number::MaxComponentInstanceSize
        );
        let size = self.host.instance_size.filter(|_| sizes);
        let least = self.host.told.iter().find_map(|told| match told.form {
            Form::AtLeast(least) if told.number == number => Some(least),
            _ => None,
        });
        // A host with a setting for every total has no factors of its own.
        let has_factors = self
            .host
            .told
            .iter()
            .any(|told| told.number == number && matches!(told.form, Form::Own));
        match (size, least, factors.filter(|_| has_factors)) {
            (Some(size), ..) => size.get(),
            (None, Some(least), _) => least,
            (None, None, Some(UnitValue::Count(count) | UnitValue::Bytes(count))) => count,
            _ => match own {
                UnitValue::Count(count) | UnitValue::Bytes(count) => count,
                UnitValue::Flag(_) | UnitValue::Word(_) => u64::MAX,
            },
        }
    }
}
