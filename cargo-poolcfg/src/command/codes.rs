//! `--explain CODE`: what a code means, with an example and what to do.

use poolcfg_core::Code;
use poolcfg_core::file::nearest;

use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::context::Context;
use crate::render::envelope::{CodeText, Results};

/// Each code's text stands in a file of its own.
macro_rules! texts {
    ($($code:literal),+ $(,)?) => {
        [$(($code, include_str!(concat!("../../templates/explain/", $code, ".md")))),+]
    };
}

const TEXTS: [(&str, &str); 41] = texts![
    "PC0001", "PC0002", "PC0003", "PC0004", "PC0005", "PC0006", "PC0007", "PC0008", "PC0009",
    "PC0010", "PC0011", "PC0012", "PC0013", "PC0014", "PC0015", "PC0016", "PC0017", "PC0018",
    "PC0019", "PC0020", "PC0021", "PC0022", "PC0023", "PC0024", "PC0025", "PC0026", "PC0027",
    "PC0028", "PC0029", "PC0030", "PC0031", "PC0032", "PC0033", "PC0034", "PC0035", "PC0036",
    "PC0037", "PC0038", "PC0039", "PC0040", "PC0041",
];

/// Prints the text of a code.
///
/// # Errors
/// When there is no such code.
pub(crate) fn run(context: &Context<'_>, code: &str) -> Result<Exit, Error> {
    let found = Code::from_text(code).and_then(|code| Some((code.as_str(), text(code)?)));
    let Some((code, text)) = found else {
        let known = Code::all().map(Code::as_str);
        let help = match nearest(&code.to_uppercase(), known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let last = TEXTS.last().map_or("PC0001", |(code, _)| code);
                format!("codes are `PC0001` to `{last}`, as errors show them")
            }
        };
        let message = format!("no error has the code `{}`", code.escape_default());
        return Err(Error::new(Code::UnknownWord, message, help).exiting(Exit::Usage));
    };
    context.found(|| Results::Code([CodeText { code, text }]));
    context.shell.print(text)?;
    Ok(Exit::Fits)
}

fn text(code: Code) -> Option<&'static str> {
    TEXTS
        .iter()
        .find(|(known, _)| *known == code.as_str())
        .map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_text() {
        for code in Code::all() {
            let text = text(code).unwrap_or_else(|| panic!("{} has no text", code.as_str()));
            assert!(text.starts_with("# "), "{}", code.as_str());
        }
        assert_eq!(TEXTS.len(), Code::all().count());
    }
}
