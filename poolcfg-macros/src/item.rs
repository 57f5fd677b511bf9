//! The item: a const or static without a value.

use poolcfg_core::Engine;
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::Token;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::token::Paren;

/// `/// …  pub const POOL: PoolLimits;`
pub(crate) struct ConstItem {
    /// Attributes, doc comments among them, and visibility: they stay as they are.
    front: TokenStream,
    /// `const` or `static`.
    keyword: TokenStream,
    /// Its name, at which every arrow points.
    pub(crate) name: Ident,
    kind: TokenStream,
    /// The engine whose limits its type is; `None` if it is another type, which is one of the mistakes.
    pub(crate) engine: Option<Engine>,
    /// What is wrong with it that does not keep it from being an item.
    pub(crate) mistakes: Vec<syn::Error>,
}

impl Parse for ConstItem {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        // Nothing here is looked into, so syn's own types for it are not worth their build time.
        let mut front = TokenStream::new();
        let mut keep = || -> syn::Result<()> {
            front.extend([input.parse::<TokenTree>()?]);
            Ok(())
        };
        while input.peek(Token![#]) {
            keep()?;
            keep()?;
        }
        if input.peek(Token![pub]) {
            keep()?;
            if input.peek(Paren) {
                keep()?;
            }
        }
        let keyword = if input.peek(Token![const]) && !input.peek2(Token![fn]) {
            input.parse::<Token![const]>()?.into_token_stream()
        } else if input.peek(Token![static]) {
            input.parse::<Token![static]>()?.into_token_stream()
        } else {
            return Err(input.error(
                "`#[pool_limits]` goes on a const or static without a value, such as `pub const POOL: PoolLimits;`",
            ));
        };
        let mut mistakes = Vec::new();
        if input.peek(Token![mut]) {
            mistakes.push(input.error("`static mut` is not allowed: limits are constant"));
            input.parse::<Token![mut]>()?;
        }
        if input.peek(Token![_]) {
            mistakes.push(input.error("limits need a name: replace `_` with one"));
        }
        // `_` too, so that the item can stay where it is.
        let name = Ident::parse_any(input)?;
        if input.peek(Token![<]) {
            return Err(input.error("limits cannot be generic"));
        }
        input.parse::<Token![:]>()?;
        let mut kind = TokenStream::new();
        while !input.peek(Token![;]) && !input.peek(Token![=]) && !input.is_empty() {
            kind.extend([input.parse::<TokenTree>()?]);
        }
        if kind.is_empty() {
            return Err(input.error("expected a type, such as `PoolLimits`"));
        }
        let engine = engine(kind.clone());
        if engine.is_none() {
            let text =
                format!("expected the type `PoolLimits` or `WasmtimeLimits`, found `{kind}`");
            mistakes.push(syn::Error::new_spanned(&kind, text));
        }
        if input.peek(Token![=]) {
            mistakes.push(
                input.error(
                    "the value comes from poolcfg.toml: end the item with `;` after its type",
                ),
            );
            while !input.peek(Token![;]) && !input.is_empty() {
                input.parse::<TokenTree>()?;
            }
        }
        input.parse::<Token![;]>()?;
        Ok(Self {
            front,
            keyword,
            name,
            kind,
            engine,
            mistakes,
        })
    }
}

impl ConstItem {
    /// The item with this value, which is of the type `typed`.
    pub(crate) fn with(&self, typed: &TokenStream, value: &TokenStream) -> TokenStream {
        let Self {
            front,
            keyword,
            name,
            ..
        } = self;
        // Beside the mistake, what was meant.
        let kind = match self.engine {
            Some(_) => &self.kind,
            None => typed,
        };
        quote! {
            #front #keyword #name: #kind = #value;
        }
    }
}

/// The engine whose limits a type is: the path of one of the two, since a macro sees no further than names.
fn engine(kind: TokenStream) -> Option<Engine> {
    let mut last = None;
    for token in kind {
        last = match token {
            // A type that comes out of another macro.
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                engine(group.stream())
            }
            TokenTree::Ident(name) if name == "PoolLimits" => Some(Engine::Native),
            TokenTree::Ident(name) if name == "WasmtimeLimits" => Some(Engine::Wasmtime),
            TokenTree::Ident(_) => None,
            TokenTree::Punct(punct) if punct.as_char() == ':' => None,
            _ => return None,
        };
    }
    last
}
