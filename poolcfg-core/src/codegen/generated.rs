//! The generated file: an arm of plain consts for each target, and the assertion that they fit, made of
//! the consts themselves and of the sources of the very rule that chose them.

mod wasmtime;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};

use super::keys::{aslr_value, stack_limit_value};
use super::{cfg_predicate, option, size, variant};
use crate::FIT_SOURCES;
use crate::case::{Case, Pool};
use crate::engine::Engine;
use crate::engine::limits::Limits;
use crate::file::TargetFacts;
use crate::model::room::Hole;
use crate::model::sum::{Bound, Demand};
use crate::plan::Plan;
use crate::target::shape::Shape;

/// What the file says for one target. The plan has no misfit: nothing is written of one that has.
#[derive(Clone, Copy, Debug)]
pub struct Arm<'a> {
    /// The target.
    pub facts: &'a TargetFacts,
    /// Its pools, profile and budget.
    pub case: &'a Case<'a>,
    /// What is guaranteed.
    pub plan: &'a Plan,
}

/// The whole file, without its header. `command` is what a target without an arm is told to run, and
/// `runtime` the name of poolcfg-runtime where the typed limits are wanted.
///
/// # Errors
/// When the sources of the rule cannot be read as Rust, which a test keeps from happening.
pub fn generated(
    arms: &[Arm<'_>],
    command: &str,
    runtime: Option<&str>,
) -> Result<TokenStream, proc_macro2::LexError> {
    let mut model = TokenStream::new();
    for (name, source) in FIT_SOURCES {
        let name = format_ident!("{name}");
        let source: TokenStream = source.parse()?;
        model.extend(quote!(pub mod #name { #source }));
    }
    let predicates: Vec<TokenStream> = arms.iter().map(|arm| cfg_predicate(arm.facts)).collect();
    let names: Vec<Ident> = arms
        .iter()
        .map(|arm| module(&arm.facts.triple().replace(['.', '-'], "_")))
        .collect();
    let arms = arms.iter().map(|arm| self::arm(arm, command, runtime));
    let elsewhere = format!(
        "src/pool_limits.rs has no limits for this target: add `--target` with its triple to `{command}` and run it again"
    );
    Ok(quote! {
        #(
            #[cfg(#predicates)]
            pub use #names::*;
        )*

        #[cfg(not(any(#(#predicates),*)))]
        compile_error!(#elsewhere);

        #(
            #[cfg(#predicates)]
            #arms
        )*

        #[doc = " How poolcfg fits pools into an address space: the rule that the limits above are held to."]
        #[allow(
            dead_code, missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::restriction,
            reason = "it is the same in every generated file, and not all of it is used in each"
        )]
        mod model {
            #model
        }
    })
}

