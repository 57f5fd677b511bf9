//! The keys of the file's tables, each that is said with its place.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::{option, size, variant};
use crate::base::size::Size;
use crate::engine::wasmtime::{WasmtimeFeatures, WasmtimeVersion};
use crate::setting::{AddressSpaceKeys, Key, PoolKeys, WasmtimeKeys};
use crate::target::shape::{Aslr, StackLimit};

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
        memory_keep_resident,
        table_keep_resident,
        pagemap_scan,
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
        key("memory_keep_resident", memory_keep_resident, krate, bytes),
        key("table_keep_resident", table_keep_resident, krate, bytes),
        key("pagemap_scan", pagemap_scan, krate, |switch| {
            variant("Switch", switch, krate)
        }),
    ];
    let said = said.into_iter().flatten();
    quote!(#krate::WasmtimeKeys { #(#said,)* ..#krate::WasmtimeKeys::EMPTY })
}

pub(super) fn wasmtime_version(version: WasmtimeVersion, krate: &TokenStream) -> TokenStream {
    let WasmtimeVersion {
        major,
        minor,
        patch,
    } = version;
    let [minor, patch] = [minor, patch].map(|number| option(number.map(|number| quote!(#number))));
    quote!(#krate::WasmtimeVersion { major: #major, minor: #minor, patch: #patch })
}

pub(super) fn wasmtime_features(features: WasmtimeFeatures, krate: &TokenStream) -> TokenStream {
    let features = features
        .iter()
        .map(|feature| variant("WasmtimeFeature", feature, krate));
    quote!(#krate::WasmtimeFeatures::EMPTY #(.with(#features))*)
}

pub(super) fn stack_limit_value(limit: StackLimit, krate: &TokenStream) -> TokenStream {
    match limit {
        StackLimit::UpTo(bytes) => {
            let bytes = size(bytes, krate);
            quote!(#krate::StackLimit::UpTo(#bytes))
        }
        StackLimit::Finite | StackLimit::Unlimited => variant("StackLimit", limit, krate),
    }
}

pub(super) fn aslr_value(aslr: Aslr, krate: &TokenStream) -> TokenStream {
    match aslr {
        Aslr::Bits(bits) => quote!(#krate::Aslr::Bits(#bits)),
        Aslr::Maximum | Aslr::Minimum => variant("Aslr", aslr, krate),
    }
}

pub(super) fn address_space_keys(keys: &AddressSpaceKeys<'_>, krate: &TokenStream) -> TokenStream {
    let AddressSpaceKeys {
        va_profile,
        relocation_model,
        stack_limit,
        aslr,
        layout,
        headroom,
        max_map_count,
        rlimit_as,
        rlimit_data,
        memory,
    } = keys;
    let limit = |bytes: Option<Size>| option(bytes.map(|bytes| size(bytes, krate)));
    let said = [
        key("va_profile", va_profile, krate, |name| quote!(#name)),
        key("relocation_model", relocation_model, krate, |word| {
            variant("RelocationModel", word, krate)
        }),
        key("stack_limit", stack_limit, krate, |limit| {
            stack_limit_value(limit, krate)
        }),
        key("aslr", aslr, krate, |aslr| aslr_value(aslr, krate)),
        key("layout", layout, krate, |word| {
            variant("SearchLayout", word, krate)
        }),
        key("headroom", headroom, krate, |bytes| size(bytes, krate)),
        key(
            "max_map_count",
            max_map_count,
            krate,
            |count| quote!(#count),
        ),
        key("rlimit_as", rlimit_as, krate, limit),
        key("rlimit_data", rlimit_data, krate, limit),
        key("memory", memory, krate, |bytes| size(bytes, krate)),
    ];
    let said = said.into_iter().flatten();
    quote!(#krate::AddressSpaceKeys { #(#said,)* ..#krate::AddressSpaceKeys::EMPTY })
}
