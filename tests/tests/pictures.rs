//! Pictures of the terminal in docs/pictures: they show what the commands print.

use std::fs;
use std::process::Command;

use poolcfg_tests::{Package, programs, root};

/// A picture: its name, the poolcfg.toml of the project, the command line, and what it ends with.
type Picture = (&'static str, &'static str, &'static str, i32);

/// Columns of the terminal.
const WIDTH: &str = "84";

const PICTURES: [Picture; 2] = [
    (
        "explain",
        "[pooling_allocator]\nmax_instances = 1000\nmemory_reservation = \"4GiB\"\non_misfit = \"shrink\"\n",
        "explain --target riscv64gc-unknown-linux-gnu",
        0,
    ),
    (
        "misfit",
        "[pooling_allocator]\nmax_instances = 1000\nmemory_reservation = \"4GiB\"\n",
        "check --target riscv64gc-unknown-linux-gnu",
        100,
    ),
];

/// What a terminal shows of a command, as SVG.
fn picture((_, file, command, status): Picture) -> String {
    let project = Package::new("project", "", file, "");
    let output = Command::new(programs().join("cargo-poolcfg"))
        .arg("poolcfg")
        .args(command.split(' '))
        .current_dir(project.path(""))
        .env("COLUMNS", WIDTH)
        .env("CARGO_TERM_COLOR", "always")
        .env("LC_ALL", "C.UTF-8")
        .env_remove("NO_COLOR")
        .env_remove("POOLCFG_VA_PROFILE")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(status), "{output:?}");
    let said = [output.stderr, output.stdout].map(|said| String::from_utf8(said).unwrap());
    let typed = format!("$ cargo poolcfg {command}\n");
    anstyle_svg::Term::new().render_svg(&(typed + &said.concat()))
}

#[test]
fn the_pictures_show_what_the_commands_print() {
    for of in PICTURES {
        let path = root().join(format!("docs/pictures/{}.svg", of.0));
        let svg = picture(of);
        if std::env::var_os("POOLCFG_BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &svg).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == svg,
            "`{}` shows something else: `POOLCFG_BLESS=1 cargo test -p poolcfg-tests --test pictures` makes it anew",
            path.display()
        );
    }
}