fn arm(arm: &Arm<'_>, command: &str, runtime: Option<&str>) -> TokenStream {
    let Arm { facts, case, plan } = arm;
    let triple = facts.triple();
    let name = module(&triple.replace(['.', '-'], "_"));
    let profile = case.profile.name;
    let machine = format!("{} {}", case.target.arch.name(), case.machine());
    let about = format!(" Limits for `{triple}`, guaranteed on {machine}.");
    let pools = case.pools().iter().zip(plan.guaranteed());
    let consts = pools.clone().map(|(pool, limits)| {
        let consts = consts(pool, limits);
        let typed = runtime.map(|runtime| typed(pool, limits, arm, &format_ident!("{runtime}")));
        if pool.name.is_empty() {
            return quote!(#consts #typed);
        }
        let name = module(pool.name);
        let about = format!(" The pool `{}`.", pool.name);
        quote! {
            #[doc = #about]
            pub mod #name { #consts #typed }
        }
    });
    let paths = pools.map(|(pool, _)| match pool.name {
        "" => quote!(self),
        name => {
            let name = module(name);
            quote!(self::#name)
        }
    });
    let assertion = assertion(case, &paths.collect::<Vec<_>>(), &machine, command);
    quote! {
        #[doc = #about]
        #[allow(dead_code, reason = "a program uses the limits that it needs")]
        mod #name {
            #[doc = " The target that these limits are for."]
            pub const TARGET: &str = #triple;
            #[doc = " The VA profile that guarantees them."]
            pub const VA_PROFILE: &str = #profile;
            #(#consts)*
            #assertion
        }
    }
}

/// The numbers of one pool.
fn consts(pool: &Pool<'_>, limits: &Limits) -> TokenStream {
    let mut consts = TokenStream::new();
    let mut count = |name: &str, value: u32, about: &str| {
        let name = format_ident!("{name}");
        let about = format!(" {about}");
        let value = Literal::u32_unsuffixed(value);
        consts.extend(quote!(#[doc = #about] pub const #name: u32 = #value;));
    };
    let asked = &pool.asked;
    let each = match &limits.wasmtime {
        Some(wasmtime) => format!(", each of {}", wasmtime.counts()),
        None => String::new(),
    };
    count(
        "MAX_INSTANCES",
        limits.max_instances,
        &format!("How many instances are guaranteed{each}."),
    );
    count(
        "ASKED_MAX_INSTANCES",
        asked.max_instances,
        "How many instances are asked for.",
    );
    count(
        "MIN_INSTANCES",
        pool.min_instances,
        "The fewest instances that are of use.",
    );
    count(
        "POOLS",
        limits.pools,
        "How many pools of this shape are alive at once.",
    );
    let mut bytes = |name: &str, value: crate::Size, about: &str| {
        let name = format_ident!("{name}");
        let about = format!(" {about}, in bytes: {}.", value.available());
        let value = Literal::u64_unsuffixed(value.get());
        consts.extend(quote!(#[doc = #about] pub const #name: u64 = #value;));
    };
    bytes(
        "MEMORY_RESERVATION",
        limits.memory_reservation,
        "Address space that is guaranteed to one memory",
    );
    bytes(
        "ASKED_MEMORY_RESERVATION",
        asked.memory_reservation,
        "Address space that is asked for one memory",
    );
    bytes(
        "MAX_MEMORY_SIZE",
        limits.max_memory_size,
        "How far a memory may grow",
    );
    bytes(
        "ASKED_MAX_MEMORY_SIZE",
        asked.max_memory_size,
        "How far a memory may grow where what is asked is there",
    );
    bytes(
        "GUARD_SIZE",
        limits.guard_size,
        "Guard on both sides of a memory",
    );
    match &limits.wasmtime {
        None => {
            bytes(
                "TABLE_RESERVATION",
                limits.table_reservation,
                "Address space of one table",
            );
            bytes(
                "STACK_RESERVATION",
                limits.stack_reservation,
                "Address space of one stack",
            );
        }
        Some(engine) => consts.extend(wasmtime::consts(engine, limits)),
    }
    consts
}

/// The limits as poolcfg-runtime takes them, made of the consts beside them.
fn typed(
    pool: &Pool<'_>,
    guaranteed: &Limits,
    Arm { case, plan, .. }: &Arm<'_>,
    runtime: &Ident,
) -> TokenStream {
    let krate = quote!(::#runtime::__private);
    let name = pool.name;
    let keep = variant("Keep", pool.keep, &krate);
    let page_size = size(case.budget.page_size, &krate);
    let headroom = size(case.budget.headroom, &krate);
    let va_profile = case.profile.name;
    let shape = shape_tokens(case.shape, &krate);
    // Consts of a pool, seen from here.
    let limits = |of: &Limits, path: &TokenStream, prefix: &str| {
        let [instances, reservation, memory] =
            ["MAX_INSTANCES", "MEMORY_RESERVATION", "MAX_MEMORY_SIZE"]
                .map(|name| format_ident!("{prefix}{name}"));
        let (table, stack, engine) = match &of.wasmtime {
            None => (
                quote!(#path::TABLE_RESERVATION),
                quote!(#path::STACK_RESERVATION),
                None,
            ),
            Some(engine) => {
                let element_bytes = Literal::u32_unsuffixed(engine.element_bytes);
                (
                    quote!(#path::TABLE_ELEMENTS * #element_bytes),
                    quote!(if #path::TOTAL_STACKS > 0 { #path::ASYNC_STACK_SIZE } else { 0 }),
                    Some(wasmtime::typed(engine, &krate)),
                )
            }
        };
        let engine = option(engine);
        quote! {
            #krate::Limits {
                max_instances: #path::#instances,
                memory_reservation: #krate::Size::bytes(#path::#reservation),
                max_memory_size: #krate::Size::bytes(#path::#memory),
                guard_size: #krate::Size::bytes(#path::GUARD_SIZE),
                table_reservation: #krate::Size::bytes(#table),
                stack_reservation: #krate::Size::bytes(#stack),
                pools: #path::POOLS,
                wasmtime: #engine,
            }
        }
    };
    let own = quote!(self);
    let [asked, guaranteed] = ["ASKED_", ""].map(|prefix| limits(guaranteed, &own, prefix));
    let pools = case.pools().iter().zip(plan.guaranteed());
    let process = pools.map(|(other, of)| {
        let path = if other.name == name {
            own.clone()
        } else {
            let module = module(other.name);
            quote!(super::#module)
        };
        let limits = limits(of, &path, "");
        let other = other.name;
        quote!((#other, #limits))
    });
    let kind = match pool.asked.engine() {
        Engine::Native => quote!(PoolLimits),
        Engine::Wasmtime => quote!(WasmtimeLimits),
    };
    quote! {
        #[doc = " The same limits for `recheck` at start."]
        pub const POOL: ::#runtime::#kind = ::#runtime::#kind::new(#krate::Promise {
            name: #name,
            asked: #asked,
            guaranteed: #guaranteed,
            min_instances: self::MIN_INSTANCES,
            keep: #keep,
            page_size: #page_size,
            va_profile: #va_profile,
            shape: #shape,
            headroom: #headroom,
            process: #krate::Process::new(&[#(#process),*]),
        });
    }
}

fn shape_tokens(shape: Shape, krate: &TokenStream) -> TokenStream {
    let Shape {
        relocation_model,
        stack_limit,
        aslr,
        layout,
    } = shape;
    let relocation_model = variant("RelocationModel", relocation_model, krate);
    let stack_limit = stack_limit_value(stack_limit, krate);
    let aslr = aslr_value(aslr, krate);
    let layout = variant("SearchLayout", layout, krate);
    quote! {
        #krate::Shape {
            relocation_model: #relocation_model,
            stack_limit: #stack_limit,
            aslr: #aslr,
            layout: #layout,
        }
    }
}

/// The assertion that the pools at these paths fit.
fn assertion(case: &Case<'_>, paths: &[TokenStream], machine: &str, command: &str) -> TokenStream {
    let budget = &case.budget;
    let bytes = Literal::u64_unsuffixed;
    let holes = budget.room.holes.iter().map(|Hole { least, most }| {
        let [least, most] = [*least, *most].map(bytes);
        quote!(Hole { least: #least, most: #most })
    });
    let count = Literal::usize_unsuffixed(budget.room.count);
    let knee = bytes(budget.room.knee);
    let total = bytes(budget.room.total);
    let parts = Literal::usize_unsuffixed(budget.room.parts);
    let page_size = bytes(budget.page_size.get());
    let huge_page = bytes(budget.huge_page.get());
    let [own, most] = [budget.own(), budget.limits.most()].map(demand);
    let pools = || case.pools().iter().zip(paths);
    let mappings = pools().map(|(pool, path)| match &pool.asked.wasmtime {
        Some(engine) => wasmtime::mappings(engine, path, &page_size),
        None => quote! {
            slabs(&Slots {
                count: #path::MAX_INSTANCES as u64,
                regions: [
                    #path::MEMORY_RESERVATION,
                    #path::TABLE_RESERVATION,
                    #path::STACK_RESERVATION,
                ],
                max_memory_size: #path::MAX_MEMORY_SIZE,
                guard_size: #path::GUARD_SIZE,
                pools: #path::POOLS as u64,
            }, #page_size)
        },
    });
    let of_wasmtime = pools().filter(|(pool, _)| pool.asked.wasmtime.is_some());
    let of_wasmtime: Vec<&TokenStream> = of_wasmtime.map(|(_, path)| path).collect();
    let mut uses = Vec::new();
    if of_wasmtime.len() < paths.len() {
        uses.push(quote!(
            use super::model::slab::{Slots, slabs};
        ));
    }
    if !of_wasmtime.is_empty() {
        uses.push(quote!(
            use super::model::wasmtime_pools::{Pooling, pooling};
        ));
    }
    let stack = "MAX_WASM_STACK is above ASYNC_STACK_SIZE: lower the one or raise the other";
    let told = format!("`{command}` tells what fits");
    let overflow = format!("the limits add up to more than 2^64 - 1 bytes: {told}");
    let hole = format!("the limits need more address space than {machine} guarantees: {told}");
    let (bounds, exceeded): (Vec<_>, Vec<_>) = [
        (Bound::AddressSpace, "address space than `RLIMIT_AS`"),
        (Bound::Writable, "writable memory than `RLIMIT_DATA`"),
        (Bound::Maps, "mappings than `vm.max_map_count`"),
        (Bound::Committed, "writable memory than the commit limit"),
        (Bound::Charged, "memory at once than RAM and swap"),
    ]
    .map(|(bound, more)| {
        let bound = format_ident!("{}", format!("{bound:?}"));
        (bound, format!("the limits need more {more} allows: {told}"))
    })
    .into_iter()
    .unzip();
    let grow = "MAX_MEMORY_SIZE is above MEMORY_RESERVATION: lower the one or raise the other";
    let grain = "MEMORY_RESERVATION is not a multiple of 64 KiB: round it up or down";
    quote! {
        #[allow(clippy::all, clippy::pedantic, reason = "generated")]
        const _: () = {
            use super::model::fit::{Mappings, Verdict, fit};
            use super::model::room::{Hole, Room};
            use super::model::sum::{Bound, Demand};
            #(#uses)*
            #[doc = " The holes that the profile guarantees, as the kernel searches them."]
            const ROOM: Room = Room { holes: [#(#holes),*], count: #count, knee: #knee, total: #total, parts: #parts };
            const MAPPINGS: &[Mappings] = &[#(match #mappings {
                Some(mappings) => mappings,
                None => panic!(#overflow),
            }),*];
            #[doc = " What the process itself takes of its limits, and the most that it may take in all."]
            const OWN: Demand = #own;
            const MOST: Demand = #most;
            match fit(&ROOM, MAPPINGS, #huge_page, &OWN, &MOST) {
                Verdict::Fits => {}
                Verdict::Hole { .. } => panic!(#hole),
                Verdict::Exceeded(exceeded) => match exceeded.bound {
                    #(Bound::#bounds => panic!(#exceeded),)*
                },
            }
            #(
                assert!(#paths::MAX_MEMORY_SIZE <= #paths::MEMORY_RESERVATION, #grow);
                assert!(#paths::MEMORY_RESERVATION % 65536 == 0, #grain);
            )*
            #(assert!(#of_wasmtime::MAX_WASM_STACK <= #of_wasmtime::ASYNC_STACK_SIZE, #stack);)*
        };
    }
}

/// A sum in plain numbers.
fn demand(of: Demand) -> TokenStream {
    let Demand {
        maps,
        address_space,
        writable,
        committed,
        charged,
    } = of;
    let [maps, address_space, writable, committed, charged] =
        [maps, address_space, writable, committed, charged].map(|number| match number {
            u64::MAX => quote!(u64::MAX),
            number => Literal::u64_unsuffixed(number).into_token_stream(),
        });
    quote! {
        Demand {
            maps: #maps,
            address_space: #address_space,
            writable: #writable,
            committed: #committed,
            charged: #charged,
        }
    }
}

/// Words that no module can be called. Source: The Rust Reference, "Keywords".
const KEYWORDS: [&str; 52] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "model", "move", "mut", "override", "priv",
    "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type",
    "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// A module's name: that of a pool or target where it can be one.
fn module(name: &str) -> Ident {
    let mut name: String = name
        .chars()
        .map(|char| match char {
            'A'..='Z' | 'a'..='z' | '0'..='9' => char.to_ascii_lowercase(),
            _ => '_',
        })
        .collect();
    let first = name.chars().next();
    if !first.is_some_and(|first| first.is_ascii_lowercase()) || KEYWORDS.contains(&name.as_str()) {
        name = format!("pool_{name}");
    }
    Ident::new(&name, Span::call_site())
}
