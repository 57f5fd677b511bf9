//! What becomes of a file that is edited.

use super::*;

fn path(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}

/// What becomes of a file when the table `wasmtime` of a pool's gets version and features.
fn edited(source: &str, pool: &str, version: &str, features: &[&str]) -> String {
    let at = source.find("engine").unwrap_or_default();
    let mut edit = Edit::new(source);
    let table = edit.table(&path(pool), "wasmtime", at).unwrap();
    set_text(table, "version", version);
    set_list(table, "features", features);
    edit.text()
}

#[test]
fn values_are_replaced_where_they_stand() {
    let source = "# top\n[pooling_allocator] # head\n  engine = \"wasmtime\"\n\n\
                  [pooling_allocator.wasmtime]\ntable_elements=7\n\
                  version   = '47' # of Cargo.lock\n\tfeatures = [ \"gc\" ]#x\n\n# end";
    assert_eq!(
        edited(source, "pooling_allocator", "48", &["gc"]),
        source.replace("'47'", "'48'")
    );
    let both = edited(source, "pooling_allocator", "48", &["async", "gc"]);
    assert_eq!(
        both,
        source
            .replace("'47'", "'48'")
            .replace("[ \"gc\" ]", "[ \"gc\", \"async\" ]")
    );
}

#[test]
fn line_ends_and_the_byte_order_mark_stay() {
    let source = "\u{feff}[pooling_allocator]\r\nengine = \"wasmtime\"\r\n\r\n[pooling_allocator.wasmtime]\r\n\
                  version = \"47\"\r\nfeatures = [\r\n    \"gc\",\r\n]\r\n\r\n# end\r\n[address_space]\r\n";
    let text = edited(source, "pooling_allocator", "48", &["gc"]);
    assert_eq!(text, source.replace("47", "48"));
    let text = edited(source, "pooling_allocator", "47", &["async", "gc"]);
    assert_eq!(text, source.replace("\"gc\",", "\"gc\",\r\n    \"async\","));
    // Lines that are not touched keep the ends that they have.
    let mixed = "[pooling_allocator]\r\nengine = \"wasmtime\"\n\n[pooling_allocator.wasmtime]\n\
                 version = \"47\"\nfeatures = []\r\n# end";
    let text = edited(mixed, "pooling_allocator", "48", &[]);
    assert_eq!(text, mixed.replace("\"47\"\n", "\"48\"\r\n"));
}

#[test]
fn a_table_is_made_in_the_style_of_its_pool() {
    let new = "version = \"48\"\nfeatures = [\"async\", \"gc\"]\n";
    for (source, pool, expected) in [
        (
            "[pooling_allocator]\nengine = \"wasmtime\" # x\n\n# Where it runs.\n[address_space]\n",
            "pooling_allocator",
            format!(
                "[pooling_allocator]\nengine = \"wasmtime\" # x\n\n[pooling_allocator.wasmtime]\n{new}\n\
                 # Where it runs.\n[address_space]\n"
            ),
        ),
        (
            "[pool.a]\nengine = \"wasmtime\"",
            "pool/a",
            format!("[pool.a]\nengine = \"wasmtime\"\n\n[pool.a.wasmtime]\n{new}"),
        ),
        (
            "pool.a.engine = \"wasmtime\" # x\npool.b.pools = 2\n",
            "pool/a",
            "pool.a.engine = \"wasmtime\" # x\npool.a.wasmtime.version = \"48\"\n\
             pool.a.wasmtime.features = [\"async\", \"gc\"]\npool.b.pools = 2\n"
                .to_owned(),
        ),
        (
            "[pool]\na = { engine = \"wasmtime\" } # x\n",
            "pool/a",
            "[pool]\na = { engine = \"wasmtime\", wasmtime = { version = \"48\", \
             features = [\"async\", \"gc\"] } } # x\n"
                .to_owned(),
        ),
        (
            "[pooling_allocator]\nengine = \"wasmtime\"\nwasmtime.table_elements = 7 # x\n",
            "pooling_allocator",
            "[pooling_allocator]\nengine = \"wasmtime\"\nwasmtime.table_elements = 7 # x\n\
             wasmtime.version = \"48\"\nwasmtime.features = [\"async\", \"gc\"]\n"
                .to_owned(),
        ),
        (
            "[pooling_allocator]\nengine = \"wasmtime\"\nwasmtime = {table_elements = 7}\n",
            "pooling_allocator",
            "[pooling_allocator]\nengine = \"wasmtime\"\nwasmtime = {table_elements = 7, \
             version = \"48\", features = [\"async\", \"gc\"]}\n"
                .to_owned(),
        ),
        (
            "[target.'cfg(unix)'.pooling_allocator]\nengine = \"wasmtime\"\n[address_space]\n",
            "target/cfg(unix)/pooling_allocator",
            format!(
                "[target.'cfg(unix)'.pooling_allocator]\nengine = \"wasmtime\"\n\n\
                 [target.'cfg(unix)'.pooling_allocator.wasmtime]\n{new}[address_space]\n"
            ),
        ),
    ] {
        let text = edited(source, pool, "48", &["async", "gc"]);
        assert_eq!(text, expected);
        let again = edited(&text, pool, "48", &["async", "gc"]);
        assert_eq!(again, text);
    }
}

/// A key that is commented out is still of the table under which it stands.
#[test]
fn what_is_commented_out_stays_with_its_table() {
    let source = "[pooling_allocator]\nengine = \"wasmtime\"\n\n# Asked.\n# max_instances = 7\n\n\
                  [address_space]\naslr = \"default\"\n# headroom = \"1GiB\"";
    assert_eq!(
        edited(source, "pooling_allocator", "48", &[]),
        format!("{source}\n\n[pooling_allocator.wasmtime]\nversion = \"48\"\nfeatures = []\n")
    );
}

#[test]
fn what_stands_beside_a_word_stays_with_it() {
    let source = "[pooling_allocator]\nengine = \"wasmtime\"\nwasmtime.version = \"48\"\n\
                  wasmtime.features = [\n  \"async\", # stacks\n  \"gc\", # heaps\n]\n";
    let set = |words: &[&str]| edited(source, "pooling_allocator", "48", words);
    assert_eq!(set(&["async"]), source.replace("  \"gc\", # heaps\n", ""));
    assert_eq!(set(&["gc"]), source.replace("  \"async\", # stacks\n", ""));
    assert_eq!(
        set(&["async", "gc", "component-model"]),
        source.replace("# heaps\n", "# heaps\n  \"component-model\",\n")
    );
    let without_comma = source.replace("\"gc\",", "\"gc\"");
    assert_eq!(
        edited(
            &without_comma,
            "pooling_allocator",
            "48",
            &["async", "gc", "component-model"]
        ),
        source.replace("# heaps\n", "# heaps\n  \"component-model\"\n")
    );
}
