//! `--fit`: what to do where less fits than is asked.

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use poolcfg_core::Fit;

use crate::cli::wrap::glued;

/// How pools are made to fit.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct FitFlags {
    /// What to do where less fits than is asked, overriding poolcfg.toml
    #[arg(long, value_name = "WAY", help_heading = "Machine", value_parser = ways())]
    pub(crate) fit: Option<Fit>,
}

fn ways() -> impl TypedValueParser<Value = Fit> {
    let known = Fit::ALL.iter().map(|fit| {
        PossibleValue::new(fit.word()).help(glued(match fit {
            Fit::Fewer => "Fewer instances, in slots as asked",
            Fit::Smaller => {
                "Smaller slots, in which Wasmtime's code checks every access, for as many instances as fit"
            }
            Fit::NoPool => {
                "No pool: Wasmtime reserves each memory on demand; for `check`, `--emit wasmtime-toml` and `wasmtime-flags`"
            }
        }))
    });
    PossibleValuesParser::new(known).try_map(|word| Fit::from_word(&word).ok_or("unknown value"))
}
