//! What poolcfg.toml means: which layer wins, which target a table is for, and that the compiler is told
//! the same as the command.
#![cfg(feature = "file")]

use std::fs;
use std::process::Command;

use cfg_expr::Expression;
use poolcfg_core::file::{ConfigFile, Diagnostic, TargetFacts, locate};
use poolcfg_core::{Code, FilePlace, PoolKeys, Settings, Size, codegen, is_escaped};
use proptest::prelude::*;

const BOARD: &str = "riscv64gc-unknown-linux-gnu";
const SERVER: &str = "x86_64-unknown-linux-gnu";

fn facts(triple: &str) -> TargetFacts {
    TargetFacts::builtin(triple).unwrap()
}

fn table() -> Vec<TargetFacts> {
    TargetFacts::builtin_triples().map(facts).collect()
}

fn file(source: &str) -> ConfigFile {
    ConfigFile::parse(source).unwrap()
}

fn instances(settings: &Settings<'_>) -> Vec<Option<u32>> {
    let value = |keys: &PoolKeys| keys.max_instances.map(|setting| setting.value);
    settings.pools().iter().map(value).collect()
}

fn mistakes(source: &str) -> Vec<(Code, FilePlace)> {
    let mistakes = ConfigFile::parse(source).unwrap_err();
    let of = |mistake: &Diagnostic| (mistake.code, mistake.place(source));
    mistakes.iter().map(of).collect()
}

/// Whatever is said about a size, the largest one that is named is read, and one byte more is not.
#[test]
fn sizes_end_where_the_largest_address_space_does() {
    let largest = Size::LARGEST.get();
    for key in [
        "headroom",
        "rlimit_as",
        "rlimit_data",
        "memory",
        "stack_limit",
    ] {
        let said = |value: &str| format!("[address_space]\n{key} = {value}");
        for value in [largest.to_string(), "\"128PiB\"".to_owned()] {
            file(&said(&value));
        }
        for value in [(largest + 1).to_string(), "\"129PiB\"".to_owned()] {
            let source = said(&value);
            let mistakes = ConfigFile::parse(&source).unwrap_err();
            assert_eq!(mistakes.len(), 1, "{mistakes:?}");
            assert_eq!(mistakes[0].code, Code::BadSize, "{mistakes:?}");
            let help = mistakes[0].help.as_deref();
            let named = "no address space is that large; the largest is `\"128PiB\"`";
            assert_eq!(help, Some(named));
        }
    }
}

#[test]
fn the_later_layer_wins() {
    let file = file(
        "[target.riscv64gc-unknown-linux-gnu.pooling_allocator]
         max_instances = 4
         [target.'cfg(target_arch = \"riscv64\")'.pooling_allocator]
         max_instances = 2
         [target.'cfg(target_os = \"linux\")'.pooling_allocator]
         max_instances = 3
         [pooling_allocator]
         max_instances = 1",
    );
    let said = |triple| instances(&file.settings(&facts(triple)));
    assert_eq!(said("x86_64-apple-darwin"), [Some(1)]);
    assert_eq!(said("riscv64gc-unknown-none-elf"), [Some(2)]);
    assert_eq!(said("riscv64gc-unknown-linux-musl"), [Some(3)]);
    assert_eq!(said(BOARD), [Some(4)]);
    assert_eq!(file.triples().collect::<Vec<_>>(), [BOARD]);
}

#[test]
fn within_a_layer_the_named_pool_wins() {
    let file = file(
        "[pool.a]
         max_instances = 1
         [pool.b]
         [pooling_allocator]
         max_instances = 2
         [target.'cfg(unix)'.pool.b]
         max_instances = 3
         [target.x86_64-unknown-linux-gnu.pooling_allocator]
         max_instances = 4",
    );
    assert_eq!(file.pool_names(), ["a", "b"]);
    let said = |triple| instances(&file.settings(&facts(triple)));
    assert_eq!(said("x86_64-pc-windows-msvc"), [Some(1), Some(2)]);
    assert_eq!(said(BOARD), [Some(1), Some(3)]);
    assert_eq!(said(SERVER), [Some(4), Some(4)]);
}

