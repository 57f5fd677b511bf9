//! The example, built for a target by the ordinary command of cargo: its constants are those that our command
//! prints for that target, and it serves on the target's smallest kernel. The command that is distributed says there
//! what it says here of that target.

use std::fs;
use std::path::Path;
use std::process::Command;

use poolcfg_core::Size;
use poolcfg_tests::{Package, root};
use poolcfg_tests_kernels::Program;
use serde_json::Value;
use tempfile::TempDir;

use crate::commands;
use crate::initramfs::Image;
use crate::kernel::{ARCHITECTURES, X86_64, floors, held_floors};
use crate::programs;

const EXAMPLE: &str = "examples/slot-server";

/// What is asked of the command itself.
const WASMTIME: [&str; 4] = ["--engine", "wasmtime", "--engine-version", "48"];

/// What our command prints of the example for a target.
fn printed(target: &str) -> Value {
    result(&root().join(EXAMPLE), &["--target", target])
}

/// The one result of our command in a folder.
fn result(folder: &Path, arguments: &[&str]) -> Value {
    let mut poolcfg = Command::new(poolcfg_tests::programs().join("poolcfg"));
    poolcfg
        .current_dir(folder)
        .args(arguments)
        .args(["--emit", "json"])
        .env_remove("POOLCFG_VA_PROFILE");
    let output = poolcfg.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    only_result(&output.stdout)
}

/// The result in an object of one.
fn only_result(text: &[u8]) -> Value {
    let mut document: Value = serde_json::from_slice(text).unwrap();
    assert_eq!(document["results"].as_array().unwrap().len(), 1);
    document["results"][0].take()
}

/// The line in which the example tells limits.
fn line(word: &str, limits: &Value) -> String {
    let size = |name: &str| Size::bytes(limits[name].as_u64().unwrap());
    format!(
        "{word}: {} slots of {}, {} between them\n",
        limits["max_instances"],
        size("memory_reservation"),
        size("guard_size")
    )
}

#[test]
#[ignore = "needs compilers, emulators and kernels: cargo xtask kernels"]
fn a_release_has_the_constants_that_the_command_prints_for_its_target() {
    let mut guaranteed = Vec::new();
    let empty = TempDir::new().unwrap();
    for kernel in held_floors() {
        let architecture = kernel.architecture;
        let image = Image::new(architecture)
            .file("slot-server", &programs::example(architecture))
            .file("poolcfg", &programs::distributed(architecture));
        let here = format!("/poolcfg --here {} --emit json", WASMTIME.join(" "));
        let commands = [
            "/slot-server --limits",
            "/slot-server --self-test 200",
            &here,
        ];
        let outcomes = commands::run(kernel, "example", image, &commands).unwrap();

        let printed = printed(architecture.target);
        assert_eq!(printed["va_profile"], kernel.profile);
        assert_eq!(
            outcomes[0].succeeded().unwrap(),
            line("guaranteed", &printed["limits"]) + &line("asked", &printed["asked"])
        );

        let served = outcomes[1].succeeded().unwrap();
        assert!(served.ends_with("\n200 requests answered\n"), "{served}");
        let slots = served.split(' ').next().unwrap();
        let slots: u64 = slots.parse().unwrap();
        let promised = printed["limits"]["max_instances"].as_u64().unwrap();
        assert!(slots >= promised, "{slots} of {promised}");
        guaranteed.push(promised);

        let of_kernel = only_result(outcomes[2].succeeded().unwrap().as_bytes());
        let target = ["--target", architecture.target];
        let of_target = result(empty.path(), &[&target, &WASMTIME[..]].concat());
        assert_eq!(of_kernel["limits"], of_target["limits"]);
    }
    // One file, and constants of its own for each target.
    assert!(
        guaranteed.is_sorted_by(|less, more| less < more),
        "{guaranteed:?}"
    );
}

#[test]
#[ignore = "needs compilers, emulators and kernels: cargo xtask kernels"]
fn the_same_build_fails_when_the_floor_cannot_hold_the_pool() {
    let read = |file: &str| fs::read_to_string(root().join(EXAMPLE).join(file)).unwrap();
    let shrink = read("poolcfg.toml");
    let error = shrink.replace("on_misfit = \"shrink\"", "on_misfit = \"error\"");
    assert_ne!(error, shrink);
    let package = Package::new("too-large-server", &Package::runtime(), &error, "");
    fs::remove_file(package.path("src/lib.rs")).unwrap();
    for file in ["client", "limits", "main", "protocol", "server"] {
        let file = format!("src/{file}.rs");
        package.write(&file, &read(&file));
    }
    for kernel in floors() {
        let build = || {
            let mut build = programs::cargo(kernel.architecture, "build");
            let output = build
                .current_dir(package.path(""))
                .arg("--release")
                .output();
            let output = output.unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            (output.status.success(), said)
        };
        package.write("poolcfg.toml", &error);
        let (built, said) = build();
        assert!(!built, "{}", kernel.profile);
        assert!(said.contains("pool needs 3.94 TiB"), "{said}");
        let fits = said.split("max_instances = ").nth(1).unwrap();
        let fits: String = fits.chars().take_while(char::is_ascii_digit).collect();
        // What it says fits builds, and one more does not.
        let fits: u32 = fits.parse().unwrap();
        for (number, expected) in [(fits, true), (fits + 1, false)] {
            package.write("poolcfg.toml", &error.replace("1000", &number.to_string()));
            let (built, said) = build();
            assert_eq!(built, expected, "{number}: {said}");
        }
    }
}

/// What `--program` tells of the example, of three architectures and however it is linked.
#[test]
#[ignore = "needs compilers, emulators and kernels: cargo xtask kernels"]
fn a_program_is_told_as_it_was_built() {
    let poolcfg = poolcfg_tests::programs().join("poolcfg");
    for architecture in ARCHITECTURES.into_iter().chain([&X86_64]) {
        for program in Program::ALL {
            let bytes = programs::build_of("slot-server", architecture, "slot-server", program);
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("told");
            fs::create_dir_all(&folder).unwrap();
            let file = folder.join(format!("{}-{}", architecture.name, program.word()));
            fs::write(&file, bytes).unwrap();
            let mut command = Command::new(&poolcfg);
            command
                .current_dir(&folder)
                .env_clear()
                .args(["--emit", "json", "--program"])
                .arg(&file);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{command:?} {output:?}");
            let json: Value = serde_json::from_slice(&output.stdout).unwrap();
            let (told, result) = (&json["inspected"][0], &json["results"][0]);
            let linkage = match program {
                Program::Pie => "dynamic",
                Program::StaticPie | Program::Static => "static",
            };
            assert_eq!(told["linkage"], linkage, "{json:#}");
            let model = program.relocation_model().word();
            assert_eq!(told["relocation_model"], model, "{json:#}");
            assert_eq!(told["wasmtime_versions"], Value::Array(Vec::new()));
            assert_eq!(result["target"], architecture.target, "{json:#}");
            assert_eq!(result["shape"]["relocation_model"], model, "{json:#}");
        }
    }
}
