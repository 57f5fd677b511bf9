//! The public API of poolcfg-runtime, read from the pages that rustdoc writes: every item has an example, and the types
//! can be named, sent, shared and shown.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use poolcfg_tests::root;

/// What is sent to no other thread.
const OF_ONE_THREAD: [&str; 1] = ["Held"];

/// One page of the documentation.
struct Page {
    /// Such as `struct.Size.html`.
    file: String,
    html: String,
}

/// One item of a page, with what stands in its documentation.
struct Item<'a> {
    name: &'a str,
    /// From its signature to the next item.
    html: &'a str,
}

/// The pages of all public items.
static PAGES: LazyLock<Vec<Page>> = LazyLock::new(|| {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), PathBuf::from);
    let output = Command::new(env!("CARGO"))
        .args(["doc", "--no-deps", "--all-features", "--locked"])
        .args(["-p", "poolcfg-runtime", "--target-dir"])
        .arg(&target)
        .current_dir(root())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let folder = target.join("doc/poolcfg_runtime");
    let read = |file: &str| Page {
        file: file.to_owned(),
        html: fs::read_to_string(folder.join(file)).unwrap(),
    };
    let all = read("all.html").html;
    let links = between(&all, "<li><a href=\"", "\"");
    // Such as `struct.Size.html`.
    let files = links
        .into_iter()
        .filter(|link| link.split('.').count() == 3);
    let pages = files.map(read);
    pages.chain([read("index.html")]).collect()
});

/// What stands between two texts, each time.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    let rest = text.split(start).skip(1);
    rest.map(|rest| rest.split(end).next().unwrap()).collect()
}

/// The text without tags.
fn plain(html: &str) -> String {
    let parts = html.split('<').enumerate();
    let texts = parts.map(|(at, part)| match part.split_once('>') {
        Some((_, text)) if at > 0 => text,
        _ => part,
    });
    texts.collect()
}

/// The code of all examples, without comments.
fn examples(html: &str) -> Vec<String> {
    let blocks = between(html, "rust-example-rendered\"><code>", "</code>");
    let without_comments = |block: &str| -> String {
        let mut parts = block.split("<span class=\"comment\">");
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |text, part| {
            text + part.split_once("</span>").unwrap().1
        })
    };
    let code = blocks.into_iter().map(without_comments);
    code.map(|block| plain(&block)).collect()
}

/// Whether this is a whole word of the code.
fn has_word(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.split(|c| !is_part(c)).any(|part| part == word)
}

/// The types of a signature that have no page, and so are no links.
fn unlinked(signature: &str) -> Vec<String> {
    let mut parts = signature.split("<a ");
    let first = parts.next().unwrap().to_owned();
    let rest = parts.fold(first, |text, part| {
        text + part.split_once("</a>").unwrap().1
    });
    let rest = plain(&format!("<{rest}"));
    let words = rest.split(|c: char| !c.is_alphanumeric() && c != '_');
    let is_type = |word: &&str| word.starts_with(|c: char| c.is_uppercase());
    let is_known = |word: &&str| matches!(*word, "Self" | "Item" | "Output" | "T");
    let types = words.filter(is_type).filter(|word| !is_known(word));
    types.map(str::to_owned).collect()
}

impl Page {
    /// The name of the item that the page is about.
    fn name(&self) -> &str {
        let path = self.file.rsplit('/').next().unwrap();
        path.split('.').nth(1).unwrap()
    }

    /// Whether it is about a type.
    fn is_type(&self) -> bool {
        let path = self.file.rsplit('/').next().unwrap();
        path.starts_with("struct.") || path.starts_with("enum.")
    }

    /// The documentation of the item itself.
    fn top(&self) -> &str {
        let top = self.html.split_once("class=\"toggle top-doc\"");
        top.map_or("", |(_, rest)| rest.split("</details>").next().unwrap())
    }

    /// Its methods and constants.
    fn items(&self) -> Vec<Item<'_>> {
        let own = self.html.split("id=\"trait-implementations\"").next();
        let own = own
            .unwrap()
            .split("id=\"synthetic-implementations\"")
            .next();
        let sections = own.unwrap().split("<section id=\"").skip(1);
        let items = sections.filter_map(|html| {
            let (id, _) = html.split_once('"')?;
            let (kind, name) = id.split_once('.')?;
            let is_item = matches!(kind, "method" | "tymethod" | "associatedconstant");
            is_item.then_some(Item { name, html })
        });
        items.collect()
    }

    /// The signatures of its methods, and the types of its fields.
    fn signatures(&self) -> Vec<&str> {
        let methods = self.items().into_iter().map(|item| item.html);
        let methods = methods.map(|html| html.split("</section>").next().unwrap());
        let fields = between(&self.html, "class=\"anchor field\">§</a><code>", "</code>");
        let decl = between(&self.html, "<pre class=\"rust item-decl\">", "</pre>");
        let function = decl.into_iter().filter(|_| self.file.starts_with("fn."));
        methods.chain(fields).chain(function).collect()
    }
}

