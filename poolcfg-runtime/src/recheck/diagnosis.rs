//! The diagnosis of a reservation that was refused: what is in the way, with its numbers.

use poolcfg_core::{HOLES, LargestFit, Limits, MappingName, Size};

use super::{Failure, Recheck, alive};
use crate::machine::Resource;
use crate::machine::live_pools::Holding;
use crate::machine::proc;
use crate::recheck::kept::Keeper;
use crate::recheck::layout;
use crate::recheck::limit::RecheckLimit;
use crate::recheck::misfit::Misfit;
use crate::recheck::other_layout::OtherLayout;
use crate::recheck::process_bounds::{ExceededLimit, demand, held};
use crate::recheck::refusal::SystemRefusal;
use crate::recheck::reservation::largest_single;
use crate::recheck::slabs::{Slabs, slab_bytes};
use crate::sys::wide;

impl<M: Keeper> Recheck<'_, M> {
    /// What pools of other files hold. What slots hold that have outlived their pool may be of any file. And where this
    /// file has no more pools of a name than there are already, another one has them.
    pub(super) fn of_other_files(&self, holdings: &[Holding]) -> Vec<Holding> {
        let is_of_others = |holding: &&Holding| {
            let Some(name) = holding.name else {
                return false;
            };
            let file = self.promise.process.pools();
            let own = u32::from(name == self.promise.name);
            file.filter(|(other, _)| *other == name)
                .all(|(_, limits)| alive(name, holdings).saturating_add(own) > limits.pools)
        };
        holdings.iter().filter(is_of_others).cloned().collect()
    }

    pub(super) fn misfit(&self, limits: Limits, failure: Failure<M::Mapping>) -> Misfit {
        let holdings = self.machine.holdings();
        let others = self.of_other_files(&holdings);
        let mut misfit = Misfit {
            pool: self.promise.name,
            limits,
            min_instances: self.in_force.min_instances,
            keep: self.in_force.keep,
            limit: RecheckLimit::Refused,
            need: 0,
            have: 0,
            unit: RecheckLimit::Refused.unit(),
            mapping: None,
            largest_fit: LargestFit {
                max_instances: None,
                memory_reservation: None,
            },
            pair: None,
            part: None,
            others: Vec::new(),
            built_guard: None,
            va_profile: self.promise.va_profile,
            shape: self.promise.shape,
            slot: None,
            holes: Vec::new(),
            layout: None,
            held: held(&holdings),
            held_by_others: held(&others),
            alive: alive(self.promise.name, &holdings),
            headroom: self.headroom,
            source: None,
        };
        let _owed = self.owed_places();
        let (exceeded, of_size) = match failure {
            Failure::Exceeded(exceeded) => (exceeded, true),
            Failure::Refused(refusal) => {
                let of_size = refusal.is_of_size();
                misfit.mapping = refusal.mapping;
                let exceeded = self.diagnose(&limits, *refusal, &mut misfit);
                (exceeded, of_size)
            }
        };
        misfit.limit = exceeded.limit;
        misfit.need = exceeded.need;
        misfit.have = exceeded.have;
        misfit.unit = exceeded.limit.unit();
        if of_size {
            self.suggest(&mut misfit);
            misfit.built_guard = self.fitting_guard(&misfit);
        }
        misfit
    }

    /// Reservations for engines that are not made yet: nothing is mapped there, and no other pool may have it.
    fn owed_places(&self) -> Vec<Slabs<M::Mapping>> {
        if self.machine.kept().is_held() {
            return Vec::new();
        }
        let owed = self.order.owed().unwrap_or_default();
        let places = owed
            .iter()
            .map(|pool| self.slabs(&pool.limits, self.headroom, false));
        places.flatten().collect()
    }

    /// Why a reservation was refused, as far as the process can be asked.
    fn diagnose(
        &self,
        limits: &Limits,
        refusal: SystemRefusal<M::Mapping>,
        misfit: &mut Misfit,
    ) -> ExceededLimit {
        let SystemRefusal {
            held,
            slots,
            mapping,
            mut bytes,
            source,
        } = refusal;
        let kind = source.kind();
        misfit.source = Some(source);
        let memories = |slots| slab_bytes(limits, MappingName::Memories, slots, self.page_size);
        // What went in of memories in pieces.
        let mut pieces = None;
        // Tables and stacks have to lie beside the memories.
        let left = match mapping {
            Some(MappingName::Tables | MappingName::Stacks) => {
                Some(largest_single(self.machine, bytes, self.page_size))
            }
            _ => {
                bytes = memories(limits.max_instances);
                if limits.wasmtime.is_none() && limits.has_memories() && limits.max_instances > 1 {
                    let layout = limits.slot_layout(MappingName::Memories, self.page_size);
                    misfit.slot = layout.map(|layout| Size::bytes(layout.stride));
                    pieces = Some(if slots > 0 {
                        memories(slots)
                    } else {
                        Size::ZERO
                    });
                }
                None
            }
        };
        let mappings = wide(held.iter().count()).saturating_add(1);
        // From here on nothing of the attempt is held.
        drop(held);
        let refused = ExceededLimit {
            limit: RecheckLimit::Refused,
            need: bytes.get(),
            have: 0,
        };
        match kind {
            std::io::ErrorKind::WouldBlock => {
                let memlock = (RecheckLimit::RlimitMemlock, Resource::Memlock, "VmLck");
                return self.exceeds(limits, memlock).unwrap_or(refused);
            }
            std::io::ErrorKind::OutOfMemory => {}
            _ => return refused,
        }
        let maps = self.machine.text("/proc/self/maps").unwrap_or_default();
        let address_space = (RecheckLimit::RlimitAs, Resource::AddressSpace, "VmSize");
        self.exceeds(limits, address_space)
            .or_else(|| self.exceeds_maps(&maps, mappings))
            .unwrap_or_else(|| self.no_hole(bytes, left, pieces, &maps, misfit))
    }

    /// The limit of a resource, if this pool exceeds it beside what the process uses, as its status has it.
    fn exceeds(
        &self,
        limits: &Limits,
        (limit, resource, used): (RecheckLimit, Resource, &str),
    ) -> Option<ExceededLimit> {
        let have = self.machine.limit(resource)?.get();
        let status = self.machine.text("/proc/self/status").unwrap_or_default();
        let used = proc::size_of(&status, used).unwrap_or(Size::ZERO);
        let total = demand(limits, self.page_size).address_space;
        let need = used.get().saturating_add(total);
        (need > have).then_some(ExceededLimit { limit, need, have })
    }

    /// `vm.max_map_count`, if so many more mappings exceed it.
    pub(super) fn exceeds_maps(&self, maps: &str, mappings: u64) -> Option<ExceededLimit> {
        let text = self.machine.text("/proc/sys/vm/max_map_count")?;
        let have = proc::number(&text)?;
        let need = wide(proc::maps(maps).count()).saturating_add(mappings);
        let limit = RecheckLimit::MaxMapCount;
        (need > have).then_some(ExceededLimit { limit, need, have })
    }

    /// That no hole has so many bytes, or that none is to blame. `left` is what tables or stacks have beside the
    /// memories, and `pieces` what went in of memories in pieces.
    fn no_hole(
        &self,
        bytes: Size,
        left: Option<Size>,
        pieces: Option<Size>,
        maps: &str,
        misfit: &mut Misfit,
    ) -> ExceededLimit {
        misfit.layout = layout::other(self.machine, self.promise.shape);
        let gap = proc::gaps(maps, 0).first().map(|gap| gap.bytes);
        // A free range of twice the size that is searched is no reason, and where not even a page is had there
        // is none that can be seen: something else refuses.
        let ample = Size::bytes(bytes.get().saturating_mul(2));
        let is_legacy = misfit
            .layout
            .is_some_and(|layout| !matches!(layout, OtherLayout::LargeStack { .. }));
        let reason = is_legacy || left.is_some();
        misfit.holes = match left {
            Some(left) => vec![left],
            None => self.holes(bytes, misfit.slot),
        };
        let largest = misfit.holes.first().copied().unwrap_or(Size::ZERO);
        let have = pieces.filter(|pieces| !pieces.is_zero()).unwrap_or(largest);
        let mut limit = RecheckLimit::Hole;
        if !reason && (largest.is_zero() || gap.is_some_and(|gap| gap >= ample)) {
            limit = RecheckLimit::Refused;
        }
        ExceededLimit {
            limit,
            need: bytes.get(),
            have: have.get(),
        }
    }

    /// The largest free ranges below `misfit` bytes, and of those after the first only what holds a slot.
    fn holes(&self, misfit: Size, slot: Option<Size>) -> Vec<Size> {
        let mut held = Vec::new();
        let mut holes: Vec<Size> = Vec::new();
        while holes.len() < HOLES {
            let hole = largest_single(self.machine, misfit, self.page_size);
            if !holes.is_empty() && slot.is_none_or(|slot| hole < slot) {
                break;
            }
            holes.push(hole);
            // Another thread may have taken some of it meanwhile.
            let Ok(mapping) = self.machine.reserve(hole) else {
                break;
            };
            held.push(mapping);
        }
        holes
    }
}
