//! Which file of a crate names which other one: the arrows between modules, read from their source.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module's place in its crate: the names that lead to it.
type Place = Vec<String>;

/// What a module names, by what each of its names is of.
pub type Arrows = BTreeMap<String, BTreeSet<String>>;

/// What a file names, outside of comments and tests.
struct File {
    /// The types that it defines.
    types: BTreeSet<String>,
    /// What it brings into its scope: each name, and the path that stands for it.
    names: BTreeMap<String, Vec<String>>,
    /// Every path that it names, from the root of the crate or from itself.
    paths: BTreeSet<Vec<String>>,
    /// Those of them that it only hands on.
    handed_on: BTreeSet<Vec<String>>,
}

/// All files of a crate.
pub struct Crate {
    files: BTreeMap<Place, File>,
}

impl Crate {
    /// The files below a folder `src`, without those that are for tests.
    pub fn read(src: &Path) -> Self {
        let mut texts = BTreeMap::new();
        texts_below(src, &mut Vec::new(), &mut texts);
        let of_tests: Vec<Place> = texts
            .iter()
            .flat_map(|(place, text)| of_tests(place, text))
            .collect();
        texts.retain(|place, _| !of_tests.iter().any(|tests| place.starts_with(tests)));
        let files = texts
            .into_iter()
            .map(|(place, text)| (place, File::new(&text)));
        Self {
            files: files.collect(),
        }
    }

    /// The arrows between what stands in one folder, a file together with the folder of its name; for the root of the
    /// crate the folder is empty.
    pub fn in_folder(&self, folder: &[String]) -> Arrows {
        let unit = |place: &[String]| match place.strip_prefix(folder) {
            Some([unit, ..]) => Some(unit.clone()),
            _ => None,
        };
        let mut arrows = Arrows::new();
        for (place, file) in &self.files {
            let Some(own) = unit(place) else { continue };
            let needs = arrows.entry(own.clone()).or_default();
            let named = file.paths.iter().chain(&file.handed_on);
            let named = named.filter_map(|path| self.resolve(place, path, 0));
            needs.extend(named.filter_map(|to| unit(&to)).filter(|to| *to != own));
        }
        arrows
    }

    /// The arrows between all files. The root and a file above others hand on what is in them, and do not need it for
    /// that.
    pub fn between_files(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (place, file) in &self.files {
            let needs = arrows.entry(place.join("::")).or_default();
            let others = file.handed_on.iter();
            let others = others.filter_map(|path| self.resolve(place, path, 0));
            let others = others.filter(|to| !to.starts_with(place));
            let named = file.paths.iter();
            let named = named.filter_map(|path| self.resolve(place, path, 0));
            needs.extend(
                named
                    .chain(others)
                    .filter(|to| to != place)
                    .map(|to| to.join("::")),
            );
        }
        arrows
    }

    /// The types that its files define, and in which of them.
    pub fn types(&self) -> BTreeMap<String, Vec<String>> {
        let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (place, file) in &self.files {
            for name in &file.types {
                types
                    .entry(name.clone())
                    .or_default()
                    .push(place.join("::"));
            }
        }
        types
    }

    /// Every folder with files, the root among them.
    pub fn folders(&self) -> BTreeSet<Vec<String>> {
        let places = self.files.keys().filter(|place| !place.is_empty());
        places
            .map(|place| place[..place.len() - 1].to_vec())
            .collect()
    }

    /// The module in which what a path names is defined; `None` if it is none of this crate.
    fn resolve(&self, from: &[String], path: &[String], depth: u32) -> Option<Place> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" | "$crate" => Vec::new(),
            "self" => from.to_vec(),
            "super" => {
                let mut at = from.to_vec();
                at.pop()?;
                while let [next, others @ ..] = rest {
                    if next != "super" {
                        break;
                    }
                    at.pop()?;
                    rest = others;
                }
                at
            }
            name => {
                let mut child = from.to_vec();
                child.push(name.to_owned());
                if !self.files.contains_key(&child) {
                    return None;
                }
                child
            }
        };
        while let [next, others @ ..] = rest {
            let mut child = at.clone();
            child.push(next.clone());
            if self.files.contains_key(&child) {
                (at, rest) = (child, others);
                continue;
            }
            // What is only named here is of where it is named from.
            if let Some(path) = self.files.get(&at)?.names.get(next).filter(|_| depth < 9) {
                return self.resolve(&at, path, depth + 1).or(Some(at));
            }
            break;
        }
        Some(at)
    }
}

impl File {
    fn new(text: &str) -> Self {
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

fn texts_below(folder: &Path, place: &mut Place, texts: &mut BTreeMap<Place, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if place.is_empty() && name == "bin" {
            continue;
        }
        let is_root = place.is_empty() && name == "lib" || name == "mod";
        if !is_root {
            place.push(name);
        }
        if path.is_dir() {
            texts_below(&path, place, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            texts.insert(place.clone(), fs::read_to_string(&path).unwrap());
        }
        if !is_root {
            place.pop();
        }
    }
}

/// The children of a file that are for tests alone.
fn of_tests(place: &Place, text: &str) -> Vec<Place> {
    let mut lines = text.lines().peekable();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let is_for_tests = line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test,");
        let child = lines.peek().and_then(|line| {
            let line = line.trim_start_matches("pub(crate) ");
            line.strip_prefix("mod ")?.strip_suffix(';')
        });
        if let (true, Some(child)) = (is_for_tests, child) {
            found.push([place.as_slice(), &[child.to_owned()]].concat());
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
        } else if left.starts_with('"') {
            match code.rsplit_once('r') {
                Some((_, hashes)) if hashes.bytes().all(|byte| byte == b'#') => {
                    let close = format!("\"{hashes}");
                    1 + left[1..].find(&close).unwrap() + close.len()
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

/// The modules that are left when again and again those are taken out that need no other, or that no other needs: the
/// circles, and what is between them.
pub fn circle(mut arrows: Arrows) -> Arrows {
    loop {
        let needed: BTreeSet<String> = arrows.values().flatten().cloned().collect();
        let before = arrows.len();
        arrows.retain(|module, needs| !needs.is_empty() && needed.contains(module));
        let left: BTreeSet<String> = arrows.keys().cloned().collect();
        for needs in arrows.values_mut() {
            needs.retain(|module| left.contains(module));
        }
        if arrows.len() == before {
            return arrows;
        }
    }
}
