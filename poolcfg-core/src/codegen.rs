//! Rust code for what the model holds: what the macro and the generated file share.
//!
//! Every function takes `krate`, the path under which the code finds this crate's items, such as
//! `::poolcfg_runtime::__private`.

use proc_macro2::TokenStream;
use quote::quote;

use crate::file::TargetFacts;
use crate::file::facts::TELLING;

/// The cfg predicate that holds for a target and for none that a cfg tells apart from it, such as
/// `all(target_arch = "riscv64", target_os = "linux", target_env = "gnu", …)`.
#[must_use]
pub fn cfg_predicate(facts: &TargetFacts) -> TokenStream {
    let parts = TELLING.iter().flat_map(|key| {
        let name = quote::format_ident!("{key}");
        facts
            .values(key)
            .map(move |value| quote!(#name = #value))
            .collect::<Vec<_>>()
    });
    quote!(all(#(#parts),*))
}
