//! Files: a random poolcfg.toml, and how its process is started, from a seed.

use std::fmt::Write as _;

use fastrand::Rng;
use poolcfg_core::{Arch, Aslr, GRAIN, RelocationModel, Size, StackLimit, WasmtimeVersion};

use crate::limits::Limits;
use crate::machine::Machine;

/// What is asked for by one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The text of poolcfg.toml.
    pub text: String,
    /// How the program is linked.
    pub program: RelocationModel,
    /// The stack limit under which it is started; `None` for an unlimited one.
    pub stack: Option<Size>,
    /// Whether it is started with the legacy layout.
    pub legacy: bool,
    /// The limits that the file names and under which it is started.
    pub limits: Limits,
    /// Bits of a pointer of its programs.
    pub pointer_width: u32,
}

/// A number by its magnitude: 1 to 2 is as likely as 10,000 to 20,000.
pub(crate) fn magnitude(random: &mut Rng, least: u64, most: u64) -> u64 {
    let bits = |number: u64| 64 - number.max(1).leading_zeros();
    let shift = random.u32(bits(least) - 1..bits(most));
    let low = 1u64 << shift;
    random
        .u64(low..=low.saturating_mul(2).saturating_sub(1))
        .clamp(least, most)
}

pub(crate) fn one_in(random: &mut Rng, number: u32) -> bool {
    random.u32(0..number) == 0
}

impl Asked {
    /// The file of a seed, for programs that are started on a machine.
    #[must_use]
    pub fn new(seed: u64, machine: &Machine) -> Self {
        let mut random = Rng::with_seed(seed);
        let random = &mut random;
        let program = match random.u32(0..4) {
            0 => RelocationModel::Static,
            _ => RelocationModel::Pie,
        };
        let stack = match random.u32(0..12) {
            0 => Some(Size::kib(512)),
            1 => Some(Size::mib(64)),
            2 => Some(Size::mib(128)),
            3 => None,
            4 => Some(Size::mib(random.u64(129..1024))),
            5 => {
                let least = Size::mib(129).get();
                let most = (machine.window().get() / 64).max(2 * least);
                Some(Size::bytes(magnitude(random, least, most)))
            }
            _ => Some(Size::mib(8)),
        };
        let legacy = one_in(random, 10);
        let limits = Limits::new(random, machine);
        let is_old = one_in(random, 4);
        let mut text = space(random, machine, program);
        let _ = write!(
            text,
            "{}{}",
            of_start(machine, stack, legacy),
            limits.text()
        );
        if is_old {
            // Wasmtime's tables and stacks are charged at once: every machine has as much.
            text.push_str("memory = \"512MiB\"\n");
        }
        let count = match random.u32(0..10) {
            0..3 => 1,
            number => number / 2 + 1,
        };
        let unnamed = count == 1 && random.bool();
        // Where every pool has thousands, the number of mappings decides, and nothing else.
        let most = match random.u32(0..3) {
            0 => 30_000,
            _ => 64 << random.u32(0..6),
        };
        for name in ["a", "b", "c", "d", "e"].into_iter().take(count as usize) {
            let table = match unnamed {
                true => "pooling_allocator".to_owned(),
                false => format!("pool.{name}"),
            };
            let _ = write!(
                text,
                "\n[{table}]\n{}",
                pool(random, machine, (count, most), is_old, &table)
            );
        }
        Self {
            text,
            program,
            stack,
            legacy,
            limits,
            pointer_width: machine.profile.pointer_width(),
        }
    }
}

/// What the file says of how the process is started.
fn of_start(machine: &Machine, stack: Option<Size>, legacy: bool) -> String {
    let stack = match stack {
        Some(limit) if limit <= StackLimit::finite(machine.profile.pointer_width()) => {
            String::new()
        }
        Some(limit) => format!("stack_limit = {}\n", limit.get()),
        None => "stack_limit = \"unlimited\"\n".to_owned(),
    };
    let layout = if legacy { "layout = \"legacy\"\n" } else { "" };
    stack + layout
}

