//! What the file says where the package depends on poolcfg-runtime: the pools made of the consts beside them, typed for
//! `recheck`, and asserted by the runtime's own rule.

use super::arm::{Arm, PoolConsts, machine};
use super::constant::of_every_pool;
use super::lines::{Lines, number};
use crate::base::size::Size;
use crate::engine::Engine;
use crate::engine::wasmtime::Wasmtime;
use crate::model::room::Hole;
use crate::target::budget::Budget;
use crate::target::process::ProcessLimits;
use crate::target::shape::{Aslr, Shape, StackLimit};

/// What the module of a pool begins with.
pub(super) fn names(runtime: &str) -> String {
    format!("use ::{runtime}::__private::prelude::*;")
}

/// The typed limits of one pool, and its consts put together.
pub(super) fn pool(lines: &mut Lines, written: &PoolConsts<'_>, index: usize, runtime: &str) {
    let PoolConsts { pool, limits, .. } = written;
    let kind = match limits.engine() {
        Engine::Native => "PoolLimits",
        Engine::Wasmtime => "WasmtimeLimits",
    };
    let kind = format!("::{runtime}::{kind}");
    let (visible, process) = match pool.name {
        "" => ("", "PROCESS"),
        _ => ("pub(super) ", "super::PROCESS"),
    };
    lines.line("/// The same limits for `recheck` at start.");
    lines.line(&format!(
        "pub const POOL: {kind} = {kind}::new({process}.promise({index}));"
    ));
    let open = format!("{visible}const WRITTEN: WrittenPool = WrittenPool {{");
    lines.block(&open, "};", |lines| {
        let mut fields = vec![
            format!("name: {:?}", pool.name),
            format!("keep: Keep::{:?}", pool.keep),
        ];
        match &limits.wasmtime {
            None => {
                fields.extend(written.numbers(|name| !OF_NATIVE.contains(&name)));
                fields.push(format!(
                    "engine: WrittenEngine::Native {{ {} }}",
                    OF_NATIVE.join(", ")
                ));
                lines.items(&fields);
            }
            Some(wasmtime) => {
                let own = written.numbers(|name| !NOT_OF_WASMTIME.contains(&name));
                let (of_pool, of_engine) = own.split_at(of_every_pool(pool, limits).len());
                fields.extend_from_slice(of_pool);
                lines.items(&fields);
                lines.block("engine: WrittenEngine::Wasmtime {", "},", |lines| {
                    let mut fields = of_wasmtime(wasmtime);
                    fields.extend_from_slice(of_engine);
                    lines.items(&fields);
                });
            }
        }
    });
}

/// The consts of a native pool alone.
const OF_NATIVE: [&str; 3] = ["GUARD_BEFORE", "TABLE_RESERVATION", "STACK_RESERVATION"];

/// The consts of a pool of Wasmtime's that follow from others.
const NOT_OF_WASMTIME: [&str; 2] = ["MAX_TABLES_PER_MODULE", "MEMORY_MAY_MOVE"];

/// The process of one arm, and the assertion that its pools fit.
pub(super) fn process(lines: &mut Lines, arm: &Arm<'_>, pools: &[PoolConsts<'_>], command: &str) {
    let case = arm.case;
    lines.line("/// All pools of the process, and what they have to fit.");
    lines.block("const PROCESS: Written = Written {", "};", |lines| {
        let pools = pools
            .iter()
            .map(|written| format!("{}WRITTEN", written.path));
        let pools: Vec<String> = pools.collect();
        let mut fields = vec![format!("pools: &[{}]", pools.join(", "))];
        fields.extend(budget(&case.budget));
        fields.push("va_profile: VA_PROFILE".to_owned());
        lines.items(&fields);
        lines.line(&format!(
            "shape: Shape {{ {} }},",
            shape(case.shape).join(", ")
        ));
        lines.items(&[
            format!("machine: {:?}", machine(case)),
            format!("command: {command:?}"),
        ]);
    });
    lines.line("const _: () = PROCESS.must_hold();");
}

