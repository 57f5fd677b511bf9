//! What the text of a file names.

use std::collections::{BTreeMap, BTreeSet};

/// What a file names, outside of comments and tests.
pub(super) struct File {
    /// The types that it defines.
    pub(super) types: BTreeSet<String>,
    /// What it brings into its scope: each name, and the path that stands for it.
    pub(super) names: BTreeMap<String, Vec<String>>,
    /// Every path that it names, from the root of the crate or from itself.
    pub(super) paths: BTreeSet<Vec<String>>,
    /// Those of them that it only hands on.
    pub(super) handed_on: BTreeSet<Vec<String>>,
}

impl File {
    pub(super) fn new(text: &str) -> Self {
        let code = code(text);
        let types = code.lines().filter_map(defined_type).collect();
        let mut names = BTreeMap::new();
        let mut paths = BTreeSet::new();
        let mut handed_on = BTreeSet::new();
        let mut rest = String::new();
        let mut left = code.as_str();
        while let Some(at) = find_use(left) {
            rest += &left[..at];
            let (used, behind) = left[at + "use ".len()..].split_once(';').unwrap();
            let mut trees = Vec::new();
            expand(&[], used, &mut trees);
            let line = left[..at].rsplit('\n').next().unwrap_or_default();
            let to = match line.trim().is_empty() {
                true => &mut paths,
                false => &mut handed_on,
            };
            for (path, name) in trees {
                names.insert(name, path.clone());
                to.insert(path);
            }
            left = behind;
        }
        names.extend(at_other_paths(text));
        rest += left;
        paths.extend(inline(&rest));
        Self {
            types,
            names,
            paths,
            handed_on,
        }
    }
}

/// The children of a file that are for tests alone.
pub(super) fn of_tests(place: &[String], text: &str) -> Vec<Vec<String>> {
    let mut lines = text.lines().peekable();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let is_for_tests = line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test,");
        let child = lines.peek().and_then(|line| {
            let line = line.trim_start_matches("pub(crate) ");
            line.strip_prefix("mod ")?.strip_suffix(';')
        });
        if let (true, Some(child)) = (is_for_tests, child) {
            found.push([place, &[child.to_owned()]].concat());
        }
    }
    found
}

/// The text without comments, without what stands in quotes, and without its tests.
fn code(text: &str) -> String {
    let (text, _) = text.split_once("mod tests {").unwrap_or((text, ""));
    let mut code = String::new();
    let mut left = text;
    while let Some(at) = left.find(['/', '"', '\'']) {
        code += &left[..at];
        left = &left[at..];
        let end = if left.starts_with("//") {
            left.find('\n').unwrap_or(left.len())
        } else if let Some(behind) = left.strip_prefix('"') {
            match code.rsplit_once('r') {
                Some((_, hashes)) if hashes.bytes().all(|byte| byte == b'#') => {
                    let close = format!("\"{hashes}");
                    1 + behind.find(&close).unwrap() + close.len()
                }
                _ => end_of_text(left),
            }
        } else if ["'\"'", "'/'", "'\\''"]
            .iter()
            .any(|char| left.starts_with(char))
        {
            1 + left[2..].find('\'').unwrap() + 2
        } else {
            code.push_str(&left[..1]);
            1
        };
        left = &left[end..];
    }
    code + left
}

/// Behind the quote that ends a text.
fn end_of_text(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.char_indices().skip(1).find(|(_, char)| {
        let is_end = *char == '"' && !is_escaped;
        is_escaped = *char == '\\' && !is_escaped;
        is_end
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// The name of the type that a line defines outside of any block.
fn defined_type(line: &str) -> Option<String> {
    if line.starts_with(' ') {
        return None;
    }
    let mut words = line.split([' ', '<', '(', ';', '{', ':']);
    words.find(|word| ["struct", "enum", "trait", "type", "union"].contains(word))?;
    words.next().map(str::to_owned)
}

/// The children whose files have other names: the first file of each.
fn at_other_paths(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for at in text.split("#[path = \"").skip(1) {
        let Some((file, rest)) = at.split_once(".rs\"]\n") else {
            continue;
        };
        let child = rest.trim_start().split_once("mod ");
        if let Some((child, _)) = child.and_then(|(_, rest)| rest.split_once(';')) {
            let path = ["self", file].map(str::to_owned).to_vec();
            found.entry(child.to_owned()).or_insert(path);
        }
    }
    found
}

/// Where the next `use` of a text begins.
fn find_use(text: &str) -> Option<usize> {
    let found = text.match_indices("use ").find(|(at, _)| {
        let line = text[..*at].rsplit('\n').next().unwrap_or_default().trim();
        line.is_empty() || line == "pub" || line.starts_with("pub(") && line.ends_with(')')
    });
    found.map(|(at, _)| at)
}

/// Every path of a tree such as `a::{b, c as d}`, and the name that it has in the scope.
fn expand(before: &[String], tree: &str, found: &mut Vec<(Vec<String>, String)>) {
    let tree = tree.trim();
    let Some((head, inner)) = tree.split_once('{') else {
        let (path, name) = tree.split_once(" as ").unwrap_or((tree, ""));
        let segments = path.split("::").map(|segment| segment.trim().to_owned());
        let mut path: Vec<String> = before.iter().cloned().chain(segments).collect();
        path.retain(|segment| !segment.is_empty());
        // `self` at the end is what is before it.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let last = path.last().cloned().unwrap_or_default();
        let name = if name.is_empty() {
            last
        } else {
            name.trim().to_owned()
        };
        return found.push((path, name));
    };
    let segments = head.split("::").map(|segment| segment.trim().to_owned());
    let mut before: Vec<String> = before.iter().cloned().chain(segments).collect();
    before.retain(|segment| !segment.is_empty());
    let inner = inner.trim_end().strip_suffix('}').unwrap();
    let mut depth = 0_u32;
    let mut start = 0;
    for (at, char) in inner.char_indices().chain([(inner.len(), ',')]) {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !inner[start..at].trim().is_empty() {
                    expand(&before, &inner[start..at], found);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The paths that stand in code.
fn inline(code: &str) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    let is_part = |char: char| char.is_alphanumeric() || matches!(char, '_' | ':' | '$');
    for run in code.split(|char| !is_part(char)) {
        let segments: Vec<String> = run.split("::").map(str::to_owned).collect();
        if segments.len() > 1 && segments.iter().all(|segment| !segment.is_empty()) {
            found.insert(segments);
        }
    }
    found
}
