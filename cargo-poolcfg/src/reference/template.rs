//! What the template of `init` says of each key: a value, and a comment behind it.

use crate::command::init::TEMPLATE;

/// What the template says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TemplateKey {
    /// The value that it shows, as TOML: the default, unless the comment says that there is none.
    pub(super) value: String,
    /// The comment behind it, which may go on in further lines.
    pub(super) comment: String,
}

/// What it says of a key of a table, such as `address_space`.
pub(super) fn told(table: &str, key: &str) -> TemplateKey {
    told_by(TEMPLATE, table, key)
}

/// What such a text says.
#[track_caller]
fn told_by(text: &str, table: &str, key: &str) -> TemplateKey {
    let header = |line: &str| {
        let line = line.trim_start_matches("# ");
        let name = line.strip_prefix('[')?.strip_suffix(']')?;
        Some(name.replace(".my-board", ".NAME"))
    };
    let mut lines = text
        .lines()
        .skip_while(|line| header(line).is_none_or(|name| name != table))
        .skip(1)
        .take_while(|line| header(line).is_none());
    let found = lines.by_ref().find_map(|line| {
        let (name, rest) = line.trim_start_matches("# ").split_once(" = ")?;
        (name == key).then_some(rest)
    });
    let Some(rest) = found else {
        panic!("the template does not show `{key}` of `[{table}]`");
    };
    let (value, comment) = rest.split_once(" # ").unwrap_or((rest, ""));
    let more = lines
        .map_while(|line| line.strip_prefix("        ")?.trim().strip_prefix("# "))
        .map(|more| format!(" {more}"));
    TemplateKey {
        value: value.trim().to_owned(),
        comment: comment.to_owned() + &more.collect::<String>(),
    }
}

#[test]
fn a_comment_goes_on_in_the_next_line() {
    let text = "[a]\n# key = 1        # of a\n[b]\nkey = \"x\"   # one,\n             # two\n# other = 3\n";
    let told = |table, key| {
        let TemplateKey { value, comment } = told_by(text, table, key);
        (value, comment)
    };
    assert_eq!(told("a", "key"), ("1".to_owned(), "of a".to_owned()));
    assert_eq!(
        told("b", "key"),
        ("\"x\"".to_owned(), "one, two".to_owned())
    );
    assert_eq!(told("b", "other"), ("3".to_owned(), String::new()));
}
