//! The JSON schema of poolcfg.toml: the keys of the reader's tables, with what the template says of each.

use std::fs;
use std::path::Path;

use poolcfg_core::file::{ConfigFile, KeyTable, ValueKind};
use poolcfg_core::{Code, ProtectionKeys, Size, WasmtimeFeature};
use serde_json::{Map, Value, json};
use toml_edit::{Document, Item, TableLike};

use super::{file, is_current, template};
use crate::command::init::TEMPLATE;

/// Where it is committed.
const PATH: &str = "cargo-poolcfg/schema/poolcfg.toml.schema.json";

/// Where editors find it: in the repository that the manifests name.
fn address() -> String {
    let repository = env!("CARGO_PKG_REPOSITORY");
    let raw = repository.replace("https://github.com/", "https://raw.githubusercontent.com/");
    format!("{raw}/main/{PATH}")
}

fn schema() -> Value {
    let table = |keys: Value| {
        json!({
            "type": "object",
            "additionalProperties": false,
            "properties": keys,
        })
    };
    let each = |of: Value| json!({"type": "object", "additionalProperties": of});
    let reference = |name: &str| json!({"$ref": format!("#/definitions/{name}")});
    let mut pool = keys(&KeyTable::POOL);
    pool.insert("wasmtime".to_owned(), reference("wasmtime"));
    let layer = json!({
        "pooling_allocator": reference("pool"),
        "pool": each(reference("pool")),
        "address_space": reference("address_space"),
    });
    let mut root = layer.clone();
    root["target"] = each(table(layer));
    root["va_profile"] = each(reference("va_profile"));
    let mut profile = table(keys(&KeyTable::VA_PROFILE).into());
    profile["required"] = json!(KeyTable::VA_PROFILE.required);
    let mut schema = table(root);
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["$id"] = address().into();
    schema["title"] = "poolcfg.toml".into();
    schema["description"] =
        "The memory pools of a program, and the machines that they must fit".into();
    schema["definitions"] = json!({
        "pool": table(pool.into()),
        "wasmtime": table(keys(&KeyTable::WASMTIME).into()),
        "address_space": table(keys(&KeyTable::ADDRESS_SPACE).into()),
        "va_profile": profile,
    });
    schema
}

/// The keys of a table, each with its value and a text that an editor shows.
fn keys(table: &KeyTable) -> Map<String, Value> {
    let key = |(name, kind): (&str, ValueKind)| {
        let told = template::told(table.header, name);
        let mut value = value(kind);
        value["description"] = match told.comment.as_str() {
            "" => format!("`{name} = {}`", told.value).into(),
            comment => format!("`{name} = {}`: {comment}", told.value).into(),
        };
        (name.to_owned(), value)
    };
    table.iter().map(key).collect()
}

/// What a value may be.
fn value(kind: ValueKind) -> Value {
    let any = |first: Value, second: Value| json!({"anyOf": [first, second]});
    let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
    let array = |of: Value| json!({"type": "array", "items": of});
    let number = |most: u32| json!({"type": "integer", "minimum": 0, "maximum": most});
    let words = |words: &[&str]| json!({"enum": words});
    let units: Vec<_> = Size::units().collect();
    let size = format!("^\\s*[0-9][0-9_]*\\s*({})?\\s*$", units.join("|"));
    let size = any(json!({"type": "integer", "minimum": 0}), text(&size));
    match kind {
        ValueKind::Count => number(u32::MAX),
        ValueKind::Flag => json!({"type": "boolean"}),
        ValueKind::Size => size,
        ValueKind::Limit => any(words(&["unlimited"]), size),
        ValueKind::ProtectionKeys => any(words(&["auto"]), number(ProtectionKeys::MOST)),
        ValueKind::Switch => json!({"enum": ["auto", true, false]}),
        ValueKind::Aslr => any(words(&["maximum", "minimum"]), number(64)),
        ValueKind::StackLimit => any(words(&["finite", "unlimited"]), size),
        ValueKind::Word(known) => words(known),
        ValueKind::Version => text("^[0-9]+(\\.[0-9]+){0,2}$"),
        ValueKind::Features => array(words(WasmtimeFeature::WORDS)),
        ValueKind::Profile => json!({"type": "string"}),
        ValueKind::Paths => array(json!({"type": "string"})),
    }
}