/// An example of its own, or one of its type that names it.
#[test]
fn every_item_has_an_example() {
    let mut without = Vec::new();
    let mut seen = 0;
    for page in &*PAGES {
        let of_type = examples(page.top());
        seen += 1;
        if of_type.is_empty() {
            without.push(page.file.clone());
        }
        for item in page.items() {
            seen += 1;
            let is_named = || of_type.iter().any(|code| has_word(code, item.name));
            if examples(item.html).is_empty() && !is_named() {
                without.push(format!("{}: {}", page.file, item.name));
            }
        }
    }
    assert!(without.is_empty(), "no example:\n{}", without.join("\n"));
    assert!(seen > 150, "only {seen} items were found");
}

/// An example is copied into programs, which have no other crate of poolcfg than this one.
#[test]
fn examples_and_links_are_of_the_crate_that_users_have() {
    for page in &*PAGES {
        let elsewhere = between(&page.html, "href=\"../poolcfg_core", "\"");
        assert!(elsewhere.is_empty(), "{}: {elsewhere:?}", page.file);
        for code in examples(&page.html) {
            assert!(!code.contains("poolcfg_core"), "{}:\n{code}", page.file);
        }
    }
}

#[test]
fn every_type_of_a_signature_can_be_named() {
    let mut unknown = Vec::new();
    let mut seen = 0;
    for page in PAGES.iter().filter(|page| page.file != "index.html") {
        for signature in page.signatures() {
            // The value of a constant is no type.
            let signature = signature.split(" = ").next().unwrap();
            seen += between(signature, "href=\"", "\"").len();
            if !unlinked(signature).is_empty() {
                unknown.push(format!(
                    "{}: {}",
                    page.file,
                    plain(&format!("<{signature}"))
                ));
            }
        }
    }
    assert!(
        unknown.is_empty(),
        "no page for a type:\n{}",
        unknown.join("\n")
    );
    assert!(seen > 300, "only {seen} types were found");
}

#[test]
fn types_have_the_common_traits() {
    let mut without = Vec::new();
    let mut seen = 0;
    for page in PAGES.iter().filter(|page| page.is_type()) {
        let (name, text) = (page.name(), plain(&page.html));
        let has = |of: &str| {
            let headed = format!("{of} for {name}");
            text.contains(&headed) && !text.contains(&format!("!{headed}"))
        };
        let mut wanted = vec!["Debug"];
        if !OF_ONE_THREAD.contains(&name) {
            wanted.extend(["Send", "Sync"]);
        }
        if name.ends_with("Error") || ["Misfit", "NoProfile", "Overflow"].contains(&name) {
            wanted.extend(["Error", "Display"]);
        }
        seen += wanted.len();
        let missing = wanted.into_iter().filter(|of| !has(of));
        without.extend(missing.map(|of| format!("{name}: {of}")));
    }
    assert!(without.is_empty(), "no impl:\n{}", without.join("\n"));
    assert!(seen > 100, "only {seen} impls were looked for");
}

/// So that who knows nothing of poolcfg has a pool after one page.
#[test]
fn the_front_page_leads_to_a_pool() {
    let front = PAGES.iter().find(|page| page.file == "index.html").unwrap();
    let text = plain(front.top());
    let steps = [
        "cargo add poolcfg-runtime",
        "[pooling_allocator]",
        "#[pool_limits]\npub const POOL: PoolLimits;",
        "POOL.recheck()?",
        "Pool::new(reserved)?",
        "pool.acquire_with(",
        "#[pool_limits]\npub const POOL: WasmtimeLimits;",
        "configure_wasmtime!(checked =&gt; config, pooling);",
        "wasmtime::Engine::new(&amp;config)?",
        "RecheckError",
    ];
    let mut rest = &*text;
    for step in steps {
        rest = rest.split_once(step).expect(step).1;
    }
}

#[test]
fn what_is_missing_is_seen() {
    let html = "<details class=\"toggle top-doc\"><pre class=\"rust rust-example-rendered\"><code>\
                <span class=\"comment\">// named</span>Size::<b>called</b>()</code></pre></details>\
                <section id=\"method.named\" class=\"method\"><h4>pub fn named() -&gt; \
                <a href=\"struct.Size.html\">Size</a></h4></section>\
                <span class=\"anchor field\">§</a><code>at: Hidden</code>\
                <h2 id=\"trait-implementations\"><section id=\"method.fmt\">";
    let page = Page {
        file: "variables/struct.Size.html".to_owned(),
        html: html.to_owned(),
    };
    assert_eq!((page.name(), page.is_type()), ("Size", true));
    let code = examples(page.top());
    assert_eq!(code, ["Size::called()"]);
    assert!(has_word(&code[0], "called") && !has_word(&code[0], "call"));
    let names: Vec<_> = page.items().iter().map(|item| item.name).collect();
    assert_eq!(names, ["named"]);
    let types: Vec<_> = page.signatures().into_iter().map(unlinked).collect();
    assert_eq!(types, [vec![], vec!["Hidden".to_owned()]]);
}
