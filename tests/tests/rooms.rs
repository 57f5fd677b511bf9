//! The rooms of a crate, which are the files and folders right below its `src`: no two of them need each other, so that
//! each can be read without what is above it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use poolcfg_tests::root;

/// What each room of a crate names as `crate::ROOM`, without tests.
type Rooms = BTreeMap<String, BTreeSet<String>>;

fn rooms(src: &Path) -> Rooms {
    let mut rooms = Rooms::new();
    for entry in fs::read_dir(src).unwrap() {
        let path = entry.unwrap().path();
        let room = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if room != "lib" && room != "bin" {
            needs(&path, rooms.entry(room).or_default());
        }
    }
    let names: Vec<String> = rooms.keys().cloned().collect();
    for (room, needs) in &mut rooms {
        needs.retain(|other| other != room && names.contains(other));
    }
    rooms
}

/// The first names behind each `crate::` of a file, or of all files of a folder.
fn needs(path: &Path, found: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if !path.ends_with("tests") && !path.ends_with("tests.rs") {
                needs(&path, found);
            }
        }
        return;
    }
    let text = fs::read_to_string(path).unwrap();
    let (text, _) = text.split_once("\nmod tests {").unwrap_or((&text, ""));
    // Nothing is named another way from the root.
    assert!(!text.contains("use crate::{"), "{}", path.display());
    assert!(!text.contains("super::super"), "{}", path.display());
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    for named in code.flat_map(|line| line.split("crate::").skip(1)) {
        let end = named.find(|char: char| !char.is_alphanumeric() && char != '_');
        found.insert(named[..end.unwrap_or(named.len())].to_owned());
    }
}

/// The rooms that are left when again and again those are taken out that need no other.
fn circle(mut rooms: Rooms) -> Rooms {
    loop {
        let free: Vec<String> = rooms
            .iter()
            .filter(|(_, needs)| needs.is_empty())
            .map(|(room, _)| room.clone())
            .collect();
        if free.is_empty() {
            return rooms;
        }
        rooms.retain(|room, _| !free.contains(room));
        for needs in rooms.values_mut() {
            needs.retain(|room| !free.contains(room));
        }
    }
}

#[test]
fn no_rooms_need_each_other() {
    for name in ["cargo-poolcfg", "poolcfg-core", "poolcfg-runtime"] {
        let rooms = rooms(&root().join(name).join("src"));
        let arrows: usize = rooms.values().map(BTreeSet::len).sum();
        assert!(
            rooms.len() > 5 && rooms.len() <= 16 && arrows > 10,
            "{name}: {rooms:?}"
        );
        assert_eq!(circle(rooms), Rooms::new(), "{name}");
    }
}

#[test]
fn a_circle_is_seen() {
    let of = |needs: &[(&str, &[&str])]| -> Rooms {
        let needs = needs.iter().map(|(room, needs)| {
            let needs = needs.iter().map(|need| (*need).to_owned());
            ((*room).to_owned(), needs.collect())
        });
        needs.collect()
    };
    let line: [(&str, &[&str]); 3] = [("a", &["b", "c"]), ("b", &["c"]), ("c", &[])];
    assert!(circle(of(&line)).is_empty());
    let ring: [(&str, &[&str]); 3] = [("a", &["b"]), ("b", &["c"]), ("c", &["b"])];
    assert_eq!(circle(of(&ring)).len(), 3);
}
