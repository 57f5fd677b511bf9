//! The item: a const or static without a value.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, quote};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Token, Type, Visibility};

/// `/// …  pub const POOL: PoolLimits;`
pub(crate) struct Item {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    /// `const` or `static`.
    keyword: TokenStream,
    /// Its name, at which every arrow points.
    pub(crate) name: Ident,
    kind: Type,
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let keyword = if input.peek(Token![const]) && !input.peek2(Token![fn]) {
            input.parse::<Token![const]>()?.into_token_stream()
        } else if input.peek(Token![static]) {
            input.parse::<Token![static]>()?.into_token_stream()
        } else {
            return Err(input.error(
                "`#[pool_limits]` goes on a const or static without a value, such as `pub const POOL: PoolLimits;`",
            ));
        };
        if input.peek(Token![mut]) {
            return Err(input.error("limits do not change: take `mut` out"));
        }
        if input.peek(Token![_]) {
            return Err(input.error("limits need a name to be used by: write one instead of `_`"));
        }
        let name = input.parse()?;
        if input.peek(Token![<]) {
            return Err(input.error("limits are of one target and cannot be generic"));
        }
        input.parse::<Token![:]>()?;
        let kind = input.parse()?;
        if input.peek(Token![=]) {
            return Err(input.error(
                "the value comes from poolcfg.toml: end the item with `;` behind its type",
            ));
        }
        input.parse::<Token![;]>()?;
        Ok(Self {
            attributes,
            visibility,
            keyword,
            name,
            kind,
        })
    }
}

impl Item {
    /// The item with this value.
    pub(crate) fn with(&self, value: &TokenStream) -> TokenStream {
        let Self {
            attributes,
            visibility,
            keyword,
            name,
            kind,
        } = self;
        quote! {
            #(#attributes)*
            #visibility #keyword #name: #kind = #value;
        }
    }
}
