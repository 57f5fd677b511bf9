//! Random files through the attribute itself: a package for each, whose consts the compiler works out, and one program
//! that starts them. What the attribute promises is what the other test judges, and it is kept.
#![forbid(unsafe_code)]

mod common;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use poolcfg_core::{Engine, RelocationModel};
use poolcfg_tests::{Package, root, variable};
use poolcfg_tests_promises::{Asked, Judged, Machine, judge, order};

/// How many files there are where `POOLCFG_PROMISES` does not say how many processes all tests start.
const FILES: u64 = 30;

/// Other files than those of the other test.
const FIRST: u64 = 10_000_000;

/// Files that the build accepts, for a program that cargo links as usual.
fn accepted(machine: &Machine) -> impl Iterator<Item = (u64, Asked, Judged)> {
    (FIRST..).filter_map(move |seed| {
        let asked = Asked::new(seed, machine);
        let judged = judge(&asked.text, machine).ok()?;
        let usual = asked.program == RelocationModel::Pie && asked.stack.is_some();
        usual.then_some((seed, asked, judged))
    })
}

/// A crate with the consts of one file, and of all of its pools as a list.
fn source(judged: &Judged) -> String {
    let mut items = String::new();
    let mut list = String::new();
    for (pool, limits) in judged.case.pools().iter().zip(judged.plan.guaranteed()) {
        let (variant, kind) = match limits.engine() {
            Engine::Native => ("Native", "PoolLimits"),
            Engine::Wasmtime => ("Wasmtime", "WasmtimeLimits"),
        };
        let (arguments, item) = match pool.name {
            "" => (String::new(), "POOL".to_owned()),
            name => (format!("(pool = \"{name}\")"), name.to_uppercase()),
        };
        let _ = write!(
            items,
            "#[pool_limits{arguments}]\npub const {item}: poolcfg_runtime::{kind};\n"
        );
        let _ = write!(list, "Limit::{variant}({item}), ");
    }
    format!(
        "use poolcfg_runtime::pool_limits;\nuse poolcfg_tests_promises::Limit;\n{items}\
         pub const LIMITS: &[Limit] = &[{list}];\n"
    )
}

/// The program: `attribute SEED HEADROOM` tells what is guaranteed; `attribute SEED HEADROOM POOL…` starts pools in this
/// order.
const MAIN: &str = r#"
use poolcfg_runtime::Size;
use poolcfg_tests_promises::{Slots, start};

fn run() -> Result<String, String> {
    let words: Vec<u64> = std::env::args().skip(1).map(|word| word.parse().unwrap()).collect();
    let [seed, headroom, order @ ..] = words.as_slice() else {
        return Err("no seed and no headroom".to_owned());
    };
    let limits = limits(*seed).ok_or("no such seed")?;
    if order.is_empty() {
        let guaranteed: Vec<_> = limits.iter().map(|limits| limits.guaranteed()).collect();
        return Ok(format!("{guaranteed:?}"));
    }
    let order: Vec<usize> = order.iter().map(|pool| usize::try_from(*pool).unwrap()).collect();
    let slots = Slots { opened: 100_000, written: 2000 };
    start(limits, &order, Size::bytes(*headroom), slots).map(|used| format!("used {used}"))
}

fn main() {
    match run() {
        Ok(text) => println!("{text}"),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}
"#;

/// The program in which all of these files are.
fn built(files: &[(u64, Asked, Judged)]) -> PathBuf {
    let paths = [
        ("poolcfg-runtime", "poolcfg-runtime"),
        ("poolcfg-tests-promises", "tests/promises"),
    ];
    let shared: String = paths
        .iter()
        .map(|(name, path)| format!("{name} = {{ path = {:?} }}\n", root().join(path)))
        .collect();
    let mut dependencies = shared.clone();
    let mut arms = String::new();
    for (seed, ..) in files {
        let _ = writeln!(dependencies, "f{seed} = {{ path = \"f{seed}\" }}");
        let _ = writeln!(arms, "{seed} => f{seed}::LIMITS,");
    }
    let package = Package::new("attribute", &dependencies, "", "");
    for (seed, asked, judged) in files {
        let manifest =
            format!("[package]\nname = \"f{seed}\"\nedition = \"2024\"\n[dependencies]\n{shared}");
        package.write(&format!("f{seed}/Cargo.toml"), &manifest);
        package.write(&format!("f{seed}/poolcfg.toml"), &asked.text);
        package.write(&format!("f{seed}/src/lib.rs"), &source(judged));
    }
    let find = "fn limits(seed: u64) -> Option<&'static [poolcfg_tests_promises::Limit]>";
    let main = format!("{find} {{\nSome(match seed {{\n{arms}_ => return None,\n}})\n}}\n{MAIN}");
    package.write("src/main.rs", &main);
    let target = variable("POOLCFG_PROMISES_TARGET").join("attribute");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--manifest-path"])
        .arg(package.path("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env_remove("POOLCFG_VA_PROFILE")
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    target.join("debug/attribute")
}

/// What it tells under the limits that a file names.
fn run(program: &Path, asked: &Asked, words: &[String]) -> Result<String, String> {
    let limits = [
        ("stack", asked.stack),
        ("as", asked.limits.address_space),
        ("data", asked.limits.data),
    ];
    let output = Command::new("prlimit")
        .args(
            limits
                .iter()
                .filter_map(|(name, limit)| Some(format!("--{name}={}:", (*limit)?.get()))),
        )
        .arg(program)
        .args(words)
        .env_clear()
        .output();
    let output = output.unwrap();
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned()),
    }
}

#[test]
fn the_attribute_promises_the_same_and_it_is_kept() {
    let machine = common::here();
    let files = common::processes().map_or(FILES, |processes| processes.div_ceil(50));
    let files: Vec<_> = accepted(&machine)
        .take(usize::try_from(files).unwrap())
        .collect();
    let program = built(&files);
    let run = |asked: &Asked, words: &[String]| run(&program, asked, words);
    let mut failures = String::new();
    for (seed, asked, judged) in &files {
        let headroom = judged.case.budget.headroom.get();
        let first = [seed.to_string(), headroom.to_string()];
        let told = run(asked, &first);
        assert_eq!(
            told,
            Ok(format!("{:?}", judged.plan.guaranteed())),
            "{seed}"
        );
        for number in 0..2 {
            let order = order(&judged.pools, *seed, number);
            let order = order.iter().map(usize::to_string);
            let words: Vec<String> = first.iter().cloned().chain(order).collect();
            if let Err(error) = run(asked, &words) {
                let _ = writeln!(
                    failures,
                    "seed {seed}, order {number}: {error}\n{}",
                    asked.text
                );
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
