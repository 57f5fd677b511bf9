//! `inspect` judged by real Wasmtime, over files that nobody here made: what it says is what
//! `resources_required` says, a pool of exactly these counts holds so many instances, and with one less of any
//! count one is refused.

#[path = "../../../cargo-poolcfg/tests/common/calls.rs"]
mod calls;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use calls::chain;
use poolcfg_tests_wasmtime::embedder::Embedder;
use poolcfg_tests_wasmtime::newest;
use poolcfg_tests_wasmtime::release::Release;
use poolcfg_tests_wasmtime::setup::output;
use poolcfg_tests_wasmtime::wasm_files::{all, compile, compile_newest, inspect};
use serde_json::Value;

/// What cannot be judged, by a part of the path, and the reason.
const NOT_JUDGED: &[(&str, &str)] = &[
    (
        "guest.component.wasm",
        "a component of an early draft, which no tool reads any more",
    ),
    (
        "avif_enc_mt.wasm",
        "its memory is shared and the host's, and the embedder is without threads",
    ),
    (
        "parser.wasm32-wasi.wasm",
        "its memory is shared and the host's, and the embedder is without threads",
    ),
    (
        "pyodide.asm.wasm",
        "it throws exceptions of the old kind, which Wasmtime does not compile",
    ),
];

/// How many instances are made.
const INSTANCES: &str = "3";

/// What the real thing says of a file.
struct Judged {
    lines: Vec<(String, String)>,
}

impl Judged {
    fn new(program: &Path, compiled: &Path, result: &Value) -> Result<Self, String> {
        let heaps = if result["gc"] == true { "1" } else { "0" };
        Self::with_heaps(program, compiled, result, heaps)
    }

    fn with_heaps(
        program: &Path,
        compiled: &Path,
        result: &Value,
        heaps: &str,
    ) -> Result<Self, String> {
        let number = |key: &str| result[key].to_string();
        let mut needs = Command::new(program);
        needs
            .arg(compiled)
            .arg(result["kind"].as_str().unwrap_or_default());
        for key in ["core_instances", "memories", "tables", "table_elements"] {
            needs.arg(number(key));
        }
        let said = output(needs.arg(heaps))?;
        let lines = said.lines().filter_map(|line| line.split_once(": "));
        Ok(Self {
            lines: lines
                .map(|(name, said)| (name.to_owned(), said.to_owned()))
                .collect(),
        })
    }

    fn line(&self, name: &str) -> &str {
        let found = self.lines.iter().find(|(line, _)| line == name);
        found.map_or("", |(_, said)| said)
    }

    /// How many were live with these settings.
    fn live(&self, name: &str) -> &str {
        self.line(name).split(' ').next().unwrap_or_default()
    }

    /// Everything in which it is other than what is said.
    fn wrong(&self, result: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        let resources = self.line("resources");
        let said = ["memories", "tables", "table_elements"].map(|key| result[key].to_string());
        let is_open = !result["open"].as_array().is_some_and(Vec::is_empty);
        if resources != said.join(" ") && !(resources == "none" && is_open) {
            wrong.push(format!(
                "resources: {resources}, and not {}",
                said.join(" ")
            ));
        }
        if self.live("exactly") != INSTANCES {
            wrong.push(format!("exactly: {}", self.line("exactly")));
        }
        for key in ["core_instances", "memories", "tables", "table_elements"] {
            let name = format!("less {key}");
            let is_none = result[key] == 0;
            // A heap takes the place of a memory when it is needed first, which may be never.
            let is_of_heap = key == "memories" && result["gc"] == true;
            let is_refused = matches!(self.live(&name), "0" | "1" | "2");
            if !is_none && !is_of_heap && !is_refused {
                wrong.push(format!("{name}: {}", self.line(&name)));
            }
        }
        wrong
    }
}

fn embedder() -> PathBuf {
    let embedder = Embedder::with(&["async", "component-model", "gc"]).unwrap();
    embedder.build("needs", "dev").unwrap()
}