fn of_wasmtime(wasmtime: &Wasmtime) -> Vec<String> {
    let Wasmtime {
        version,
        features,
        tables_per_instance,
        core_instances_per_instance,
        gc_heaps_per_instance,
        written,
        element_size,
        maps_stacks,
        ..
    } = *wasmtime;
    let tables = match tables_per_instance {
        Some(_) => "Some(MAX_TABLES_PER_MODULE)",
        None => "None",
    };
    let features = features
        .iter()
        .map(|feature| format!(".with(WasmtimeFeature::{feature:?})"));
    vec![
        format!(
            "version: WasmtimeVersion {{ major: {}, minor: {:?}, patch: {:?} }}",
            version.major, version.minor, version.patch
        ),
        format!(
            "features: WasmtimeFeatures::EMPTY{}",
            features.collect::<String>()
        ),
        format!("tables_per_instance: {tables}"),
        format!("core_instances_per_instance: {core_instances_per_instance:?}"),
        format!("gc_heaps_per_instance: {gc_heaps_per_instance:?}"),
        format!("totals_for: {:?}", written.map(|written| written.instances)),
        format!("element_bytes: {}", element_size.get()),
        format!("maps_stacks: {maps_stacks}"),
    ]
}

fn budget(budget: &Budget) -> Vec<String> {
    let Budget {
        room,
        spans: _,
        page_size,
        headroom,
        limits,
        huge_page,
    } = budget;
    let holes = room.holes.iter().take(room.count);
    let pair = |hole: &Hole| format!("({}, {})", number(hole.least), number(hole.most));
    let holes = holes.map(pair);
    let three = &room.three;
    let spreads = three.spreads.iter().take(three.count).map(|spread| {
        let holes: Vec<_> = spread.holes.iter().chain([&spread.sum]).map(pair).collect();
        format!("[{}]", holes.join(", "))
    });
    vec![
        format!("holes: &[{}]", holes.collect::<Vec<_>>().join(", ")),
        format!("knee: {}", number(room.knee)),
        format!("total: {}", number(room.total)),
        format!("parts: {}", room.parts),
        format!("spreads: &[{}]", spreads.collect::<Vec<_>>().join(", ")),
        format!("small: {}", number(three.small)),
        format!("page_size: {}", number(page_size.get())),
        format!("huge_page: {}", number(huge_page.get())),
        format!("headroom: {}", number(headroom.get())),
        format!("limits: {}", process_limits(limits)),
    ]
}

fn process_limits(limits: &ProcessLimits) -> String {
    let ProcessLimits {
        max_map_count,
        rlimit_as,
        rlimit_data,
        commit_limit,
        memory,
    } = limits;
    let said = [
        ("max_map_count", max_map_count.map(number)),
        ("rlimit_as", rlimit_as.map(bytes)),
        ("rlimit_data", rlimit_data.map(bytes)),
        ("commit_limit", commit_limit.map(bytes)),
        ("memory", memory.map(bytes)),
    ];
    let said = said
        .into_iter()
        .filter_map(|(name, limit)| Some((name, limit?)));
    let said: Vec<String> = said
        .map(|(name, limit)| format!("{name}: Some({limit})"))
        .collect();
    match said.len() {
        0 => "ProcessLimits::NONE".to_owned(),
        5 => format!("ProcessLimits {{ {} }}", said.join(", ")),
        _ => format!(
            "ProcessLimits {{ {}, ..ProcessLimits::NONE }}",
            said.join(", ")
        ),
    }
}

fn shape(shape: Shape) -> [String; 4] {
    let Shape {
        relocation_model,
        stack_limit,
        aslr,
        layout,
    } = shape;
    let stack_limit = match stack_limit {
        StackLimit::UpTo(limit) => format!("UpTo({})", bytes(limit)),
        StackLimit::AsUnlimited(limit) => format!("AsUnlimited({})", bytes(limit)),
        StackLimit::Finite | StackLimit::Unlimited => format!("{stack_limit:?}"),
    };
    let aslr = match aslr {
        Aslr::Bits(bits) => format!("Bits({bits})"),
        Aslr::Maximum | Aslr::Minimum => format!("{aslr:?}"),
    };
    [
        format!("relocation_model: RelocationModel::{relocation_model:?}"),
        format!("stack_limit: StackLimit::{stack_limit}"),
        format!("aslr: Aslr::{aslr}"),
        format!("layout: SearchLayout::{layout:?}"),
    ]
}

fn bytes(size: Size) -> String {
    format!("Size::bytes({})", number(size.get()))
}
