//! The page of the commands: what `--help` says, as tables.

use clap::{Arg, Command};

use super::{is_current, page, table};
use crate::cli::args::alone;

const PATH: &str = "docs/commands.md";

/// A flag as it is written, with what it takes.
fn flag(arg: &Arg) -> String {
    let long = arg.get_long().map(|long| format!("--{long}"));
    let short = arg.get_short().map(|short| format!("-{short}"));
    let names: Vec<_> = short.into_iter().chain(long).collect();
    let takes = arg
        .get_num_args()
        .is_some_and(|number| number.takes_values());
    let value = match arg.get_value_names() {
        Some(names) if takes => names.join(" ").to_string(),
        _ => String::new(),
    };
    let dots = match arg.get_num_args() {
        Some(number) if number.max_values() > 1 => "…",
        _ => "",
    };
    format!("`{} {value}{dots}`", names.join(", "))
        .replace("` ", "`")
        .replace(" `", "`")
}

/// What a flag does, and the words that it takes.
fn about(arg: &Arg) -> String {
    let text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let words: Vec<_> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    match words.is_empty() || !arg.get_action().takes_values() {
        true => text,
        false => format!("{text}. One of {}", words.join(", ")),
    }
}

/// The statuses that a command ends with.
fn ended(command: &Command) -> String {
    let text = command.get_after_help().map(ToString::to_string);
    text.unwrap_or_default()
}

fn flags<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let seen = arguments.filter(|arg| !arg.is_hide_set() && arg.get_id() != "help");
    table(
        ["flag", "what it does"],
        seen.map(|arg| [flag(arg), about(arg)]),
    )
}

/// The commands that `--help` lists, and each with the flags that are its own.
fn text(command: &Command) -> String {
    let listed = || {
        let all = command.get_subcommands();
        all.filter(|command| !command.is_hide_set() && command.get_name() != "help")
    };
    let told = |command: &Command| {
        command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default()
    };
    let rows = listed().map(|command| {
        let name = command.get_name();
        [format!("[`{name}`](#{name})"), told(command)]
    });
    let mut text = format!(
        "Each is called as `cargo poolcfg COMMAND`, or as `poolcfg COMMAND` where there is no cargo.\n\n{}",
        table(["command", "what it does"], rows)
    );
    for command in listed() {
        let own = command.get_arguments().filter(|arg| !arg.is_global_set());
        text += &format!(
            "\n## {}\n\n{}.\n\n{}\n{}\n",
            command.get_name(),
            told(command),
            flags(own),
            ended(command)
        );
    }
    // What stands for `generate` has its flags too.
    let of_generate = |arg: &&Arg| {
        let generate = command.find_subcommand("generate");
        let mut flags = generate.into_iter().flat_map(Command::get_arguments);
        flags.any(|flag| flag.get_id() == arg.get_id())
    };
    let own = command.get_arguments().filter(|arg| !arg.is_global_set());
    text += &format!(
        "\n## Without a command\n\nThe flags of `generate`, and:\n\n{}\n{}\n",
        flags(own.filter(|arg| !of_generate(arg))),
        ended(command)
    );
    let global = command.get_arguments().filter(|arg| arg.is_global_set());
    text + &format!("\n## Every command\n\n{}", flags(global))
}

#[test]
fn the_page_is_current() {
    let mut command = alone();
    command.build();
    let text = text(&command);
    is_current(PATH, &page("Commands", "the command line", &text));
}