/// Two components that call one, and one whose calls nobody makes.
const SIDE_BY_SIDE: &str = r#"(component
    (component $callee
        (core module $m (func (export "f")) (func (export "g")))
        (core instance $m (instantiate $m))
        (func (export "f") (canon lift (core func $m "f")))
        (func (export "g") (canon lift (core func $m "g"))))
    (component $caller
        (import "f" (func $f)) (import "g" (func $g))
        (core func $f (canon lower (func $f))) (core func $g (canon lower (func $g)))
        (core module $m (import "" "f" (func)) (import "" "g" (func)) (memory 1))
        (core instance (instantiate $m (with "" (instance (export "f" (func $f)) (export "g" (func $g)))))))
    (component $idle (import "f" (func $f)) (core func (canon lower (func $f))))
    (instance $callee (instantiate $callee))
    (instance (instantiate $caller (with "f" (func $callee "f")) (with "g" (func $callee "g"))))
    (instance (instantiate $caller (with "f" (func $callee "f")) (with "g" (func $callee "g"))))
    (instance (instantiate $idle (with "f" (func $callee "f")))))"#;

/// Wasmtime makes instances of its own of calls between components, which nobody finds by counting modules.
#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn calls_between_components_are_counted_as_wasmtime_makes_them() {
    let embedder = Embedder::with(&["async", "component-model", "gc"]).unwrap();
    let program = embedder.build("needs", "dev").unwrap();
    let texts = [
        chain(1),
        chain(2),
        chain(3),
        chain(6),
        SIDE_BY_SIDE.to_owned(),
    ];
    let mut adapters = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let binary = embedder.path(&format!("calls-{index}.wasm"));
        fs::write(&binary, wat::parse_str(text).unwrap()).unwrap();
        let result = inspect(&binary).unwrap();
        let compiled = embedder.compile(&format!("calls-{index}"), text).unwrap();
        let judged = Judged::new(&program, &compiled, &result).unwrap();
        assert_eq!(judged.wrong(&result), [""; 0], "{text}");
        adapters.push(result["core_instances"].as_u64().unwrap());
    }
    assert_eq!(adapters, [1, 3, 5, 11, 4]);
}

/// Modules that have to do with collected values in one way each.
const COLLECTED: &[&str] = &[
    "(module (func (export \"_start\")) (func (param externref) (local anyref)))",
    "(module (type $s (struct)) (func (export \"_start\")) (func (param (ref $s))))",
    "(module (type $s (struct)) (func (export \"_start\")) (func (param anyref) (drop (ref.test (ref $s) (local.get 0)))))",
    "(module (func (export \"_start\") (drop (i31.get_s (ref.i31 (i32.const 1))))))",
    "(module (type $s (struct)) (func (export \"_start\")) (func (drop (struct.new $s))))",
    "(module (type $s (struct (field i32))) (func (export \"_start\")) (func (param (ref $s)) (drop (struct.get $s 0 (local.get 0)))))",
    "(module (func (export \"_start\")) (func (param (ref array)) (drop (array.len (local.get 0)))))",
    "(module (type $a (array i8)) (func (export \"_start\")) (func (drop (array.new_fixed $a 0))))",
    "(module (global (mut externref) (ref.null extern)) (func (export \"_start\")))",
    "(module (global (ref i31) (ref.i31 (i32.const 1))) (func (export \"_start\")))",
    "(module (table 0 externref) (func (export \"_start\")))",
    "(module (table 1 funcref) (func (export \"_start\")))",
    "(module (elem externref (ref.null extern)) (func (export \"_start\")))",
    "(module (elem externref) (func (export \"_start\")))",
    "(module (elem declare externref (ref.null extern)) (func (export \"_start\")))",
    "(module (tag) (func (export \"_start\")))",
    "(module (tag) (func (export \"_start\")) (func (throw 0)))",
    "(module (tag) (func (export \"_start\")) (func (block (try_table (catch 0 0)))))",
    "(module (func (export \"_start\")) (func (block (try_table (catch_all 0)))))",
    "(module (func (export \"_start\")) (func (param exnref) (throw_ref (local.get 0))))",
];

/// Whether a version takes a heap for a module: with no place for one it then refuses it.
fn takes_heap(release: &Release, module: &Path) -> bool {
    let mut run = release.command("run");
    let features = "gc=y,function-references=y,exceptions=y,reference-types=y";
    let none = "pooling-allocator=y,pooling-total-gc-heaps=0,pooling-total-memories=2";
    run.args(["-W", features, "-O", none]).arg(module);
    output(&mut run).is_err_and(|error| error.contains("GC heaps"))
}