/// The table `[address_space]`: what the process has, and where a machine may have more, now and then more.
fn space(random: &mut Rng, machine: &Machine, program: RelocationModel) -> String {
    let mut text = "[address_space]\n".to_owned();
    let mut say = |key: &str, value: &str| {
        let _ = writeln!(text, "{key} = {value}");
    };
    if !machine.is_floor() || random.bool() {
        say("va_profile", &format!("\"{}\"", machine.profile.name));
    }
    match (random.u32(0..4), machine.aslr) {
        (0, _) => {}
        (1, _) => say("aslr", &machine.aslr_bits().to_string()),
        (_, Aslr::Bits(bits)) => say("aslr", &bits.to_string()),
        (_, aslr) => say("aslr", &format!("\"{}\"", aslr.text().as_str())),
    }
    if program != RelocationModel::Pie {
        say("relocation_model", &format!("\"{program}\""));
    }
    if one_in(random, 3) {
        let most = machine.window().get() / 32;
        let headroom = magnitude(random, Size::mib(512).get().min(most / 2), most);
        say("headroom", &headroom.to_string());
    }
    text
}

/// The keys of one of so many pools, each of so many slots at most.
fn pool(
    random: &mut Rng,
    machine: &Machine,
    (pools, most): (u32, u64),
    is_old: bool,
    table: &str,
) -> String {
    if pools == 1 && machine.profile.pointer_width() < 64 && random.bool() {
        return above_2_gib(random, table);
    }
    let mut text = String::new();
    let mut say = |key: &str, value: &str| {
        let _ = writeln!(text, "{key} = {value}");
    };
    let wasmtime = random.bool();
    let instances = match random.u32(0..3) {
        0 => random.u64(1..=64),
        _ => magnitude(random, 1, most),
    };
    say("max_instances", &instances.to_string());
    let whole = |bytes: u64| (bytes / GRAIN.get()).max(1) * GRAIN.get();
    let reservation = match random.u32(0..8) {
        0 => Size::gib(4).get(),
        1 => Size::gib(1).get(),
        2 => GRAIN.get(),
        3 => Size::mib(10).get(),
        // A share of the window, or somewhat more of it than there is.
        _ => {
            let share = machine.window().get() / u64::from(pools) / 1024;
            let parts = match random.bool() {
                true => magnitude(random, 1, 2048),
                false => random.u64(512..4096),
            };
            let share = share.saturating_mul(parts);
            whole(share / instances)
        }
    };
    say("memory_reservation", &reservation.to_string());
    if one_in(random, 3) {
        let memory = magnitude(random, 1, reservation);
        say("max_memory_size", &memory.to_string());
    }
    let guard = match random.u32(0..8) {
        0 => Some(0),
        1 => Some(Size::gib(2).get()),
        2 => Some(Size::kib(64).get()),
        3 => Some(Size::kib(4).get() * random.u64(1..1000)),
        4 => Some(whole(reservation / random.u64(1..32))),
        5 => Some(Size::mib(32).get()),
        _ => None,
    };
    if let Some(guard) = guard {
        say("guard_size", &guard.to_string());
    }
    let small = |random: &mut Rng| match random.u32(0..6) {
        0 => Some(0),
        1 => Some(magnitude(random, 1, Size::mib(256).get())),
        2 => Some(magnitude(random, 1, Size::mib(4).get())),
        _ => None,
    };
    if let Some(stack) = small(random) {
        say("stack_reservation", &stack.to_string());
    }
    if let (false, Some(bytes)) = (wasmtime, small(random)) {
        say("table_reservation", &bytes.to_string());
    }
    if !wasmtime && one_in(random, 3) {
        say("guard_before", "false");
    }
    scaling(random, instances, &mut say);
    if wasmtime {
        say("engine", "\"wasmtime\"");
        let own = of_wasmtime(random, machine, is_old);
        let _ = write!(text, "\n[{table}.wasmtime]\n{own}");
    }
    text
}

