//! Rust code for what the model holds: what the macro and the generated file share.
//!
//! Where a function takes `krate`, that is the path under which the code finds the items of this crate,
//! such as `::poolcfg_runtime::__private`. The code is for const expressions.

mod generated;

pub use generated::{Arm, generated};

use cfg_expr::expr::Logic;
use cfg_expr::{Expression, Predicate};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::file::facts::{TELLING, said};
use crate::file::{Condition, ConfigFile, Layer, TargetFacts};
use crate::profile::OwnProfile;
use crate::setting::{AddressSpaceKeys, Key, PoolKeys, WasmtimeKeys};
use crate::shape::Shape;
use crate::size::Size;
use crate::wasmtime::{WasmtimeFeatures, WasmtimeVersion};

/// The cfg predicate that holds for a target and for none that a cfg tells apart from it, such as
/// `all(target_arch = "riscv64", target_os = "linux", target_env = "gnu", …)`.
#[must_use]
pub fn cfg_predicate(facts: &TargetFacts) -> TokenStream {
    let parts = TELLING.iter().flat_map(|key| {
        let name = format_ident!("{key}");
        let values = facts.values(key);
        values
            .map(|value| quote!(#name = #value))
            .collect::<Vec<_>>()
    });
    quote!(all(#(#parts),*))
}

/// A cfg expression of the file as the compiler reads it.
///
/// ```
/// use poolcfg_core::codegen::cfg_expression;
/// let expression = cfg_expr::Expression::parse("cfg(not(unix))").unwrap();
/// assert_eq!(cfg_expression(&expression).to_string(), "not (target_family = \"unix\")");
/// ```
#[must_use]
pub fn cfg_expression(expression: &Expression) -> TokenStream {
    expression
        .eval(|predicate| Cfg::One(one(predicate)))
        .tokens()
}

fn one(predicate: &Predicate<'_>) -> TokenStream {
    let pair = |key: &str, value: &str| {
        let key = format_ident!("{key}");
        quote!(#key = #value)
    };
    match predicate {
        Predicate::Target(target) => {
            let (key, value) = said(target);
            pair(key, &value)
        }
        // The reader of the file lets none of these pass; nothing holds that it does not know.
        _ => quote!(any()),
    }
}

/// A cfg expression on its way to tokens; `all` and `any` come in as pairs.
#[derive(Debug)]
enum Cfg {
    One(TokenStream),
    All(Vec<TokenStream>),
    Any(Vec<TokenStream>),
}

impl Cfg {
    fn tokens(self) -> TokenStream {
        match self {
            Self::One(tokens) => tokens,
            Self::All(parts) => quote!(all(#(#parts),*)),
            Self::Any(parts) => quote!(any(#(#parts),*)),
        }
    }
}

impl Logic for Cfg {
    fn top() -> Self {
        Self::All(Vec::new())
    }

    fn bottom() -> Self {
        Self::Any(Vec::new())
    }

    fn and(self, other: Self) -> Self {
        let other = other.tokens();
        // The operands come from the last to the first.
        match self {
            Self::All(mut parts) => {
                parts.insert(0, other);
                Self::All(parts)
            }
            one => Self::All(vec![other, one.tokens()]),
        }
    }

    fn or(self, other: Self) -> Self {
        let other = other.tokens();
        match self {
            Self::Any(mut parts) => {
                parts.insert(0, other);
                Self::Any(parts)
            }
            one => Self::Any(vec![other, one.tokens()]),
        }
    }

    fn not(self) -> Self {
        let tokens = self.tokens();
        Self::One(quote!(not(#tokens)))
    }
}

/// All that a file says, as a [`Settings`](crate::Settings) that the compiler lays together for the
/// target it compiles for.
#[must_use]
pub fn settings(file: &ConfigFile, krate: &TokenStream) -> TokenStream {
    let names = file.pool_names();
    let profiles = file.own_profiles().map(|own| own_profile(&own, krate));
    let layers = file
        .layers()
        .map(|layer| layer_calls(layer, krate))
        .filter(|(_, calls)| !calls.is_empty())
        .map(|(condition, calls)| match condition {
            None => quote!(let settings = settings #calls;),
            Some(condition) => quote! {
                let settings = if ::core::cfg!(#condition) { settings #calls } else { settings };
            },
        });
    quote! {{
        let settings = #krate::Settings::new(&[#(#names),*], &[#(#profiles),*]);
        #(#layers)*
        settings
    }}
}

/// The condition of a layer, nothing for the base, and the calls that say its keys.
fn layer_calls(layer: &Layer, krate: &TokenStream) -> (Option<TokenStream>, TokenStream) {
    let condition = match &layer.condition {
        Condition::Always => None,
        Condition::Cfg(expression) => Some(cfg_expression(expression)),
        Condition::Triple(facts) => Some(cfg_predicate(facts)),
    };
    let mut calls = TokenStream::new();
    if layer.pooling_allocator != PoolKeys::EMPTY {
        let keys = pool_keys(&layer.pooling_allocator, krate);
        calls.extend(quote!(.pooling_allocator(#keys)));
    }
    for (index, keys) in layer
        .pools
        .iter()
        .filter(|(_, keys)| *keys != PoolKeys::EMPTY)
    {
        let keys = pool_keys(keys, krate);
        calls.extend(quote!(.pool(#index, #keys)));
    }
    let space = layer.space.keys();
    if space != AddressSpaceKeys::EMPTY {
        let keys = address_space_keys(&space, krate);
        calls.extend(quote!(.address_space(#keys)));
    }
    (condition, calls)
}

/// One key that is said, as a field with its place; no tokens for one that is not.
fn key<T: Copy>(
    name: &str,
    key: &Key<T>,
    krate: &TokenStream,
    value: impl Fn(T) -> TokenStream,
) -> Option<TokenStream> {
    let setting = key.as_ref()?;
    let name = format_ident!("{name}");
    let value = value(setting.value);
    let (line, column) = (setting.place.line, setting.place.column);
    Some(quote! {
        #name: ::core::option::Option::Some(#krate::Setting::at(#value, #line, #column))
    })
}

/// The variant of one of the model's enums, whose variants are named as they print with `Debug`.
fn variant<T: std::fmt::Debug>(kind: &str, value: T, krate: &TokenStream) -> TokenStream {
    let kind = format_ident!("{kind}");
    let variant = format_ident!("{}", format!("{value:?}"));
    quote!(#krate::#kind::#variant)
}

/// The keys of one pool table.
#[must_use]
pub fn pool_keys(keys: &PoolKeys, krate: &TokenStream) -> TokenStream {
    let count = |number: u32| quote!(#number);
    let bytes = |bytes: Size| size(bytes, krate);
    let PoolKeys {
        engine,
        max_instances,
        on_misfit,
        min_instances,
        keep,
        memory_reservation,
        max_memory_size,
        guard_size,
        table_reservation,
        stack_reservation,
        pools,
        wasmtime,
    } = keys;
    let wasmtime = (*wasmtime != WasmtimeKeys::EMPTY).then(|| {
        let keys = wasmtime_keys(wasmtime, krate);
        quote!(wasmtime: #keys)
    });
    let said = [
        key("engine", engine, krate, |word| {
            variant("Engine", word, krate)
        }),
        key("max_instances", max_instances, krate, count),
        key("on_misfit", on_misfit, krate, |word| {
            variant("OnMisfit", word, krate)
        }),
        key("min_instances", min_instances, krate, count),
        key("keep", keep, krate, |word| variant("Keep", word, krate)),
        key("memory_reservation", memory_reservation, krate, bytes),
        key("max_memory_size", max_memory_size, krate, bytes),
        key("guard_size", guard_size, krate, bytes),
        key("table_reservation", table_reservation, krate, bytes),
        key("stack_reservation", stack_reservation, krate, bytes),
        key("pools", pools, krate, count),
        wasmtime,
    ];
    let said = said.into_iter().flatten();
    quote!(#krate::PoolKeys { #(#said,)* ..#krate::PoolKeys::EMPTY })
}

fn wasmtime_keys(keys: &WasmtimeKeys, krate: &TokenStream) -> TokenStream {
    let count = |number: u32| quote!(#number);
    let bytes = |bytes: Size| size(bytes, krate);
    let WasmtimeKeys {
        version,
        features,
        memories_per_instance,
        tables_per_instance,
        core_instances_per_instance,
        gc_heaps_per_instance,
        table_elements,
        guard_before_linear_memory,
        memory_protection_keys,
        max_wasm_stack,
        max_core_instance_size,
        max_component_instance_size,
    } = keys;
    let said = [
        key("version", version, krate, |version| {
            wasmtime_version(version, krate)
        }),
        key("features", features, krate, |features| {
            wasmtime_features(features, krate)
        }),
        key("memories_per_instance", memories_per_instance, krate, count),
        key("tables_per_instance", tables_per_instance, krate, count),
        key(
            "core_instances_per_instance",
            core_instances_per_instance,
            krate,
            count,
        ),
        key("gc_heaps_per_instance", gc_heaps_per_instance, krate, count),
        key("table_elements", table_elements, krate, count),
        key(
            "guard_before_linear_memory",
            guard_before_linear_memory,
            krate,
            |flag| quote!(#flag),
        ),
        key(
            "memory_protection_keys",
            memory_protection_keys,
            krate,
            count,
        ),
        key("max_wasm_stack", max_wasm_stack, krate, bytes),
        key(
            "max_core_instance_size",
            max_core_instance_size,
            krate,
            bytes,
        ),
        key(
            "max_component_instance_size",
            max_component_instance_size,
            krate,
            bytes,
        ),
    ];
    let said = said.into_iter().flatten();
    quote!(#krate::WasmtimeKeys { #(#said,)* ..#krate::WasmtimeKeys::EMPTY })
}

fn wasmtime_version(version: WasmtimeVersion, krate: &TokenStream) -> TokenStream {
    let WasmtimeVersion {
        major,
        minor,
        patch,
    } = version;
    let [minor, patch] = [minor, patch].map(|number| option(number.map(|number| quote!(#number))));
    quote!(#krate::WasmtimeVersion { major: #major, minor: #minor, patch: #patch })
}

fn wasmtime_features(features: WasmtimeFeatures, krate: &TokenStream) -> TokenStream {
    let features = features
        .iter()
        .map(|feature| variant("WasmtimeFeature", feature, krate));
    quote!(#krate::WasmtimeFeatures::EMPTY #(.with(#features))*)
}

fn address_space_keys(keys: &AddressSpaceKeys<'_>, krate: &TokenStream) -> TokenStream {
    let AddressSpaceKeys {
        va_profile,
        relocation_model,
        stack_limit,
        aslr,
        headroom,
    } = keys;
    let said = [
        key("va_profile", va_profile, krate, |name| quote!(#name)),
        key("relocation_model", relocation_model, krate, |word| {
            variant("RelocationModel", word, krate)
        }),
        key("stack_limit", stack_limit, krate, |word| {
            variant("StackLimit", word, krate)
        }),
        key("aslr", aslr, krate, |word| variant("Aslr", word, krate)),
        key("headroom", headroom, krate, |bytes| size(bytes, krate)),
    ];
    let said = said.into_iter().flatten();
    quote!(#krate::AddressSpaceKeys { #(#said,)* ..#krate::AddressSpaceKeys::EMPTY })
}

fn own_profile(profile: &OwnProfile<'_>, krate: &TokenStream) -> TokenStream {
    let OwnProfile {
        name,
        arch,
        window,
        page_size,
        pie_base,
        legacy_base,
        aslr_bits_default,
        aslr_bits_max,
    } = profile;
    let arch = variant("Arch", arch, krate);
    let [window, page_size] = [window, page_size].map(|bytes| size(*bytes, krate));
    let [pie_base, legacy_base] =
        [pie_base, legacy_base].map(|base| option(base.map(|base| size(base, krate))));
    let [bits, bits_max] =
        [aslr_bits_default, aslr_bits_max].map(|bits| option(bits.map(|bits| quote!(#bits))));
    quote! {
        #krate::OwnProfile {
            name: #name,
            arch: #arch,
            window: #window,
            page_size: #page_size,
            pie_base: #pie_base,
            legacy_base: #legacy_base,
            aslr_bits_default: #bits,
            aslr_bits_max: #bits_max,
        }
    }
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// A size in the largest unit that divides it, such as `Size::gib(4)`.
#[must_use]
pub fn size(size: Size, krate: &TokenStream) -> TokenStream {
    let bytes = size.get();
    let units = [("tib", 40), ("gib", 30), ("mib", 20), ("kib", 10)];
    let unit = units
        .into_iter()
        .find(|(_, bits)| bytes != 0 && bytes.is_multiple_of(1 << bits));
    match unit {
        Some((name, bits)) => {
            let name = format_ident!("{name}");
            let count = bytes >> bits;
            quote!(#krate::Size::#name(#count))
        }
        None => quote!(#krate::Size::bytes(#bytes)),
    }
}

fn shape_tokens(shape: Shape, krate: &TokenStream) -> TokenStream {
    let Shape {
        relocation_model,
        stack_limit,
        aslr,
    } = shape;
    let relocation_model = variant("RelocationModel", relocation_model, krate);
    let stack_limit = variant("StackLimit", stack_limit, krate);
    let aslr = variant("Aslr", aslr, krate);
    quote! {
        #krate::Shape {
            relocation_model: #relocation_model,
            stack_limit: #stack_limit,
            aslr: #aslr,
        }
    }
}