#[test]
fn the_table_of_a_triple_is_for_what_the_compiler_takes_for_it() {
    let file = file(
        "[target.x86_64-unknown-linux-gnu.pooling_allocator]
         max_instances = 9",
    );
    let said = |triple| instances(&file.settings(&facts(triple)));
    assert_eq!(said("x86_64-unknown-linux-gnuasan"), [Some(9)]);
    assert_eq!(said("x86_64-unknown-linux-gnux32"), [None]);
    assert_eq!(said("x86_64-unknown-linux-musl"), [None]);
}

#[test]
fn values_are_found_by_their_place() {
    let source = "# \u{e4}\n[pooling_allocator]\n'guard_size' = \"4 MiB\" # \u{e4}\n[address_space]\nva_profile = \"sv39\"\n";
    let file = file(source);
    let settings = file.settings(&facts(BOARD));
    let guard = settings.pools()[0].guard_size.unwrap();
    assert_eq!(
        (guard.value, guard.place),
        (Size::mib(4), FilePlace::new(3, 16))
    );
    assert_eq!(&source[file.span(guard.place).unwrap()], "\"4 MiB\"");
    assert_eq!(file.span(FilePlace::NOWHERE), None);
    let case = settings.resolve(facts(BOARD).target()).unwrap();
    assert_eq!(case.profile.name, "sv39");
    let faults = settings.resolve(facts(SERVER).target()).unwrap_err();
    let mistake = Diagnostic::from_fault(&faults.iter().next().unwrap(), &file);
    assert_eq!(mistake.code, Code::ProfileOfOtherTarget);
    assert_eq!(&source[mistake.span.unwrap()], "\"sv39\"");
}

#[test]
fn inline_tables_and_dotted_keys_are_tables() {
    let file = file(
        "pool.a.max_instances = 1
         pool.b = { max_instances = 2 }
         target.'cfg(unix)'.pool.a = { max_instances = 3 }",
    );
    assert_eq!(instances(&file.settings(&facts(BOARD))), [Some(3), Some(2)]);
}

#[test]
fn all_mistakes_are_said_in_the_order_of_the_file() {
    let source = "[va_profile.own]\narch = \"z80\"\n[pooling_allocator]\nguard_size = \"1GB\"\n\
                  max_instances = -1\n[target.board.pool.a]\nkeep = \"all\"\n";
    assert_eq!(
        mistakes(source),
        [
            (Code::BadProfile, FilePlace::new(1, 13)),
            (Code::UnknownWord, FilePlace::new(2, 8)),
            (Code::BadSize, FilePlace::new(4, 14)),
            (Code::WrongType, FilePlace::new(5, 17)),
            (Code::UnknownTarget, FilePlace::new(6, 9)),
            (Code::UnknownPool, FilePlace::new(6, 20)),
            (Code::UnknownWord, FilePlace::new(7, 8)),
        ]
    );
}

#[test]
fn a_profile_that_is_wrong_is_still_known() {
    let source = "[address_space]\nva_profile = \"own\"\n[va_profile.own]\narch = \"riscv64\"\n\
                  window = \"1KiB\"\npage_size = \"4KiB\"\n";
    assert_eq!(
        mistakes(source),
        [(Code::BadProfile, FilePlace::new(5, 10))]
    );
}

/// Two triples share a predicate exactly when nothing that the compiler can ask tells them apart.
#[test]
fn the_predicate_of_a_triple_holds_for_no_other() {
    let table = table();
    for one in &table {
        let predicate = codegen::cfg_predicate(one).to_string();
        let predicate = Expression::parse(&predicate).unwrap();
        for other in &table {
            assert_eq!(
                other.matches(&predicate),
                one.looks_like(other),
                "{} {}",
                one.triple(),
                other.triple()
            );
        }
    }
}