/// How a pool is fitted, and how many of them there are.
fn scaling(random: &mut Rng, instances: u64, say: &mut impl FnMut(&str, &str)) {
    match random.u32(0..10) {
        0..6 => say("on_misfit", "\"shrink\""),
        6..8 => say("on_misfit", "\"error\""),
        _ => {}
    }
    match random.u32(0..6) {
        0 => say("keep", "\"max_instances\""),
        1 => say("keep", "\"memory_reservation\""),
        _ => {}
    }
    if one_in(random, 8) {
        say("min_instances", &random.u64(1..=instances).to_string());
    }
    match random.u32(0..40) {
        0 => say("pools", "40"),
        1..8 => say("pools", &random.u32(2..=5).to_string()),
        _ => {}
    }
}

/// One mapping of more than 2 GiB in a process of 32 bits.
fn above_2_gib(random: &mut Rng, table: &str) -> String {
    let instances = random.u64(1..=64);
    let bytes = random.u64(Size::gib(2).get()..Size::mib(2500).get());
    let reservation = (bytes / instances).div_ceil(GRAIN.get()) * GRAIN.get();
    let mut text = format!(
        "max_instances = {instances}\nmemory_reservation = {reservation}\nguard_size = {}\n\
         max_memory_size = {}\nstack_reservation = 0\n",
        random.u64(0..=1) * GRAIN.get(),
        Size::mib(1).get(),
    );
    match random.bool() {
        false => text.push_str("table_reservation = 0\n"),
        true => {
            let own = "version = \"48\"\nfeatures = []\ntable_elements = 1000\n";
            let _ = write!(text, "engine = \"wasmtime\"\n\n[{table}.wasmtime]\n{own}");
        }
    }
    text
}

/// The keys that only Wasmtime has.
fn of_wasmtime(random: &mut Rng, machine: &Machine, is_old: bool) -> String {
    let mut text = String::new();
    let mut say = |key: &str, value: &str| {
        let _ = writeln!(text, "{key} = {value}");
    };
    // Before 27 tables and stacks are held to RAM and swap.
    let version = match is_old {
        true => random.u32(WasmtimeVersion::OLDEST..27),
        false => random.u32(27..=WasmtimeVersion::NEWEST),
    };
    say("version", &format!("\"{version}\""));
    let has_keys = machine.profile.arch == Arch::X86_64 && version >= 14 && one_in(random, 5);
    let features = ["async", "gc", "component-model"];
    let mut features: Vec<String> = features
        .iter()
        .filter(|_| !one_in(random, 4))
        .map(|feature| format!("\"{feature}\""))
        .collect();
    if has_keys {
        features.push("\"memory-protection-keys\"".to_owned());
        let keys = match random.u32(0..=15) {
            0 => "\"auto\"".to_owned(),
            keys => keys.to_string(),
        };
        say("memory_protection_keys", &keys);
    }
    say("features", &format!("[{}]", features.join(", ")));
    for key in [
        "memories_per_instance",
        "tables_per_instance",
        "gc_heaps_per_instance",
        "core_instances_per_instance",
    ] {
        if one_in(random, 4) {
            say(key, &random.u32(1..=4).to_string());
        }
    }
    if one_in(random, 4) {
        let elements = magnitude(random, 1, 2_000_000);
        say("table_elements", &elements.to_string());
    }
    if one_in(random, 5) {
        say("guard_before_linear_memory", "false");
    }
    text
}

/// In which order the pools of a file start, those that there are several of as often as they are there: 0 is the
/// file's order, any other number a shuffled one.
#[must_use]
pub fn order(pools: &[u32], seed: u64, number: u32) -> Vec<usize> {
    let each = pools.iter().enumerate();
    let mut order: Vec<usize> = each
        .flat_map(|(pool, count)| (0..*count).map(move |_| pool))
        .collect();
    if number > 0 {
        Rng::with_seed(seed ^ u64::from(number).rotate_left(48)).shuffle(&mut order);
    }
    order
}
