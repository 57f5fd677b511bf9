//! Rust code for what the model holds: what the macro and the generated file share.
//!
//! Where a function takes `krate`, that is the path under which the code finds the items of this crate,
//! such as `::poolcfg_runtime::__private`. The code is for const expressions.

#[cfg(feature = "generated")]
mod generated;
mod keys;
mod values;

#[cfg(feature = "generated")]
pub use generated::{Arm, generated};
use keys::address_space_keys;
pub use keys::pool_keys;
pub use values::size;
use values::{option, variant};

use cfg_expr::expr::Logic;
use cfg_expr::{Expression, Predicate};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::file::facts::{TELLING, said};
use crate::file::{Condition, ConfigFile, Layer, TargetFacts};
use crate::setting::{AddressSpaceKeys, PoolKeys};
use crate::target::profile::OwnProfile;

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

/// The contents of a file, as a [`Settings`](crate::Settings) that the compiler lays together for the
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
    let said = layer.pool_tables();
    for (index, keys) in said.filter(|(_, keys)| **keys != PoolKeys::EMPTY) {
        let keys = pool_keys(keys, krate);
        calls.extend(match index {
            None => quote!(.pooling_allocator(#keys)),
            Some(index) => quote!(.pool(#index, #keys)),
        });
    }
    let space = layer.space.keys();
    if space != AddressSpaceKeys::EMPTY {
        let keys = address_space_keys(&space, krate);
        calls.extend(quote!(.address_space(#keys)));
    }
    (condition, calls)
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
