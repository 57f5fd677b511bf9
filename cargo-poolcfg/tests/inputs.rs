//! What the command is given by others: files that never end, lists that are too long, and texts that would move
//! the cursor of a terminal.

mod common;

use std::process::Command;

use common::{Folder, Ran, program, ran};

const X86_64: &str = "x86_64-unknown-linux-gnu";

fn command(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = program("poolcfg", folder.root());
    command.args(arguments);
    command
}

fn check(folder: &Folder) -> Ran {
    ran(&mut command(folder, &["check", "--target", X86_64]))
}

/// Nothing that a terminal obeys, but for the ends of lines.
#[track_caller]
fn is_plain(ran: &Ran) {
    for text in [&ran.stdout, &ran.stderr] {
        let obeyed =
            |char: &char| char.is_control() && *char != '\n' || "\u{202e}\u{2028}".contains(*char);
        assert_eq!(text.chars().find(obeyed), None, "{ran:#?}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_not_a_regular_file_is_refused() {
    let folder = Folder::new();
    let path = |name: &str| folder.path(name).to_str().unwrap().to_owned();
    assert!(
        Command::new("mkfifo")
            .arg(path("pipe"))
            .status()
            .unwrap()
            .success()
    );
    folder.write("folder/file", "");
    std::os::unix::fs::symlink("/dev/zero", path("endless")).unwrap();
    folder.write("poolcfg.toml", "");
    for name in ["pipe", "folder", "endless"] {
        let template = ["--target", X86_64, "--template", name];
        ran(&mut command(&folder, &template))
            .ends(101)
            .says("PC0022")
            .says(&format!(
                "cannot read template `{name}`: it is not a regular file"
            ));
        ran(&mut command(&folder, &["--target", X86_64, "-o", name]))
            .ends(101)
            .says("PC0022")
            .says(&format!("cannot write `{name}`: it is not a regular file"));
        // A spec is told by its name.
        let spec = format!("{name}.json");
        std::fs::rename(path(name), path(&spec)).unwrap();
        ran(&mut command(&folder, &["check", "--target", &spec]))
            .ends(101)
            .says("it is not a regular file");
        std::fs::remove_file(path("poolcfg.toml")).unwrap();
        std::fs::rename(path(&spec), path("poolcfg.toml")).unwrap();
        check(&folder)
            .ends(101)
            .says("poolcfg.toml`: it is not a regular file");
        std::fs::rename(path("poolcfg.toml"), path(name)).unwrap();
        folder.write("poolcfg.toml", "");
    }
}

/// A link to a regular file stays one, and what it points at is replaced.
#[cfg(unix)]
#[test]
fn a_link_to_a_file_is_written_through() {
    let folder = Folder::new();
    folder.write("file", "");
    std::os::unix::fs::symlink("file", folder.path("link")).unwrap();
    ran(&mut command(&folder, &["--target", X86_64, "-o", "link"])).ends(0);
    assert!(folder.path("link").is_symlink());
    assert!(folder.read("file").starts_with("// @generated"));
}

#[test]
fn a_file_of_gigabytes_is_refused_unread() {
    let folder = Folder::new();
    let sparse = std::fs::File::create(folder.path("poolcfg.toml")).unwrap();
    sparse.set_len(5 << 30).unwrap();
    check(&folder)
        .ends(101)
        .says("poolcfg.toml`: it has more than 16 MiB");
}

#[cfg(unix)]
#[test]
fn a_path_does_not_begin_a_line_of_its_own() {
    let folder = Folder::new();
    let arguments = ["--target", X86_64, "-o", "x\u{1b}c\nerror: forged"];
    let ran = ran(&mut command(&folder, &arguments));
    ran.ends(0).says(r"wrote x\u{1b}c\nerror: forged");
    is_plain(&ran);
}

#[test]
fn lists_that_are_too_long_are_not_read() {
    let folder = Folder::new();
    let many = |table: fn(u32) -> String| (0..100_000).map(table).collect::<String>();
    for (text, message, count) in [
        (
            many(|number| format!("[pool.p{number}]\nmax_instance = 1\n")),
            "more than 16 pools",
            1,
        ),
        (
            many(|number| format!("[va_profile.p{number}]\nwindows = 1\n")),
            "more than 16 profiles",
            1,
        ),
        (
            many(|number| format!("[target.t{number}.pooling_allocator]\nmax_instance = 1\n")),
            "unknown target `t0`",
            100,
        ),
        (
            many(|number| format!("[t{number}]\n")),
            "unknown key `t0` in the file",
            100,
        ),
    ] {
        folder.write("poolcfg.toml", &text);
        let ran = check(&folder);
        ran.ends(101).says(message);
        let errors = ran.stderr.matches("error[").count();
        assert_eq!(errors, count, "{message}");
    }
}

#[test]
fn a_template_that_never_ends_is_stopped() {
    let folder = Folder::new();
    folder.write("poolcfg.toml", "");
    let render = |template: &str| {
        folder.write("template", template);
        ran(&mut command(
            &folder,
            &["--target", X86_64, "--template", "template"],
        ))
    };
    let rounds =
        "{% for i in range(10000) %}{% for j in range(10000) %}{{ i * j }}{% endfor %}{% endfor %}";
    for template in [rounds, "{{ 'x' * 100000000000 }}"] {
        let ran = render(template);
        ran.ends(101)
            .says("the template takes more than")
            .says("`10000000` steps");
        assert_eq!(ran.stdout, "");
    }
    // As long as anybody's.
    let rounds = "{% for i in range(10000) %}{{ results[0].limits.max_instances }}\n{% endfor %}";
    assert_eq!(render(rounds).ends(0).stdout.lines().count(), 10_000);
}

/// What a terminal would obey: clears the screen, begins a line, turns the direction of text.
const OBEYED: &str = "64\u{1b}[2J\u{7}\u{9b}31m\r\nerror: \u{202e}fits\u{2028}";

const ESCAPED: &str = r"64\u{1b}[2J\u{7}\u{9b}31m\r\nerror: \u{202e}fits\u{2028}";

#[test]
fn texts_of_others_are_escaped_in_messages() {
    let folder = Folder::new();
    let toml: String = OBEYED
        .chars()
        .map(|char| format!("\\U{:08x}", u32::from(char)))
        .collect();
    for text in [
        format!("[pooling_allocator]\nmemory_reservation = \"{toml}\"\n"),
        format!("[pooling_allocator]\non_misfit = \"{toml}\"\n"),
        format!("[pooling_allocator]\n\"{toml}\" = 1\n"),
        format!("[\"{toml}\"]\n"),
        format!("[address_space]\nva_profile = \"{toml}\"\n"),
        format!("[target.\"{toml}\".pooling_allocator]\n"),
        format!("[target.\"cfg(target_os = '{toml}')\".pooling_allocator]\n"),
        format!("[pooling_allocator.wasmtime]\nversion = \"{toml}\"\n"),
        format!("[pooling_allocator.wasmtime]\nfeatures = [\"{toml}\"]\n"),
        format!("[pool.\"{toml}\"]\n"),
        format!("[va_profile.\"{toml}\"]\n"),
        // Not TOML at all.
        format!("[pooling_allocator]\nmax_instances = {OBEYED}\n"),
    ] {
        folder.write("poolcfg.toml", &text);
        let ran = check(&folder);
        ran.ends(101).says("error[PC");
        is_plain(&ran);
    }
    folder.write(
        "poolcfg.toml",
        &format!("[pooling_allocator]\nmemory_reservation = \"{toml}\"\n"),
    );
    check(&folder).says(ESCAPED);
}

#[test]
fn values_of_variables_and_arguments_are_escaped_in_messages() {
    let folder = Folder::new();
    folder.write("poolcfg.toml", "");
    let mut profile = command(&folder, &["check", "--target", X86_64]);
    let profile = ran(profile.env("POOLCFG_VA_PROFILE", OBEYED));
    profile.ends(101).says("unknown VA profile").says(ESCAPED);
    let mut target = command(&folder, &["check"]);
    let target = ran(target.env("CARGO_BUILD_TARGET", OBEYED));
    target.ends(101).says(ESCAPED);
    let explained = ran(&mut command(&folder, &["--explain", OBEYED]));
    let unknown = ran(&mut command(
        &folder,
        &["check", "--target", X86_64, "--aslr", OBEYED],
    ));
    let template = ran(&mut command(&folder, &["--template", OBEYED]));
    for ran in [profile, target, explained, unknown, template] {
        assert_ne!(ran.status, 0);
        is_plain(&ran);
    }
}
