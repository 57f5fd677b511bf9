//! The keys of the file's tables, each that is said with its place.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::values::{option, size, variant};
use crate::base::size::Size;
use crate::engine::Engine;
use crate::engine::wasmtime::{WasmtimeFeatures, WasmtimeVersion};
use crate::setting::{
    AddressSpaceKeys, Keep, OnMisfit, PoolKeys, ProtectionKeys, Setting, Switch, WasmtimeKeys,
    Write,
};
use crate::target::shape::{Aslr, RelocationModel, SearchLayout, StackLimit};

/// The fields of a struct of keys, each that is said with its place.
struct Fields<'k> {
    krate: &'k TokenStream,
    fields: Vec<TokenStream>,
}

impl<'k> Fields<'k> {
    const fn new(krate: &'k TokenStream) -> Self {
        Self {
            krate,
            fields: Vec::new(),
        }
    }

    /// The struct, with nothing said of the keys that are left.
    fn of(self, name: &str) -> TokenStream {
        let (krate, fields) = (self.krate, self.fields);
        let name = format_ident!("{name}");
        quote!(#krate::#name { #(#fields,)* ..#krate::#name::EMPTY })
    }
}

/// Each type of value, and how code writes it.
macro_rules! write {
    ($($type:ty: |$value:ident, $krate:ident| $tokens:expr;)+) => {$(
        impl Write<$type> for Fields<'_> {
            fn write(&mut self, name: &str, setting: &Setting<$type>) {
                let ($value, $krate) = (setting.value, self.krate);
                let value = $tokens;
                let name = format_ident!("{name}");
                let (line, column) = (setting.place.line, setting.place.column);
                let krate = self.krate;
                self.fields.push(quote! {
                    #name: ::core::option::Option::Some(#krate::Setting::at(#value, #line, #column))
                });
            }
        }
    )+};
}

write! {
    u32: |number, _krate| quote!(#number);
    bool: |flag, _krate| quote!(#flag);
    &str: |name, _krate| quote!(#name);
    Size: |bytes, krate| size(bytes, krate);
    Option<Size>: |limit, krate| option(limit.map(|bytes| size(bytes, krate)));
    ProtectionKeys: |keys, krate| protection_keys(keys, krate);
    Switch: |switch, krate| variant("Switch", switch, krate);
    Aslr: |aslr, krate| aslr_value(aslr, krate);
    StackLimit: |limit, krate| stack_limit_value(limit, krate);
    Engine: |word, krate| variant("Engine", word, krate);
    OnMisfit: |word, krate| variant("OnMisfit", word, krate);
    Keep: |word, krate| variant("Keep", word, krate);
    RelocationModel: |word, krate| variant("RelocationModel", word, krate);
    SearchLayout: |word, krate| variant("SearchLayout", word, krate);
    WasmtimeVersion: |version, krate| wasmtime_version(version, krate);
    WasmtimeFeatures: |features, krate| wasmtime_features(features, krate);
}

/// The keys of one pool table.
#[must_use]
pub fn pool_keys(keys: &PoolKeys, krate: &TokenStream) -> TokenStream {
    let mut fields = Fields::new(krate);
    keys.write(&mut fields);
    if keys.wasmtime != WasmtimeKeys::EMPTY {
        let mut own = Fields::new(krate);
        keys.wasmtime.write(&mut own);
        let own = own.of("WasmtimeKeys");
        fields.fields.push(quote!(wasmtime: #own));
    }
    fields.of("PoolKeys")
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
        StackLimit::AsUnlimited(bytes) => {
            let bytes = size(bytes, krate);
            quote!(#krate::StackLimit::AsUnlimited(#bytes))
        }
        StackLimit::Finite | StackLimit::Unlimited => variant("StackLimit", limit, krate),
    }
}

fn protection_keys(keys: ProtectionKeys, krate: &TokenStream) -> TokenStream {
    match keys {
        ProtectionKeys::Count(count) => quote!(#krate::ProtectionKeys::Count(#count)),
        ProtectionKeys::Auto => variant("ProtectionKeys", keys, krate),
    }
}

pub(super) fn aslr_value(aslr: Aslr, krate: &TokenStream) -> TokenStream {
    match aslr {
        Aslr::Bits(bits) => quote!(#krate::Aslr::Bits(#bits)),
        Aslr::Maximum | Aslr::Minimum => variant("Aslr", aslr, krate),
    }
}

pub(super) fn address_space_keys(keys: &AddressSpaceKeys<'_>, krate: &TokenStream) -> TokenStream {
    let mut fields = Fields::new(krate);
    keys.write(&mut fields);
    fields.of("AddressSpaceKeys")
}
