//! Which file of a crate names which other one: the arrows between modules, read from their source.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use source::{File, of_tests};

/// A module's place in its crate: the names that lead to it.
type Place = Vec<String>;

/// What a module names, by what each of its names is of.
pub type Arrows = BTreeMap<String, BTreeSet<String>>;

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
