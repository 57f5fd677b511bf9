//! The sums by which a generated file without the runtime holds its numbers to the fit: what they let through fits by
//! the model, and they are no larger than what the model counts.

use std::collections::BTreeSet;
use std::fmt::Write as _;

mod common;

use common::generated::{INSTANCES, Modules, RESERVATION, code_of, host, in_window, with};
use poolcfg_core::file::ConfigFile;
use poolcfg_core::{
    Budget, Hole, Limits, Mappings, Plan, ProcessLimits, ResolvedProcess, Room, Size, Three,
    Verdict, fit,
};

/// The sums are those of the model, or larger: what they let through fits.
#[test]
fn what_compiles_fits() {
    let facts = host();
    let mut modules = Modules::default();
    let mut misfits = BTreeSet::new();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut by_sum, mut raised) = (0, 0);
    while modules.0.len() < 400 {
        let text = random.file();
        let file = ConfigFile::parse(&text).unwrap();
        let settings = file.settings(&facts);
        let Ok(case) = settings.resolve(facts.target()) else {
            continue;
        };
        let plan = Plan::new(&case);
        if plan.misfit.is_some() {
            continue;
        }
        let code = code_of(&facts, &case, &plan, None);
        by_sum += usize::from(!code.contains("no sum tells"));
        let seed = modules.0.len();
        modules.add(format!("{seed} as it is\n{text}"), code.clone());
        for _ in 0..4 {
            let pool = random.below(plan.guaranteed().len());
            let from = match case.pools()[pool].name {
                "" => 0,
                name => code.find(&format!("pub mod {name} {{")).unwrap(),
            };
            let mut limits = plan.guaranteed().to_vec();
            let (name, value) = random.raise(&mut limits[pool]);
            let label = format!("{} {name} = {value}\n{text}", modules.0.len());
            if !fits(&case, &limits) {
                misfits.insert(label.clone());
            }
            raised += 1;
            modules.add(label, with(&code, from, name, value));
        }
    }
    // They are of every kind.
    assert!(
        by_sum >= 30 && raised - misfits.len() >= 30 && misfits.len() >= 30,
        "{by_sum} {}",
        misfits.len()
    );
    let refused = modules.refused_alone("2024");
    for (name, code) in &modules.0 {
        let is_refused = refused.contains(name.as_str());
        if name.contains("as it is") {
            assert!(!is_refused, "{name}\n{code}");
        }
        if misfits.contains(name) {
            assert!(is_refused, "{name}\n{code}");
        }
    }
}

/// The sums are exactly those of the model: in a process that has just so much they hold, and with one less of
/// anything they do not.
#[test]
fn a_process_that_has_just_so_much_is_enough() {
    let facts = host();
    let native = "[pooling_allocator]\nmax_instances = 30\nmemory_reservation = \"1GiB\"\nguard_size = \"5000B\"\n";
    let mut files = vec![
        format!("{native}max_memory_size = \"3000B\"\npools = 3\ntable_reservation = \"9000B\"\n"),
        format!("{native}table_reservation = 0\n"),
        format!("{native}stack_reservation = \"1GiB\"\n"),
        format!("{native}guard_before = false\n"),
        "[pooling_allocator]\nmax_instances = 30\nmemory_reservation = 0\nstack_reservation = \"2MiB\"\npools = 2\n".to_owned(),
        "[pooling_allocator]\nmax_instances = 30\nmemory_reservation = 0\ntable_reservation = 0\n".to_owned(),
        format!("{native}stack_reservation = 0\ntable_reservation = 0\n"),
        "[pooling_allocator]\nmax_instances = 30\nmemory_reservation = \"16MiB\"\n[pool.a]\n[pool.b]\npools = 2\n\
         engine = \"wasmtime\"\nwasmtime.version = \"26\"\n[pool.c]\nengine = \"wasmtime\"\n\
         wasmtime.version = \"26\"\nwasmtime.table_elements = 7\n"
            .to_owned(),
    ];
    for (version, features, stack) in [
        ("13", "\"async\"", "stack_reservation = \"3MiB\""),
        ("26", "\"gc\", \"async\"", ""),
        ("48", "\"gc\"", ""),
        (
            "50",
            "\"async\"",
            "memory_reservation = \"1GiB\"\nstack_reservation = \"3GiB\"",
        ),
    ] {
        files.push(format!(
            "[pooling_allocator]\nengine = \"wasmtime\"\nmax_instances = 30\npools = 2\n{stack}\n\
             guard_size = \"70000B\"\n[pooling_allocator.wasmtime]\nversion = \"{version}\"\n\
             features = [{features}]\ntables_per_instance = 2\ntable_elements = 1000\n"
        ));
    }
    let (mut enough, mut less) = (Modules::default(), Modules::default());
    for text in &files {
        let file = ConfigFile::parse(text).unwrap();
        let settings = file.settings(&facts);
        let case = settings.resolve(facts.target()).unwrap();
        let plan = Plan::new(&case);
        assert!(plan.misfit.is_none(), "{text}");
        for holes in [1, 3] {
            let just = just_enough(&case, plan.guaranteed(), holes);
            let code = code_of(&facts, &case.with_budget(just), &plan, None);
            assert!(!code.contains("no sum tells"), "{holes}: {text}\n{code}");
            let mut bounds = 0;
            for (at, _) in code.match_indices(" <= ") {
                let from = at + 4;
                let to = from + code[from..].find([',', ' ']).unwrap();
                let Ok(bound) = code[from..to].replace('_', "").parse::<u64>() else {
                    continue;
                };
                let mut code = code.clone();
                code.replace_range(from..to, &(bound - 1).to_string());
                bounds += 1;
                less.add(format!("{holes} {text} {}", &code[at - 30..to]), code);
            }
            let charged = text.contains("\"13\"") || text.contains("\"26\"");
            assert_eq!(bounds, if charged { 6 } else { 5 }, "{code}");
            enough.add(format!("{holes} {text}"), code);
        }
    }
    let refused = enough.refused_alone("2024");
    assert!(refused.is_empty(), "{refused:#?}");
    let all = less.names();
    let refused = less.refused_alone("2024");
    assert!(refused == all, "{:#?}", all.difference(&refused));
}

