//! Arguments: what stands in the brackets of the attribute.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{LitStr, Token};

/// `pool = "NAME"` and `crate = path`.
#[derive(Default)]
pub(crate) struct Arguments {
    /// The pool's name and where it stands.
    pub(crate) pool: Option<LitStr>,
    /// The path of poolcfg-runtime.
    pub(crate) krate: Option<TokenStream>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Self::default();
        while !input.is_empty() {
            let name = Ident::parse_any(input).map_err(|error| {
                let text = "expected an argument: write `pool = \"NAME\"` or `crate = path`";
                syn::Error::new(error.span(), text)
            })?;
            match name.to_string().as_str() {
                "pool" => {
                    once(&name, arguments.pool.is_some())?;
                    equals(input, "pool = \"plugins\"")?;
                    arguments.pool = Some(input.parse().map_err(|error: syn::Error| {
                        let text =
                            "expected the pool's name as a string: write `pool = \"plugins\"`";
                        syn::Error::new(error.span(), text)
                    })?);
                }
                "crate" => {
                    once(&name, arguments.krate.is_some())?;
                    equals(input, "crate = ::my_runtime")?;
                    arguments.krate = Some(path(input)?);
                }
                other => {
                    return Err(syn::Error::new(
                        name.span(),
                        format!(
                            "unknown argument `{other}`: the attribute takes `pool = \"NAME\"` and `crate = path`; set the numbers in poolcfg.toml"
                        ),
                    ));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>().map_err(|error| {
                    let text = "expected `,` between two arguments";
                    syn::Error::new(error.span(), text)
                })?;
            }
        }
        Ok(arguments)
    }
}

impl Arguments {
    /// Where the pool is named, or else `item`.
    pub(crate) fn pool_span(&self, item: Span) -> Span {
        self.pool.as_ref().map_or(item, LitStr::span)
    }
}

/// A path without generics, such as `::my_runtime`.
fn path(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut path = TokenStream::new();
    let wrong = |span| {
        let text = "expected a path: write one, such as `crate = ::my_runtime`";
        Err(syn::Error::new(span, text))
    };
    while !input.is_empty() && !input.peek(Token![,]) {
        let token = input.parse::<TokenTree>()?;
        match &token {
            TokenTree::Ident(_) => {}
            TokenTree::Punct(punct) if punct.as_char() == ':' => {}
            _ => return wrong(token.span()),
        }
        path.extend([token]);
    }
    if path.is_empty() {
        return wrong(input.span());
    }
    Ok(path)
}

fn once(name: &Ident, seen: bool) -> syn::Result<()> {
    if seen {
        return Err(syn::Error::new(
            name.span(),
            format!("`{name}` is given twice: keep one of them"),
        ));
    }
    Ok(())
}

fn equals(input: ParseStream<'_>, example: &str) -> syn::Result<()> {
    match input.parse::<Token![=]>() {
        Ok(_) => Ok(()),
        Err(error) => Err(syn::Error::new(
            error.span(),
            format!("expected `=` and a value: write `{example}`"),
        )),
    }
}