/// The command and the compiler have the same picture of a target, whichever the command takes it from.
#[test]
fn the_built_in_table_agrees_with_rustc() {
    let triples = [
        "aarch64-apple-ios-sim",
        "aarch64-linux-android",
        "aarch64-unknown-linux-gnu_ilp32",
        "armv7-unknown-linux-gnueabihf",
        "i686-pc-windows-gnu",
        "powerpc64-unknown-linux-gnu",
        "riscv64gc-unknown-linux-musl",
        "s390x-unknown-linux-gnu",
        "wasm32-wasip1",
        "x86_64-unknown-none",
        BOARD,
        SERVER,
    ];
    for triple in triples {
        let output = Command::new("rustc")
            .args(["--print", "cfg", "--target", triple])
            .output()
            .unwrap();
        let cfgs = String::from_utf8(output.stdout).unwrap();
        let asked = TargetFacts::from_rustc(triple, &cfgs);
        assert!(asked.looks_like(&facts(triple)), "{triple}");
        assert_eq!(asked.target(), facts(triple).target(), "{triple}");
    }
}

fn expression() -> impl Strategy<Value = String> {
    let predicate = prop::sample::select(vec![
        "unix",
        "windows",
        "target_arch = \"riscv64\"",
        "target_os = \"linux\"",
        "target_env = \"\"",
        "target_pointer_width = \"32\"",
        "target_endian = \"big\"",
        "target_has_atomic = \"64\"",
        "target_family = \"wasm\"",
        "target_abi = \"eabihf\"",
        "target_vendor = \"apple\"",
    ]);
    let predicate = predicate.prop_map(str::to_owned);
    predicate.prop_recursive(4, 24, 4, |inner| {
        let several = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            several
                .clone()
                .prop_map(|parts| format!("all({})", parts.join(", "))),
            several.prop_map(|parts| format!("any({})", parts.join(", "))),
            inner.prop_map(|part| format!("not({part})")),
        ]
    })
}

proptest! {
    #![proptest_config(crate::cases(200))]

    /// What the compiler is given of a cfg expression holds for the same targets.
    #[test]
    fn an_expression_means_the_same_to_the_compiler(source in expression()) {
        let said = Expression::parse(&source).unwrap();
        let written = codegen::cfg_expression(&said).to_string();
        let written = Expression::parse(&written).unwrap();
        for facts in table() {
            prop_assert_eq!(facts.matches(&said), facts.matches(&written), "{}", facts.triple());
        }
    }
}

#[test]
fn the_file_is_beside_the_manifest_or_where_that_points() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("package");
    let manifest = package.join("Cargo.toml");
    fs::create_dir(&package).unwrap();
    let found = |config: &str| {
        fs::write(&manifest, format!("[package]\nname = \"p\"\n{config}")).unwrap();
        locate(&manifest, &|_, own| own.to_owned())
            .map(|location| location.map(|location| location.shown))
    };
    let refused = |config| found(config).unwrap_err().code;
    let up = "[package.metadata.poolcfg]\nconfig = \"../poolcfg.toml\"";
    assert_eq!(found(""), Ok(None));
    assert_eq!(refused(up), Code::NoFile);
    fs::write(folder.path().join("poolcfg.toml"), "").unwrap();
    // Nobody looks for a file in the folders above.
    assert_eq!(found(""), Ok(None));
    assert_eq!(found(up), Ok(Some("../poolcfg.toml".to_owned())));
    fs::write(package.join("poolcfg.toml"), "").unwrap();
    assert_eq!(found(""), Ok(Some("poolcfg.toml".to_owned())));
    assert_eq!(found(up), Ok(Some("../poolcfg.toml".to_owned())));
    let absolute = format!(
        "metadata.poolcfg.config = {:?}",
        folder.path().join("poolcfg.toml")
    );
    assert_eq!(refused(&absolute), Code::WrongType);
    assert_eq!(refused("metadata.poolcfg.config = 1"), Code::WrongType);
    assert_eq!(refused("metadata.poolcfg = 1"), Code::WrongType);
    assert_eq!(refused("metadata.poolcfg.file = \"a\""), Code::UnknownKey);
    assert_eq!(
        locate(&package.join("none/Cargo.toml"), &|_, own| own.to_owned())
            .unwrap_err()
            .code,
        Code::Io
    );
}