/// A budget that has what these limits take and not one byte or mapping more.
fn just_enough(case: &ResolvedProcess<'_>, limits: &[Limits], holes: u64) -> Budget {
    const HUGE: u64 = 2 << 20;
    let page_size = case.budget.page_size;
    let (mut own, headroom) = (case.budget.own(), case.budget.headroom);
    let (mut free, mut piece) = (0, 0);
    for of in limits {
        let guard = of.guard_size.round_up(page_size).unwrap().get();
        let before = if of.guard_before { guard } else { 0 };
        let sizes = of
            .footprint(page_size)
            .unwrap()
            .mappings
            .map(|of| of.bytes.get());
        let mapped: u64 = sizes.iter().sum();
        // The memories of a native pool are in a piece for each hole.
        let (further, memory) = match of.wasmtime {
            None if of.memory_reservation.is_zero() => (0, 0),
            None => (holes - 1, of.memory_reservation.get() + guard),
            Some(_) => (0, sizes[0]),
        };
        let made = match of.wasmtime {
            None => sizes
                .iter()
                .filter(|size| **size > 0)
                .count()
                .try_into()
                .unwrap(),
            Some(_) => 3,
        };
        free += u64::from(of.pools) * (mapped + further * before + (made + further) * HUGE);
        piece = piece.max(memory).max(sizes[1]).max(sizes[2]);
        own = own.and(of.demand(page_size));
        own.address_space += u64::from(of.pools) * further * before;
    }
    free += (holes - 1) * (piece + HUGE);
    let in_one = |bytes| Hole {
        least: bytes,
        most: bytes,
    };
    let none = in_one(0);
    let room = match holes {
        1 => Room {
            holes: [in_one(free), none, none],
            count: 1,
            knee: 0,
            total: 0,
            parts: 0,
            three: Three::NONE,
        },
        _ => Room {
            holes: [in_one(page_size.get()), none, none],
            count: 1,
            knee: 0,
            total: free,
            parts: usize::try_from(holes).unwrap(),
            three: Three::NONE,
        },
    };
    Budget {
        room,
        spans: [None; 3],
        page_size,
        headroom,
        limits: ProcessLimits {
            max_map_count: Some(own.maps),
            rlimit_as: Some(Size::bytes(own.address_space)),
            rlimit_data: Some(Size::bytes(own.writable)),
            commit_limit: Some(Size::bytes(own.committed)),
            memory: Some(Size::bytes(own.charged)),
        },
        huge_page: Size::bytes(HUGE),
    }
}

/// Whether these limits of all pools fit, by the model.
fn fits(case: &ResolvedProcess<'_>, limits: &[Limits]) -> bool {
    let page_size = case.budget.page_size;
    let whole = |size: Size| size.round_up(page_size).unwrap_or(Size::ZERO).get();
    let mappings = limits.iter().map(|of| {
        let footprint = of.footprint(page_size).ok()?;
        let sizes = footprint.mappings.map(|mapping| mapping.bytes.get());
        let guard = whole(of.guard_size);
        let (slot, guard) = match of.wasmtime {
            None if of.guard_before => (whole(of.memory_reservation) + guard, guard),
            None => (whole(of.memory_reservation) + guard, 0),
            Some(_) => (0, 0),
        };
        let charges = of
            .wasmtime
            .is_some_and(|wasmtime| wasmtime.charges_writable());
        Some(Mappings {
            sizes,
            pools: u64::from(footprint.pools),
            maps_at_start: footprint.maps_at_start,
            maps_at_worst: footprint.maps_at_worst,
            writable: footprint.writable.get(),
            charged: if charges { sizes[1].max(sizes[2]) } else { 0 },
            bookkeeping: footprint.bookkeeping.get(),
            slot,
            guard,
        })
    });
    let Some(mappings) = mappings.collect::<Option<Vec<Mappings>>>() else {
        return false;
    };
    let budget = &case.budget;
    let huge_page = budget.huge_page.get();
    let verdict = fit(
        &budget.room,
        &mappings,
        huge_page,
        &budget.own(),
        &budget.limits.most(),
    );
    let agree = |of: &Limits| {
        of.max_memory_size <= of.memory_reservation
            && of.memory_reservation.is_multiple_of(Size::kib(64))
    };
    matches!(verdict, Verdict::Fits) && limits.iter().all(agree)
}

