//! Any bytes as the files of /proc that a process is measured by, read by every reader and held to what can
//! be told of the answer in another way.
#![no_main]

#[path = "../../../poolcfg-runtime/src/machine/elf.rs"]
mod elf;
#[path = "../../../poolcfg-runtime/src/machine/proc.rs"]
mod proc;

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use poolcfg_core::Size;
use proc::Map;

fuzz_target!(|bytes: &[u8]| {
    // As the machine reads them: a file name may be anything.
    let text = String::from_utf8_lossy(bytes);
    maps(&text);
    gaps(&text);
    sizes(&text);
    swaps(&text);
    number(&text);
    cgroups(&text);
    header(bytes);
});

/// A map has bytes, and reads the same when it is written as the kernel writes it.
fn maps(text: &str) {
    let mut written = String::new();
    let maps: Vec<_> = proc::maps(text).collect();
    assert!(maps.len() <= text.lines().count());
    for map in &maps {
        let Map {
            start,
            end,
            writable,
            executable,
            name,
        } = map;
        assert!(start < end);
        let write = if *writable { 'w' } else { '-' };
        let execute = if *executable { 'x' } else { '-' };
        written +=
            &format!("{start:08x}-{end:08x} r{write}{execute}p 00000000 00:00 0       {name}\n");
    }
    assert!(proc::maps(&written).eq(maps));
    // Any line is a name of which all is read.
    for name in text.lines().map(str::trim) {
        let line = format!("10000-20000 rw-p 00000000 fe:00 123   {name}");
        let names: Vec<_> = proc::maps(&line).map(|map| map.name).collect();
        assert_eq!(names, [name]);
    }
}

/// The gaps are what no map below the stack covers: judged one piece between two edges after the other.
fn gaps(text: &str) {
    /// More would take long, and be no different.
    const MOST: usize = 64;
    let maps: Vec<_> = proc::maps(text).collect();
    if maps.len() > MOST {
        return;
    }
    let stack = maps.iter().find(|map| map.name == "[stack]");
    let maps: Vec<_> = maps
        .iter()
        .filter(|map| stack.is_none_or(|stack| map.start <= stack.start))
        .collect();
    let first = maps.first();
    for lowest in [
        0,
        0x10000,
        first.map_or(1, |map| map.start),
        first.map_or(u64::MAX, |map| map.end),
    ] {
        let top = maps.iter().map(|map| map.start).max().unwrap_or(0);
        let edges = maps.iter().flat_map(|map| [map.start, map.end]);
        let edges: BTreeSet<u64> = edges
            .chain([lowest])
            .filter(|edge| (lowest..=top).contains(edge))
            .collect();
        let edges: Vec<u64> = edges.into_iter().collect();
        let free: Vec<(u64, u64)> = edges
            .array_windows()
            .filter(|[edge, _]| !maps.iter().any(|map| (map.start..map.end).contains(edge)))
            .map(|[edge, next]| (*edge, next - edge))
            .collect();
        let gaps = proc::gaps(text, lowest);
        assert!(gaps.is_sorted_by_key(|gap| std::cmp::Reverse(gap.bytes)));
        let mut gaps: Vec<_> = gaps
            .iter()
            .map(|gap| (gap.start, gap.bytes.get()))
            .collect();
        gaps.sort_unstable();
        assert_eq!(gaps, free);
    }
}

/// The size of a key is a number of KiB in the text, and the first line of a key counts.
fn sizes(text: &str) {
    let mut all = Size::ZERO;
    for key in ["MemTotal", "SwapTotal", "VmSize", "CommitLimit"] {
        let size = proc::size_of(text, key);
        if let Some(size) = size {
            assert!(size.is_multiple_of(Size::kib(1)));
            let kib = (size.get() >> 10).to_string();
            assert!(text.contains(&kib));
            let line = format!("{key}:\t{kib:>8} kB\n");
            assert_eq!(proc::size_of(&line, key), Some(size));
            assert_eq!(proc::size_of(&format!("{line}{text}"), key), Some(size));
        }
        let other = format!("{key}X: 7 kB\nX{key}: 7 kB\n{text}");
        assert_eq!(proc::size_of(&other, key), size);
        let first = proc::size_of(&format!("{key}: 7 kB\n{text}"), key);
        assert_eq!(first, Some(Size::kib(7)));
        if matches!(key, "MemTotal" | "SwapTotal") {
            all = all
                .checked_add(size.unwrap_or(Size::ZERO))
                .unwrap_or(Size::ZERO);
        }
    }
    if let Some(sum) = proc::ram_and_swap(text) {
        assert_eq!(sum, all);
    }
}

/// All that is listed counts, and one line more adds its size.
fn swaps(text: &str) {
    let kib = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok())
        .filter(|kib| *kib <= u64::MAX >> 10);
    let bytes: u128 = kib.map(|kib| u128::from(kib) << 10).sum();
    let most = |bytes: u128| u128::from(u64::MAX).min(bytes);
    assert_eq!(u128::from(proc::swaps(text).get()), most(bytes));
    let listed = text.split_once('\n').map_or("", |(_, listed)| listed);
    let more = format!("Filename\n/dev/vdb\tpartition\t7\t0\t-2\n{listed}");
    let sum = u128::from(proc::swaps(&more).get());
    assert_eq!(sum, most(bytes + (7 << 10)));
}

/// A text of digits alone is its number as long as it is one of 64 bits.
fn number(text: &str) {
    let digits = text.trim().trim_start_matches('+');
    let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match proc::number(text) {
        Some(number) => {
            assert!(whole);
            assert!(digits.ends_with(&number.to_string()));
            assert_eq!(proc::number(&format!("{number}\n")), Some(number));
        }
        None => assert!(!whole || digits.len() > 19 || text.contains('+')),
    }
}

/// The files are in the file system of the cgroups, each line's from its own up to the root.
fn cgroups(text: &str) {
    let files = proc::cgroup_limit_files(text);
    let swap: Vec<String> = files
        .iter()
        .filter_map(|file| {
            Some(format!(
                "{}/memory.swap.max",
                file.strip_suffix("/memory.max")?
            ))
        })
        .collect();
    assert_eq!(proc::cgroup_swap_files(text), swap);
    let mut above: Option<&str> = None;
    for file in &files {
        let (folder, name) = file.rsplit_once('/').expect("a path");
        let root = match name {
            "memory.max" => "/sys/fs/cgroup",
            "memory.limit_in_bytes" => "/sys/fs/cgroup/memory",
            _ => panic!("`{file}`"),
        };
        assert!(folder.starts_with(root));
        assert!(folder.split('/').all(|part| part != ".."));
        if let Some(above) = above {
            assert_eq!(folder, above);
        }
        above = match folder {
            _ if folder == root => None,
            _ => folder.rsplit_once('/').map(|(above, _)| above),
        };
    }
    assert_eq!(above, None, "no root in {files:?}");
}

/// What tells a relocation model is a header of ELF, and what is behind it does not matter.
fn header(bytes: &[u8]) {
    let model = elf::relocation_model(bytes);
    if model.is_some() {
        assert!(bytes.starts_with(b"\x7fELF"));
    }
    let header = &bytes[..bytes.len().min(elf::HEADER)];
    assert_eq!(elf::relocation_model(header), model);
}