/// Where no version takes one, none is counted.
#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn a_heap_is_counted_where_a_version_takes_one() {
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("module.wasm");
    for text in COLLECTED {
        fs::write(&module, wat::parse_str(text).unwrap()).unwrap();
        let is_taken = Release::all()
            .iter()
            .any(|release| takes_heap(release, &module));
        assert_eq!(inspect(&module).unwrap()["gc"], is_taken, "{text}");
    }
}

/// Components with a module that has no instance.
const UNUSED: &[&str] = &[
    "(core module (type $s (struct)) (func (drop (struct.new $s))))",
    "(component (core module (type $s (struct)) (func (drop (struct.new $s)))))",
    "(core module (table 1 externref) (func (table.set 0 (i32.const 0) (ref.null extern))))",
    "(core module (table 1 externref))",
    "(core module (global (mut externref) (ref.null extern)))",
    "(core module (global externref (ref.null extern)) (func (drop (global.get 0))))",
    "(core module (global externref (ref.null extern)))",
    "(core module (global (ref i31) (ref.i31 (i32.const 1))))",
    "(core module (table 1 externref (ref.null extern)))",
    "(core module (elem externref (ref.null extern)))",
    "(core module (table 1 externref) (elem (i32.const 0) externref (ref.null extern)))",
    "(core module (type $s (struct)) (func (param (ref $s))))",
    "(core module (func))",
];

/// All modules of a component are compiled together: code of one that has no instance, its globals and its segments are
/// a heap for the others.
#[test]
#[ignore = "needs real wasmtime commands: cargo xtask test"]
fn a_heap_is_counted_for_code_of_a_module_without_an_instance() {
    let embedder = Embedder::with(&["async", "component-model", "gc"]).unwrap();
    let program = embedder.build("needs", "dev").unwrap();
    // What a module may have is bounded with and without an instance: one that has one has a table, too.
    let used = "(core module $used (table 1 funcref)) (core instance (instantiate $used))";
    let with_instance = UNUSED
        .iter()
        .map(|unused| format!("(component {used} {unused})"));
    let without_instance = [UNUSED[0], UNUSED[1]].map(|unused| format!("(component {unused})"));
    let texts = with_instance.chain(without_instance);
    for (index, text) in texts.enumerate() {
        let name = format!("unused-{index}");
        let binary = embedder.path(&format!("{name}.wasm"));
        fs::write(&binary, wat::parse_str(&text).unwrap()).unwrap();
        let result = inspect(&binary).unwrap();
        let compiled = embedder.compile(&name, &text).unwrap();
        let judged = Judged::with_heaps(&program, &compiled, &result, "0").unwrap();
        let is_taken = judged.live("exactly") != INSTANCES;
        assert_eq!(result["gc"], is_taken, "{text}: {}", judged.line("exactly"));
        let judged = Judged::new(&program, &compiled, &result).unwrap();
        assert_eq!(judged.wrong(&result), [""; 0], "{text}");
    }
}

/// How a version compiles a file, by its name and its path.
type Compile = fn(&str, &Path) -> Result<PathBuf, String>;

/// Judges every file by a version's program.
fn judge(program: &Path, compile: Compile) {
    let mut judged = 0;
    let mut components = 0;
    let mut from_pypi = 0;
    let mut wrong = Vec::new();
    for (name, path) in all() {
        if let Some((_, why)) = NOT_JUDGED.iter().find(|(part, _)| name.contains(part)) {
            println!("not judged: {name}: {why}");
            continue;
        }
        let one = inspect(&path).and_then(|result| {
            let compiled = compile(&name, &path)?;
            Ok((Judged::new(program, &compiled, &result)?, result))
        });
        match one {
            Ok((found, result)) => {
                judged += 1;
                components += usize::from(result["kind"] == "component");
                from_pypi += usize::from(name.starts_with("pypi-"));
                wrong.extend(
                    found
                        .wrong(&result)
                        .into_iter()
                        .map(|what| format!("{name}: {what}")),
                );
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    println!("judged: {judged}, of which {components} are components, {from_pypi} of PyPI");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(judged >= 50, "{judged}");
    assert!(components >= 10, "{components}");
    assert!(from_pypi >= 5, "{from_pypi}");
}

#[test]
#[ignore = "needs files of others: cargo xtask test"]
fn files_of_others_need_what_is_said() {
    judge(&embedder(), compile);
}

#[test]
#[ignore = "needs files of others: cargo xtask test"]
fn files_of_others_need_what_is_said_in_the_newest_version() {
    let program = newest::build("needs").unwrap();
    judge(&program, compile_newest);
}