#[test]
fn a_workspace_points_for_packages_that_have_no_file_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let found = |package: &str| {
        let location = locate(
            &folder.path().join(package).join("Cargo.toml"),
            &|_, own| own.to_owned(),
        );
        location.map(|location| location.map(|of| (of.shown, of.workspace)))
    };
    let shared = |shown: &str, by: &str| Ok(Some((shown.to_owned(), Some(by.to_owned()))));
    write("crates/a/Cargo.toml", "[package]\nname = \"a\"\n");
    write("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n");
    write("poolcfg.toml", "");
    assert_eq!(found("crates/a"), Ok(None));
    let pointer =
        "[workspace]\nmembers = [\"crates/*\"]\nmetadata.poolcfg.config = \"poolcfg.toml\"\n";
    write("Cargo.toml", pointer);
    assert_eq!(
        found("crates/a"),
        shared("../../poolcfg.toml", "../../Cargo.toml")
    );
    // The root package is in the same workspace.
    write(
        "Cargo.toml",
        &format!("{pointer}[package]\nname = \"root\"\n"),
    );
    fs::rename(
        folder.path().join("poolcfg.toml"),
        folder.path().join("pools.toml"),
    )
    .unwrap();
    let missing = found("crates/a").unwrap_err();
    assert_eq!(missing.code, Code::NoFile);
    assert!(
        missing.message.contains("../../Cargo.toml:3:"),
        "{}",
        missing.message
    );
    write(
        "Cargo.toml",
        &format!(
            "{}[package]\nname = \"root\"\n",
            pointer.replace("poolcfg.toml", "pools.toml")
        ),
    );
    assert_eq!(found(""), shared("pools.toml", "Cargo.toml"));
    // A file of its own comes first.
    write("crates/a/poolcfg.toml", "");
    assert_eq!(
        found("crates/a"),
        Ok(Some(("poolcfg.toml".to_owned(), None)))
    );
    // A package that is no member has none.
    write(
        "crates/a/Cargo.toml",
        "[package]\nname = \"a\"\n[workspace]\n",
    );
    fs::remove_file(folder.path().join("crates/a/poolcfg.toml")).unwrap();
    assert_eq!(found("crates/a"), Ok(None));
}

/// So that those that are not told are counted. What is in more tables than there may be is not read.
#[test]
fn more_mistakes_than_anybody_reads_are_found() {
    let many = |table: fn(u32) -> String| (0..2000).map(table).collect::<String>();
    for (source, count) in [
        (many(|number| format!("[pool.p{number}]\nnone = 1\n")), 1),
        (
            many(|number| format!("[va_profile.p{number}]\nnone = 1\n")),
            1,
        ),
        (many(|number| format!("[target.t{number}]\n")), 2000),
        (many(|number| format!("[none{number}]\n")), 2000),
        (
            "[address_space]\n".to_owned() + &many(|number| format!("none{number} = 1\n")),
            2000,
        ),
    ] {
        assert_eq!(mistakes(&source).len(), count, "{:.40}", source);
    }
}

/// A value's place is found by its line, whatever stands above it and beside it.
#[test]
fn the_place_of_a_value_is_its_line_and_column() {
    let source =
        "# \u{fc}\r\n\n[pooling_allocator]\n  max_instances = 3 # \u{fc}\n[pool.a]\npools = 2";
    let file = file(source);
    let settings = file.settings(&facts(SERVER));
    let pool = &settings.pools()[0];
    assert_eq!(pool.max_instances.unwrap().place, FilePlace::new(4, 19));
    assert_eq!(pool.pools.unwrap().place, FilePlace::new(6, 9));
}

#[test]
fn texts_of_the_file_are_escaped_in_messages() {
    let value = "64\\u001b[2J\\u009b\\r\\nerror: \\u202efits\\u2028";
    for source in [
        format!("[pooling_allocator]\nmemory_reservation = \"{value}\"\n"),
        format!("[pooling_allocator]\nkeep = \"{value}\"\n"),
        format!("[pool]\n\"{value}\" = 1\n"),
        format!("[\"{value}\"]\n"),
        format!("[target.\"{value}\"]\n"),
        format!("[address_space]\nva_profile = \"{value}\"\n"),
        // The line itself is shown, and is not TOML.
        "max_instances = 64\u{1b}[2J\u{9b}\u{202e}\n".to_owned(),
    ] {
        for mistake in ConfigFile::parse(&source).unwrap_err() {
            let Diagnostic { message, help, .. } = &mistake;
            let one_line = |text: &str| !text.chars().any(is_escaped);
            assert!(one_line(message), "{message:?}");
            assert!(help.as_deref().is_none_or(one_line), "{help:?}");
            let text = mistake.text(&source, "poolcfg.toml");
            assert!(text.lines().all(one_line), "{text:?}");
        }
    }
}

