//! How Rust code writes single values of the model.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::base::size::Size;

/// The variant of one of the model's enums, whose variants are named as they print with `Debug`.
pub(super) fn variant<T: std::fmt::Debug>(
    kind: &str,
    value: T,
    krate: &TokenStream,
) -> TokenStream {
    let kind = format_ident!("{kind}");
    let variant = format_ident!("{}", format!("{value:?}"));
    quote!(#krate::#kind::#variant)
}

pub(super) fn option(value: Option<TokenStream>) -> TokenStream {
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
        .find(|(_, bits)| bytes != 0 && bytes % (1 << bits) == 0);
    match unit {
        Some((name, bits)) => {
            let name = format_ident!("{name}");
            let count = bytes >> bits;
            quote!(#krate::Size::#name(#count))
        }
        None => quote!(#krate::Size::bytes(#bytes)),
    }
}
