//! The page of the keys: those of the reader's tables, with what the template says of each.

use poolcfg_core::file::{KeyTable, ValueKind};
use poolcfg_core::{ProtectionKeys, WasmtimeFeature};

use super::{is_current, page, table, template};

const PATH: &str = "docs/keys.md";

/// The tables, and what each is for.
const TABLES: [(KeyTable, &str); 4] = [
    (
        KeyTable::POOL,
        "A pool; `[pool.NAME]` has the same keys, with those of `[pooling_allocator]` as its defaults.",
    ),
    (
        KeyTable::WASMTIME,
        "What only Wasmtime's pool has; `[pool.NAME.wasmtime]` is the same of a named pool.",
    ),
    (KeyTable::ADDRESS_SPACE, "The process, and its limits."),
    (KeyTable::VA_PROFILE, "A machine of your own."),
];

const INTRODUCTION: &str = "\
Each of the first three tables may also stand under `[target.TRIPLE]` and `[target.'cfg(…)']`; a later table wins. \
`cargo poolcfg init` writes [a file with all of them](https://github.com/poolcfg/poolcfg/blob/main/cargo-poolcfg/templates/poolcfg.toml), \
`--set TABLE.KEY=VALUE` sets one for a run, and editors that know taplo complete and check them by \
[a schema](https://github.com/poolcfg/poolcfg/blob/main/cargo-poolcfg/schema/poolcfg.toml.schema.json).

The value is the default, unless the text says otherwise; those of `[va_profile.NAME]` are an example.
";

/// What a key takes.
fn takes(kind: ValueKind) -> String {
    let list = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
        words.join(", ")
    };
    match kind {
        ValueKind::Count => "number".to_owned(),
        ValueKind::Flag => "`true`, `false`".to_owned(),
        ValueKind::Size => "size".to_owned(),
        ValueKind::Limit => "size, `\"unlimited\"`".to_owned(),
        ValueKind::ProtectionKeys => format!("0 to {}, `\"auto\"`", ProtectionKeys::MOST),
        ValueKind::Switch => "`true`, `false`, `\"auto\"`".to_owned(),
        ValueKind::Aslr => "`\"maximum\"`, `\"minimum\"`, bits".to_owned(),
        ValueKind::StackLimit => "`\"finite\"`, `\"unlimited\"`, size".to_owned(),
        ValueKind::Word(words) => list(words),
        ValueKind::Version => "version".to_owned(),
        ValueKind::Features => format!("array of {}", list(WasmtimeFeature::WORDS)),
        ValueKind::Profile => "name".to_owned(),
        ValueKind::Paths => "array of paths and patterns".to_owned(),
    }
}

/// A comment of the template as a sentence's part: what looks like HTML or code there is none here.
fn plain(comment: &str) -> String {
    comment.replace('<', "&lt;")
}

#[test]
fn the_page_is_current() {
    let mut text = INTRODUCTION.to_owned();
    for (keys, about) in TABLES {
        let rows = keys.iter().map(|(name, kind)| {
            let told = template::told(keys.header, name);
            let value = format!("`{}`", told.value);
            [
                format!("`{name}`"),
                takes(kind),
                value,
                plain(&told.comment),
            ]
        });
        let rows = table(["key", "takes", "value", "what it is"], rows);
        text += &format!("\n## `[{}]`\n\n{about}\n\n{rows}", keys.header);
    }
    let page = page(
        "Keys of poolcfg.toml",
        "the keys of the reader and the template of `init`",
        &text,
    );
    is_current(PATH, &page);
}

/// Every table of the reader has a section.
#[test]
fn no_table_is_left_out() {
    let headers = TABLES.map(|(keys, _)| keys.header);
    assert_eq!(headers, KeyTable::ALL.map(|keys| keys.header));
}