/// A help that names a range names one that is taken.
#[test]
fn what_is_out_of_range_is_told_what_is_in_it() {
    let help = |source: &str| {
        let mistakes = ConfigFile::parse(source).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        mistakes[0].help.clone().unwrap()
    };
    let space = |line: &str| format!("[address_space]\n{line}\n");
    let maps = help(&space("max_map_count = 99999999999"));
    let most: u32 = maps.rsplit(' ').next().unwrap().parse().unwrap();
    let taken = file(&space(&format!("max_map_count = {most}")));
    let server = facts(SERVER);
    let settings = taken.settings(&server);
    assert!(settings.resolve(server.target()).is_ok());
    // How many bits there are depends on the target.
    let bits = help(&space("aslr = 99"));
    assert!(!bits.contains(|c: char| c.is_ascii_digit()), "{bits}");
}

/// Yes and no in other words lead to `true` and `false`.
#[test]
fn a_flag_in_quotes_is_told_how_to_be_written() {
    for (said, written) in [("no", "false"), ("ON", "true"), ("false", "false")] {
        let source = format!("[pooling_allocator]\nguard_before = \"{said}\"\n");
        let help = ConfigFile::parse(&source).unwrap_err()[0].help.clone();
        assert!(
            help.unwrap()
                .contains(&format!("guard_before = {written}`"))
        );
    }
    for (key, value) in [
        ("guard_before", "3"),
        ("guard_before", "\"maybe\""),
        ("wasmtime.pagemap_scan", "3"),
    ] {
        let source = format!("[pooling_allocator]\n{key} = {value}\n");
        assert!(ConfigFile::parse(&source).unwrap_err()[0].help.is_some());
    }
}

/// A table in the wrong place is led to one where it is taken.
#[test]
fn a_table_of_the_top_level_is_led_there() {
    let profile = "arch = \"x86_64\"\nwindow = \"256GiB\"\npage_size = \"4KiB\"\n";
    for (before, table, keys) in [
        ("target.'cfg(unix)'.", "va_profile.x", profile),
        ("pooling_allocator.", "address_space", "aslr = 0\n"),
        ("address_space.", "pool.a", "max_instances = 1\n"),
    ] {
        let mistakes = ConfigFile::parse(&format!("[{before}{table}]\n{keys}")).unwrap_err();
        let help = mistakes[0].help.as_deref().unwrap();
        assert!(help.contains(&format!("`[{table}]`")), "{help}");
        file(&format!("[{table}]\n{keys}"));
    }
}

/// A key that stands twice is named, and so is the line that has it first.
#[test]
fn a_key_that_stands_twice_is_named() {
    for (source, key, line) in [
        (
            "[pooling_allocator]\nmax_instances = 3\npools = 1\nmax_instances = 4\n",
            "max_instances",
            2,
        ),
        (
            "[pool.a]\npools = 1\n[pool.b]\npools = 2\n\"pools\" = 3\n",
            "pools",
            4,
        ),
        (
            "[address_space]\naslr = 3\n[pool.a]\npools = 1\n[address_space] # again\naslr = 4\n",
            "address_space",
            1,
        ),
        (
            "[pooling_allocator]\nwasmtime.version = \"48\"\nwasmtime.version = \"49\"\n",
            "version",
            2,
        ),
    ] {
        let mistakes = ConfigFile::parse(source).unwrap_err();
        assert_eq!(mistakes[0].code, Code::Syntax);
        let said = format!("{} {}", mistakes[0].message, mistakes[0].label);
        assert!(
            said.contains(key) && said.contains(&format!("line {line} ")),
            "{said}"
        );
    }
    let inline = "pool = { a = { pools = 1, pools = 2 } }";
    assert!(
        ConfigFile::parse(inline).unwrap_err()[0]
            .message
            .contains("pools")
    );
}
