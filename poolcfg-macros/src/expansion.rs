//! The expansion: const code that lays the file's layers over each other for the target it is compiled
//! for, and the assertion that the pools fit.
//!
//! A macro does not know the target, so nothing is decided here: every `cfg!` is judged by the
//! compiler, and profile and fit are chosen by const code of poolcfg-core.

use poolcfg_core::{Code, Engine, Variable, codegen};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::arguments::Arguments;
use crate::item::ConstItem;
use crate::source::{self, FoundConfig};

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let original = item.clone();
    let arguments = syn::parse2::<Arguments>(arguments);
    let mut item = match syn::parse2::<ConstItem>(item) {
        Ok(item) => item,
        Err(mut error) => {
            if let Err(other) = arguments {
                error.combine(other);
            }
            let error = with_code(error).into_compile_error();
            // What it is stays there, so that the rest of the crate resolves.
            return quote!(#original #error);
        }
    };
    let (arguments, mut mistake) = match arguments {
        Ok(arguments) => (arguments, None),
        Err(error) => (Arguments::default(), Some(with_code(error))),
    };
    let named = mistake.is_none();
    let runtime = match &arguments.krate {
        Some(path) => quote!(#path),
        None => quote!(::poolcfg_runtime),
    };
    let mut note = |error: syn::Error| match &mut mistake {
        Some(mistake) => mistake.combine(error),
        None => mistake = Some(error),
    };
    item.mistakes.drain(..).map(with_code).for_each(&mut note);
    let value = match source::read() {
        Ok(source) => match source::pool(&source, &arguments) {
            Ok(pool) => item
                .engine
                .map(|engine| value(&source, pool, &item, engine, &runtime)),
            Err(text) => {
                // Which pool is meant is known only when the arguments can be read.
                if named {
                    note(syn::Error::new(arguments.pool_span(item.name.span()), text));
                }
                None
            }
        },
        Err(texts) => {
            for text in texts {
                note(syn::Error::new(item.name.span(), text));
            }
            None
        }
    };
    let (kind, engine) = typed(item.engine.unwrap_or(Engine::Native), &runtime);
    let value = value.unwrap_or_else(|| defaults(&kind, &engine, &runtime));
    let item = item.with(&kind, &value);
    let mistakes = mistake.map(syn::Error::into_compile_error);
    quote!(#item #mistakes)
}

/// What is wrong with the attribute or the item, with the code of it.
fn with_code(error: syn::Error) -> syn::Error {
    let errors = error.into_iter().map(|error| {
        let text = source::told(Code::Attribute, error.to_string(), "");
        syn::Error::new(error.span(), text)
    });
    errors
        .reduce(|mut all, error| {
            all.combine(error);
            all
        })
        .unwrap_or_else(|| unreachable!("a syn::Error is at least one"))
}

/// The limits of one pool. The assertion stands inside of the value, where it is evaluated whether or
/// not the value is used, and its arrow points at the item's name.
fn value(
    source: &FoundConfig,
    pool: usize,
    item: &ConstItem,
    engine: Engine,
    runtime: &TokenStream,
) -> TokenStream {
    let krate = quote!(#runtime::__private);
    let settings = codegen::settings(&source.file, &krate);
    let shown = &source.shown;
    let files = ["Cargo.toml".to_owned(), shown.clone()];
    let files = files.iter().chain(&source.lock).chain(&source.workspace);
    let files = files.map(|file| format!("/{file}"));
    let va_profile = Variable::VA_PROFILE.to_string();
    let (kind, engine) = typed(engine, runtime);
    let assertion = quote_spanned! {item.name.span()=>
        const _: () = PLANNED.must_hold(#shown, #pool, #engine);
    };
    quote! {{
        // The work is bounded, and is more than the lint allows only where many pools shrink.
        #[allow(long_running_const_eval, reason = "bounded")]
        const PLANNED: #krate::PlannedSettings<'static> = #settings
            .va_profile(::core::option_env!(#va_profile))
            .answer(#krate::Target::CURRENT);
        // What the settings were read from: an edit of any compiles the crate again.
        #(const _: &[u8] = ::core::include_bytes!(::core::concat!(
            ::core::env!("CARGO_MANIFEST_DIR"), #files
        ));)*
        #assertion
        #kind::new(PLANNED.promise(#pool, #engine))
    }}
}

/// The limit type of an engine, and the engine.
fn typed(engine: Engine, runtime: &TokenStream) -> (TokenStream, TokenStream) {
    let (kind, engine) = match engine {
        Engine::Native => (quote!(PoolLimits), quote!(Native)),
        Engine::Wasmtime => (quote!(WasmtimeLimits), quote!(Wasmtime)),
    };
    (
        quote!(#runtime::#kind),
        quote!(#runtime::__private::Engine::#engine),
    )
}

/// The value beside a mistake: the defaults, so that the rest of the crate resolves.
fn defaults(kind: &TokenStream, engine: &TokenStream, runtime: &TokenStream) -> TokenStream {
    quote! {
        #kind::new(
            #runtime::__private::Settings::new(&[], &[])
                .answer(#runtime::__private::Target::CURRENT)
                .promise(0, #engine)
        )
    }
}
