//! The texts of `--explain`: what they show works as they say.

mod common;

use common::{Folder, Ran, program, ran};

const BOARD: &str = "riscv64gc-unknown-linux-gnu";

fn poolcfg(folder: &Folder, arguments: &[&str]) -> Ran {
    ran(program("poolcfg", folder.root()).args(arguments))
}

/// A block of code in a text.
struct Block {
    code: String,
    kind: String,
    text: String,
}

/// Those of all codes.
fn blocks() -> Vec<Block> {
    let folder = Folder::new();
    let mut blocks = Vec::new();
    for number in 1.. {
        let code = format!("PC{number:04}");
        let json = ["--explain", &code, "--message-format", "json"];
        let explained = poolcfg(&folder, &json);
        if explained.status != 0 {
            break;
        }
        let result = explained.only_result();
        let text = result["text"].as_str().unwrap();
        for block in text.split("```").skip(1).step_by(2) {
            let (kind, text) = block.split_once('\n').unwrap();
            blocks.push(Block {
                code: code.clone(),
                kind: kind.to_owned(),
                text: text.to_owned(),
            });
        }
    }
    assert!(blocks.len() > 40, "{}", blocks.len());
    blocks
}

/// The code of each error of a run.
fn errors(ran: &Ran) -> Vec<String> {
    let json = ran.json();
    let told = json["diagnostics"].as_array().unwrap().iter();
    let told = told.filter(|one| one["level"] == "error");
    told.map(|one| one["code"].as_str().unwrap().to_owned())
        .collect()
}

/// A file is taken, or refused with the code that it is an example of.
#[test]
fn every_file_is_taken_or_has_its_own_mistake() {
    for block in blocks().iter().filter(|block| block.kind == "toml") {
        let folder = Folder::new();
        let mut arguments = vec!["check", "--message-format", "json"];
        if block.text.contains("[package.metadata") {
            let manifest = "[package]\nname = \"project\"\nedition = \"2024\"\n[workspace]\n";
            folder.write("project/Cargo.toml", &format!("{manifest}{}", block.text));
            folder.write("project/src/lib.rs", "");
            folder.write("poolcfg.toml", "");
            arguments.extend(["--manifest-path", "project/Cargo.toml"]);
        } else {
            let is_of_pool = !block.text.contains('[');
            let header = if is_of_pool {
                "[pooling_allocator]\n"
            } else {
                ""
            };
            folder.write("poolcfg.toml", &format!("{header}{}", block.text));
            let says = |key: &str| block.text.contains(&format!("{key} = \""));
            let is_of_wasmtime = says("engine") || block.text.contains(".wasmtime]");
            if is_of_wasmtime && !says("engine") {
                arguments.extend(["--engine", "wasmtime"]);
            }
            if is_of_wasmtime && !says("version") {
                arguments.extend(["--engine-version", "48"]);
            }
        }
        // What an example is of may be one target alone.
        let targets: &[&str] = match block.text.contains("[target.") {
            true => &[""],
            false => &[BOARD, "x86_64-unknown-linux-gnu"],
        };
        let runs = targets.iter().map(|target| {
            let target = match target.is_empty() {
                true => vec![],
                false => vec!["--target", target],
            };
            poolcfg(&folder, &[&arguments[..], &target].concat())
        });
        let wrong: Vec<_> = runs
            .map(|ran| errors(&ran))
            .filter(|errors| errors.iter().any(|error| *error != block.code))
            .collect();
        assert!(
            wrong.len() < targets.len(),
            "{wrong:?} {}: {}",
            block.code,
            block.text
        );
    }
}

#[test]
fn every_template_is_rendered() {
    for block in blocks().iter().filter(|block| block.kind == "jinja") {
        let folder = Folder::new();
        folder.write("example.jinja", &block.text);
        let ran = poolcfg(&folder, &["--template", "example.jinja", "--target", BOARD]);
        assert!(ran.ends(0).stdout.starts_with(BOARD), "{ran:#?}");
    }
}

/// A command that names nothing of its reader's runs as it stands, and of the others the flags are known.
#[test]
fn every_command_is_one() {
    let mut commands = 0;
    for block in blocks() {
        let lines = block.text.lines().map(|line| line.trim_start_matches("$ "));
        for line in lines.filter(|line| line.starts_with("poolcfg ")) {
            commands += 1;
            let folder = Folder::new();
            let words: Vec<&str> = line.split(' ').skip(1).collect();
            let ran = poolcfg(&folder, &words);
            // 2 is wrong usage, which the text of PC0049 alone is about.
            assert!(
                ran.status != 2 && !ran.stderr.contains("PC0049"),
                "{ran:#?}"
            );
        }
    }
    assert!(commands > 3, "{commands}");
}

/// Rust that is shown is at least Rust.
#[test]
fn every_piece_of_rust_is_read() {
    for block in blocks().iter().filter(|block| block.kind == "rust") {
        assert!(
            block.text.parse::<proc_macro2::TokenStream>().is_ok(),
            "{}: {}",
            block.code,
            block.text
        );
    }
}

/// What a template names and the data does not have is told by its name and its place.
#[test]
fn what_a_template_names_wrongly_has_its_place() {
    let folder = Folder::new();
    for (template, said) in [
        ("a\n{{ results[0].guaranteed.max }}\n", "e.jinja:2:"),
        ("{% for %}", "e.jinja:1:"),
        ("{{ results|nofilter }}", "nofilter"),
    ] {
        folder.write("e.jinja", template);
        let ran = poolcfg(&folder, &["--template", "e.jinja", "--target", BOARD]);
        ran.ends(101).says("error[PC0046]: ").says(said);
    }
    let inside = "{% for pool in results %}{{ pool.guaranteed.max_instances }}{% endfor %}";
    folder.write("e.jinja", inside);
    poolcfg(&folder, &["--template", "e.jinja", "--target", BOARD]).says("guaranteed");
    folder.write("e.jinja", "{{ results[0].guaranteed.max_instances }}\n");
    poolcfg(&folder, &["--template", "e.jinja", "--target", BOARD]).says("`results[0].guaranteed`");
}
