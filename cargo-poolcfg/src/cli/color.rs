//! Colors: who says whether there are any.

use std::ffi::OsString;

use anstream::ColorChoice;
use cargo_config2::{Color, Config};

/// Decides for both streams, before anything is parsed: mistakes of the command line are colored, too.
///
/// The first one that is there decides: `--color`, `--config term.color=…`, `CARGO_TERM_COLOR`, and `term.color` of
/// cargo's configuration, as cargo has it. If they leave it open, or say `auto`, it is `NO_COLOR`,
/// `CLICOLOR_FORCE`, `CLICOLOR=0`, and then the terminal.
pub(crate) fn choose(arguments: &[OsString], config: Option<&Config>) {
    let variable = std::env::var("CARGO_TERM_COLOR").ok();
    let of_config = config.and_then(|config| config.term.color);
    chosen(arguments, variable, of_config).write_global();
}

/// What none of them understands is left to the parser, and to cargo.
fn chosen(
    arguments: &[OsString],
    variable: Option<String>,
    of_config: Option<Color>,
) -> ColorChoice {
    let said = flag(arguments, "--color", |value| Some(value))
        .or_else(|| flag(arguments, "--config", of_key))
        .or(variable)
        .or_else(|| of_config.map(|color| color.as_str().to_owned()));
    match said.as_deref() {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

/// The last value of a flag that says anything of colors.
fn flag(arguments: &[OsString], name: &str, of: fn(&str) -> Option<&str>) -> Option<String> {
    let mut said = None;
    let own = arguments.iter().take_while(|word| *word != "--");
    let mut words = own.filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        let value = match word.strip_prefix(name) {
            Some("") => words.next(),
            Some(value) => value.strip_prefix('='),
            None => None,
        };
        said = value.and_then(of).or(said);
    }
    said.map(str::to_owned)
}

/// The value of a `--config` that is about colors.
fn of_key(config: &str) -> Option<&str> {
    let (key, value) = config.split_once('=')?;
    (key.trim() == "term.color").then(|| value.trim().trim_matches(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_there_decides() {
        let of = |words: &str, variable: Option<&str>, config| {
            let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
            chosen(&words, variable.map(str::to_owned), config)
        };
        let never = Some("never");
        for (words, variable, config, said) in [
            ("check", None, None, ColorChoice::Auto),
            ("check", None, Some(Color::Always), ColorChoice::Always),
            ("check", never, Some(Color::Always), ColorChoice::Never),
            (
                "check",
                Some("auto"),
                Some(Color::Always),
                ColorChoice::Auto,
            ),
            (
                "--config term.color=\"always\"",
                never,
                None,
                ColorChoice::Always,
            ),
            (
                "--config=term.color='always'",
                never,
                None,
                ColorChoice::Always,
            ),
            ("--config net.offline=true", never, None, ColorChoice::Never),
            (
                "--color=never --config term.color=always",
                None,
                None,
                ColorChoice::Never,
            ),
            (
                "--color always",
                never,
                Some(Color::Never),
                ColorChoice::Always,
            ),
            (
                "--color never --color always",
                None,
                None,
                ColorChoice::Always,
            ),
            ("why -- ls --color=always", None, None, ColorChoice::Auto),
        ] {
            assert_eq!(
                of(words, variable, config),
                said,
                "{words} {variable:?} {config:?}"
            );
        }
    }
}
