//! Templates: minijinja, with the data of the JSON.
//!
//! What a template names and the data does not have is an error. Beside minijinja's own filters there is
//! `size`: bytes as poolcfg.toml writes them, such as `4GiB`.

use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use poolcfg_core::file::read_text;
use poolcfg_core::{Code, Size};
use serde::Serialize;

use crate::cli::error::Error;
use crate::cli::path::shown;

/// How many steps a template may take: about one for each instruction and for each 64 bytes of text. Ours
/// take a few thousand for each pool.
const FUEL: u64 = 10_000_000;

/// The user's own text.
///
/// # Errors
/// When the template cannot be read or rendered.
pub(crate) fn render_file<T: Serialize>(path: &Path, data: &T) -> Result<String, Error> {
    let template = read_text(path).map_err(|error| Error::unread("template", path, &error))?;
    render(&shown(path), &template, data).map_err(|cause| match cause {
        Cause::OutOfFuel => Error::new(
            Code::Template,
            format!("the template takes more than `{FUEL}` steps"),
            "shorten its loops",
        ),
        Cause::Other(cause) => Error::new(
            Code::Template,
            format!("cannot render the template: {cause}"),
            "templates get the data that `--emit json` prints",
        ),
    })
}

/// A text from a template of ours.
///
/// # Errors
/// When the template and its data do not go together, which a test keeps from happening.
pub(crate) fn render_own<T: Serialize>(
    (name, template): (&str, &str),
    data: &T,
) -> Result<String, Error> {
    render(name, template, data).map_err(|cause| {
        let cause = match cause {
            Cause::OutOfFuel => "it is too long".to_owned(),
            Cause::Other(cause) => cause,
        };
        Error::new(
            Code::Io,
            format!("cannot render the template `{name}`: {cause}"),
            "this is a bug in poolcfg: please report it",
        )
    })
}

/// Why a template is not rendered.
enum Cause {
    /// It takes more than [`FUEL`] steps.
    OutOfFuel,
    /// What minijinja says.
    Other(String),
}

fn render<T: Serialize>(name: &str, template: &str, data: &T) -> Result<String, Cause> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // A file that is rendered ends as its template does.
    if let Ok(syntax) = minijinja::syntax::SyntaxConfig::builder()
        .keep_trailing_newline(true)
        .build()
    {
        environment.set_syntax(syntax);
    }
    environment.add_filter("size", |bytes: u64| {
        Size::bytes(bytes).exact().as_str().to_owned()
    });
    // None of the texts is HTML, whatever the file is called.
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment
        .render_named_str(name, template, Serde(data))
        .map_err(|error| match std::error::Error::source(&error) {
            _ if error.kind() == ErrorKind::OutOfFuel => Cause::OutOfFuel,
            Some(cause) => Cause::Other(format!("{error}: {cause}")),
            None => Cause::Other(error.to_string()),
        })
}
