//! What is installed beside the program: completions, man pages, and the link by which cargo finds it.

use std::fs;
use std::process::Command;

mod common;

use common::{Folder, commands, program, ran};

/// What bash offers where the last word is to be completed.
fn completed(line: &[&str]) -> Vec<String> {
    let folder = Folder::new();
    let script = ran(program("poolcfg", folder.root()).args(["completions", "bash"]));
    folder.write("poolcfg.bash", &script.ends(0).stdout);
    let mut bash = Command::new("bash");
    // As bash calls the function: with the command, the word and the one before it.
    bash.arg("-c")
        .arg(
            ". ./poolcfg.bash; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1))\n\
             function=$(complete -p poolcfg | sed 's/.* -F \\([^ ]*\\) .*/\\1/')\n\
             $function poolcfg \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"\n\
             printf '%s\\n' \"${COMPREPLY[@]}\"",
        )
        .arg("bash")
        .args(line);
    let offered = ran(bash.current_dir(folder.root()));
    offered.ends(0).stdout.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_flags_words_and_commands() {
    assert_eq!(completed(&["poolcfg", "check", "--tar"]), ["--target"]);
    assert_eq!(completed(&["poolcfg", "pro"]), ["profiles", "probe"]);
    let kinds = completed(&["poolcfg", "generate", "--emit", "wasmtime"]);
    assert_eq!(kinds, ["wasmtime-toml", "wasmtime-flags"]);
    assert!(
        completed(&["poolcfg", "check", "--no-such"])
            .iter()
            .all(String::is_empty)
    );
}

#[test]
fn each_shell_has_a_script_and_json_has_none() {
    let folder = Folder::new();
    let run = |arguments: &[&str]| ran(program("poolcfg", folder.root()).args(arguments));
    for (shell, part) in [
        ("zsh", "#compdef poolcfg\n"),
        ("fish", "complete -c poolcfg "),
    ] {
        let ran = run(&["completions", shell]);
        assert!(ran.ends(0).stdout.contains(part), "{ran:#?}");
    }
    let json = ["completions", "zsh", "--message-format", "json"];
    run(&json).ends(2).json();
    run(&["completions", "cmd.exe"]).ends(2).says("bash");
    // The shell is called alike where it is missing and where it is explained.
    let missing = run(&["completions"]);
    missing.ends(2).says("<SHELL>").says_nothing_of("[SHELL]");
    let help = run(&["completions", "-h"]);
    assert!(
        help.stdout.contains("<SHELL>") && !help.stdout.contains("[SHELL]"),
        "{help:#?}"
    );
}

#[test]
fn every_command_has_a_man_page() {
    let folder = Folder::new();
    let run = |arguments: &[&str]| ran(program("poolcfg", folder.root()).args(arguments));
    run(&["man", "a/man1"])
        .ends(0)
        .says("wrote the man pages into a/man1\n");
    let mut pages: Vec<_> = fs::read_dir(folder.path("a/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let help = run(&["--help"]).stdout;
    let listed = commands(&help);
    let mut expected: Vec<_> = listed.map(|name| format!("poolcfg-{name}.1")).collect();
    expected.push("poolcfg.1".to_owned());
    expected.sort();
    assert_eq!(pages, expected);
    assert!(pages.len() > 5);
    for page in pages {
        let text = folder.read(&format!("a/man1/{page}"));
        let name = page.strip_suffix(".1").unwrap();
        assert!(text.contains(&format!(".TH {name} 1 ")), "{text}");
        let footer = format!("\"poolcfg {}\"", env!("CARGO_PKG_VERSION"));
        let title = text.lines().find(|line| line.starts_with(".TH "));
        assert!(title.is_some_and(|line| line.contains(&footer)), "{text}");
        let (_, statuses) = text.split_once(".SH \"EXIT STATUS\"\n").unwrap();
        assert!(statuses.contains("2 for wrong usage"), "{statuses}");
        assert!(!text.contains("EXTRA"), "{text}");
    }
    // What is typed after a synopsis is no mistake.
    for (page, usage) in [
        ("why", "poolcfg why [OPTIONS] -- <COMMAND>..."),
        ("inspect", "poolcfg inspect [OPTIONS] <FILE>..."),
        ("completions", "poolcfg completions [OPTIONS] <SHELL>"),
    ] {
        let text = folder.read(&format!("a/man1/poolcfg-{page}.1"));
        let (_, text) = text.split_once(".SH SYNOPSIS\n").unwrap();
        let (synopsis, _) = text.split_once("\n.SH ").unwrap();
        let plain = ["\\fB", "\\fR", "\\"];
        let synopsis = plain
            .iter()
            .fold(synopsis.to_owned(), |text, code| text.replace(code, ""));
        assert!(synopsis.contains(usage), "{synopsis}");
    }
    folder.write("file", "");
    run(&["man", "file/man1"])
        .ends(101)
        .says("cannot write `file/man1`");
}

/// On a board there is no cargo.
#[test]
fn the_plain_name_is_explained_without_cargo() {
    let folder = Folder::new();
    for flag in ["-h", "--help"] {
        let help = ran(program("poolcfg", folder.root()).arg(flag)).stdout;
        let (about, _) = help.split_once("\nUsage: ").unwrap();
        assert!(about.contains("this machine"), "{about}");
        for word in ["ubcommand that", "proven"] {
            assert!(!about.contains(word), "{about}");
        }
    }
}

/// An archive has the program once.
#[cfg(unix)]
#[test]
fn a_link_of_the_name_is_the_subcommand() {
    let folder = Folder::new();
    let link = folder.path("cargo-poolcfg");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_poolcfg"), &link).unwrap();
    let of_cargo = ran(Command::new(&link).args(["poolcfg", "--help"]));
    assert!(
        of_cargo.ends(0).stdout.contains("cargo poolcfg"),
        "{of_cargo:#?}"
    );
    ran(Command::new(env!("CARGO_BIN_EXE_poolcfg")).args(["poolcfg", "--help"])).ends(2);
}