/// Numbers that are the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap();
        usize::try_from(self.next() % end).unwrap()
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }

    fn pool(&mut self) -> String {
        let mut pool = self.one_of(&[INSTANCES, RESERVATION, INSTANCES]).to_owned();
        pool += self.one_of(&["", "", "pools = 2\n", "pools = 3\n"]);
        pool += self.one_of(&[
            "",
            "guard_size = 0\n",
            "guard_size = \"32MiB\"\n",
            "guard_size = \"1GiB\"\n",
        ]);
        pool += self.one_of(&["", "max_memory_size = \"16MiB\"\n"]);
        if self.below(2) == 0 {
            pool += self.one_of(&[
                "",
                "table_reservation = 0\n",
                "table_reservation = \"5000B\"\n",
            ]);
            pool += self.one_of(&[
                "",
                "stack_reservation = 0\n",
                "stack_reservation = \"1GiB\"\n",
            ]);
            pool += self.one_of(&["", "", "guard_before = false\n"]);
            return pool;
        }
        let version = self.one_of(&["13", "20", "25", "31", "36", "48", "50"]);
        let _ = writeln!(
            pool,
            "engine = \"wasmtime\"\nwasmtime.version = \"{version}\""
        );
        pool += self.one_of(&[
            "",
            "",
            "wasmtime.features = []\n",
            "wasmtime.features = [\"gc\"]\n",
        ]);
        pool += self.one_of(&["", "", "wasmtime.guard_before_linear_memory = false\n"]);
        pool += self.one_of(&["", "wasmtime.memories_per_instance = 2\n"]);
        pool
    }

    fn file(&mut self) -> String {
        let pools = match self.below(3) {
            0 => {
                let (one, two) = (self.pool(), self.pool());
                format!("[pool.one]\n{one}[pool.two]\n{two}")
            }
            _ => format!("[pooling_allocator]\n{}", self.pool()),
        };
        let mut space = String::new();
        space += self.one_of(&["aslr = 0\n", "aslr = 12\n", "aslr = 18\n", "aslr = 24\n"]);
        space += self.one_of(&["", "relocation_model = \"static\"\n"]);
        space += self.one_of(&[
            "",
            "",
            "stack_limit = \"unlimited\"\n",
            "layout = \"legacy\"\n",
        ]);
        space += self.one_of(&["", "", "rlimit_as = \"64GiB\"\n"]);
        space += self.one_of(&["", "", "rlimit_data = \"2GiB\"\n"]);
        space += self.one_of(&["", "", "max_map_count = 2100\n", "max_map_count = 3000\n"]);
        space += self.one_of(&["", "", "memory = \"16MiB\"\n"]);
        let window = self.one_of(&["256GiB", "512GiB", "100GiB", "4TiB"]);
        in_window(&pools, &space, &format!("window = \"{window}\""))
    }

    /// Raises one number; its const and its value.
    fn raise(&mut self, limits: &mut Limits) -> (&'static str, u64) {
        let grains = Size::kib(64).get() * [1, 16, 1 << 10, 1 << 16][self.below(4)];
        let more = |size: &mut Size| {
            *size = Size::bytes(size.get() + grains);
            size.get()
        };
        match self.below(6) {
            0 => {
                limits.pools += 1;
                ("POOLS", limits.pools.into())
            }
            1 => ("MEMORY_RESERVATION", more(&mut limits.memory_reservation)),
            2 => ("GUARD_SIZE", more(&mut limits.guard_size)),
            3 => match limits.wasmtime {
                None => ("TABLE_RESERVATION", more(&mut limits.table_reservation)),
                Some(of) => {
                    let bytes = more(&mut limits.table_reservation);
                    ("TABLE_ELEMENTS", bytes / of.element_size.get())
                }
            },
            4 if limits.wasmtime.is_none() => {
                ("STACK_RESERVATION", more(&mut limits.stack_reservation))
            }
            4 if !limits.stack_reservation.is_zero() => {
                ("ASYNC_STACK_SIZE", more(&mut limits.stack_reservation))
            }
            _ => {
                let step = [1, 2, 10][self.below(3)];
                limits.max_instances += step;
                ("MAX_INSTANCES", limits.max_instances.into())
            }
        }
    }
}