#[test]
fn it_is_current() {
    let text = serde_json::to_string_pretty(&schema()).expect("an object") + "\n";
    is_current(PATH, &text);
}

/// The template that `init` writes leads editors to it.
#[test]
fn the_template_names_it() {
    let first = TEMPLATE.lines().next();
    assert_eq!(first, Some(format!("#:schema {}", address()).as_str()));
}

/// A file as JSON, which schemas judge; `None` if it is not TOML.
fn as_json(text: &str) -> Option<Value> {
    fn table(table: &dyn TableLike) -> Value {
        let keys = table.iter().map(|(key, item)| (key.to_owned(), of(item)));
        Value::Object(keys.collect())
    }
    fn of(item: &Item) -> Value {
        if let Some(inner) = item.as_table_like() {
            return table(inner);
        }
        if let Some(tables) = item.as_array_of_tables() {
            return tables.iter().map(|inner| table(inner)).collect();
        }
        if let Some(array) = item.as_array() {
            return array
                .iter()
                .map(|value| of(&value.clone().into()))
                .collect();
        }
        match (item.as_integer(), item.as_bool(), item.as_float()) {
            (Some(number), ..) => number.into(),
            (_, Some(flag), _) => flag.into(),
            // Whatever the number is, JSON has it as one that is not whole.
            (.., Some(_)) => 0.5.into(),
            _ => item.as_str().unwrap_or("a date").into(),
        }
    }
    Some(table(Document::parse(text).ok()?.as_table()))
}

/// The validator, and the schema in it.
fn judge() -> impl Fn(&str) -> Result<(), String> {
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource(PATH, schema()).expect("a schema");
    let index = compiler.compile(PATH, &mut schemas).expect("a schema");
    move |text| {
        let json = as_json(text).ok_or("not TOML")?;
        schemas
            .validate(&json, index)
            .map_err(|error| error.to_string())
    }
}

/// Every file of a folder and the folders below it that is called so; all files if that is empty.
fn files(folder: &Path, name: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            let is_hidden = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if !is_hidden && !path.join("CACHEDIR.TAG").exists() {
                files(&path, name, found);
            }
        } else if name.is_empty() || path.ends_with(name) {
            found.extend(fs::read_to_string(&path));
        }
    }
}

/// Whether the schema has to refuse it, too: what is wrong is wrong for each key by itself.
fn is_grammar(diagnostic: &poolcfg_core::file::Diagnostic) -> bool {
    match diagnostic.code {
        Code::UnknownKey | Code::WrongType | Code::UnknownWord => true,
        Code::BadSize => diagnostic.label != "too large",
        _ => false,
    }
}

/// What poolcfg reads, an editor takes; and what is no key or no value of a key, it underlines.
#[test]
fn it_agrees_with_the_reader() {
    let judge = judge();
    let mut texts = vec![TEMPLATE.to_owned()];
    files(&file("."), "poolcfg.toml", &mut texts);
    files(&file("tests/fuzz/corpus/poolcfg_toml"), "", &mut texts);
    let (mut taken, mut refused) = (0, 0);
    for text in &texts {
        match (ConfigFile::parse(text), judge(text)) {
            (Ok(_), Ok(())) => taken += 1,
            (Ok(_), Err(error)) => panic!("{error}\n{text}"),
            (Err(mistakes), Ok(())) => {
                let seen = mistakes.iter().find(|mistake| is_grammar(mistake));
                assert_eq!(seen, None, "the schema takes\n{text}");
            }
            (Err(_), Err(_)) => refused += 1,
        }
    }
    assert!(
        taken > 40 && refused > 30,
        "{taken} taken, {refused} refused"
    );
}
