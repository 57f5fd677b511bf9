//! `--explain CODE`: what a code means, with an example and what to do.

use poolcfg_core::Code;
use poolcfg_core::file::nearest;

use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::context::Context;
use crate::render::envelope::{CodeText, Results};

/// Each code's text is in a file of its own.
macro_rules! texts {
    ($($(#[$doc:meta])+ $name:ident = $code:literal,)+) => {
        &[$((
            Code::$name,
            include_str!(concat!("../../templates/explain/", $code, ".md")),
        )),+]
    };
}

const TEXTS: &[(Code, &str)] = poolcfg_core::codes!(texts);

/// Prints the text of a code.
///
/// # Errors
/// If there is no such code.
pub(crate) fn run(context: &Context<'_>, code: &str) -> Result<Exit, Error> {
    let found = Code::from_text(code).and_then(|code| Some((code.as_str(), text(code)?)));
    let Some((code, text)) = found else {
        let known = Code::all().map(Code::as_str);
        let help = match nearest(&code.to_uppercase(), known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let last = Code::all().last().map_or("PC0001", Code::as_str);
                format!("codes are `PC0001` to `{last}`, as errors and warnings show them")
            }
        };
        let message = format!("unknown code `{}`", code.escape_default());
        return Err(Error::new(Code::UnknownWord, message, help).exiting(Exit::Usage));
    };
    context.found(|| {
        let text = context.program.called(text).into_owned();
        Results::Code([CodeText { code, text }.into()])
    });
    context.shell.explain(text)?;
    Ok(Exit::Fits)
}

fn text(code: Code) -> Option<&'static str> {
    TEXTS
        .iter()
        .find(|(known, _)| *known == code)
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

    /// Paragraphs are filled anew, but nothing breaks a line of code.
    #[test]
    fn code_goes_into_the_columns_of_a_terminal() {
        for (code, text) in TEXTS {
            for code_block in text.split("```").skip(1).step_by(2) {
                for line in code_block.lines() {
                    assert!(line.chars().count() <= 80, "{}: {line}", code.as_str());
                }
            }
        }
    }
}
