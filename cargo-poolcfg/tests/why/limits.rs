//! Each limit is named by what it refuses, and no other.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::{Folder, ran};
use crate::{ADDRESS_SPACE, DATA, MEMLOCK, result, why, words};

/// Each limit that is named among the failures that were not survived.
fn limits(result: &Value) -> Vec<&str> {
    let failures = result["failures"].as_array().unwrap().iter();
    let mut limits: Vec<&str> = failures
        .filter(|failure| failure["survived"] == false)
        .map(|failure| failure["limit"].as_str().unwrap())
        .collect();
    limits.dedup();
    limits
}

#[test]
fn each_limit_is_named_and_no_other() {
    for (wrapper, what, call, limit) in [
        (ADDRESS_SPACE, "address_space", "mmap", "rlimit_as"),
        (ADDRESS_SPACE, "heap", "brk", "rlimit_as"),
        (ADDRESS_SPACE, "seccomp_then_limit", "mmap", "rlimit_as"),
        (DATA, "data", "mmap", "rlimit_data"),
        (DATA, "data_by_mprotect", "mprotect", "rlimit_data"),
        (DATA, "heap", "brk", "rlimit_data"),
        (MEMLOCK, "memlock", "mlock", "rlimit_memlock"),
        (&[], "hole", "mmap", "hole"),
        (MEMLOCK, "memlock_all", "mlockall", "rlimit_memlock"),
        (&[], "huge_pages", "mmap", "huge_pages"),
        (&[], "maps", "mprotect", "max_map_count"),
        (&[], "maps_by_mmap", "mmap", "max_map_count"),
        (&[], "maps_by_munmap", "munmap", "max_map_count"),
        (&[], "maps_by_madvise", "madvise", "max_map_count"),
        (&[], "seccomp", "mmap", "seccomp"),
        (ADDRESS_SPACE, "without_first_thread", "mmap", "rlimit_as"),
    ] {
        let result = result(wrapper, what, 3);
        let verdict = &result["verdict"];
        assert_eq!(verdict["limit"], limit, "{what}: {result:#}");
        assert_eq!(verdict["call"], call, "{what}: {result:#}");
        assert_eq!(limits(&result), [limit], "{what}: {result:#}");
        assert_eq!(verdict["survived"], false, "{what}");
        assert_ne!(verdict["help"], json!([]), "{what}");
        assert_ne!(verdict["program"], "", "{what}");
        let (need, have) = (verdict["need"].as_u64(), verdict["have"].as_u64());
        assert!(need > have, "{what}: {result:#}");
        assert_eq!(result["status"], json!({"code": 3, "signal": null}));
    }
}

#[test]
fn huge_pages_are_those_of_the_size_that_is_asked_for() {
    let run = |what: &str, more: &str| {
        let mut words = words(&[], what);
        words.push(more.to_owned());
        ran(&mut why(&[], &words))
    };
    const GIB: &str = "/sys/kernel/mm/hugepages/hugepages-1048576kB";
    if Path::new(GIB).exists() {
        for (what, more) in [("huge_pages_of_other_size", "30"), ("huge_file", "")] {
            run(what, more)
                .ends(3)
                .says("too few huge pages of 1 GiB")
                .says(&format!("{GIB}/nr_hugepages: "))
                .says(&format!(" > {GIB}/nr_hugepages`"))
                .says_nothing_of("vm.nr_hugepages");
        }
    } else {
        eprintln!("the kernel has no huge pages of 1 GiB");
    }
    run("huge_pages_of_other_size", "22")
        .ends(3)
        .says("failed with EINVAL: the kernel has no huge pages of 4 MiB");
}

#[test]
fn what_an_interpreter_is_refused_at_the_limit_is_of_the_limit() {
    let result = result(&[], "maps_then_more", 3);
    assert_eq!(result["verdict"]["limit"], "max_map_count", "{result:#}");
    assert_eq!(limits(&result), ["max_map_count"], "{result:#}");
}

#[test]
fn a_lock_that_splits_one_mapping_too_many_is_told() {
    let result = result(&[], "maps_by_mlock", 3);
    let limit = &result["verdict"]["limit"];
    if limit == "rlimit_memlock" {
        eprintln!("so much may not be locked here");
        return;
    }
    assert_eq!(limit, "max_map_count", "{result:#}");
}

#[test]
fn what_no_limit_is_about_is_not_told() {
    let result = result(&[], "no_limit", 3);
    assert_eq!(result["failures"], json!([]), "{result:#}");
}

#[test]
fn what_is_needed_to_lock_all_is_not_in_use() {
    let words = words(MEMLOCK, "memlock_all");
    let ran = ran(&mut why(&[], &words));
    let said = ran.ends(3).says("RLIMIT_MEMLOCK: 64 KiB allowed");
    said.says("needed").says_nothing_of("in use");
}

#[test]
fn a_rule_against_writing_and_executing_is_named() {
    for (what, call) in [("write_and_execute", "mmap"), ("execute_later", "mprotect")] {
        let ran = ran(&mut why(&["--message-format", "json"], &words(&[], what)));
        if ran.status == 77 {
            eprintln!("{what}: the kernel has no PR_SET_MDWE");
            continue;
        }
        let json = ran.ends(3).json();
        let verdict = &json["results"][0]["verdict"];
        assert_eq!(verdict["limit"], "write_and_execute", "{json:#}");
        assert_eq!(verdict["call"], call, "{json:#}");
        assert_eq!(verdict["errno"], "EACCES");
    }
}

#[test]
fn a_signal_of_a_filter_is_named() {
    for (what, call) in [
        ("sigsys", "mmap"),
        ("trap", "mmap"),
        ("sigsys_at_socket", "socket"),
        ("trap_at_socket", "socket"),
        ("sigsys_among_threads", "socket"),
    ] {
        let result = result(&[], what, 128 + libc_sigsys());
        let failures = result["failures"].as_array().unwrap();
        assert_eq!(failures.len(), 1, "{what}: {result:#}");
        assert_eq!(result["verdict"]["limit"], "seccomp", "{result:#}");
        assert_eq!(result["verdict"]["call"], call, "{what}: {result:#}");
        assert_eq!(result["status"]["signal"], libc_sigsys());
        let ran = ran(&mut why(&[], &words(&[], what)));
        ran.says(&format!("killed by SIGSYS at `{call}`: a seccomp filter"))
            .says(&format!("allow `{call}` in the filter"));
    }
}

#[test]
fn a_signal_of_no_filter_is_not_told_as_one() {
    let words = ["sh", "-c", "kill -SYS $$"].map(str::to_owned);
    let ran = ran(&mut why(&[], &words));
    assert_eq!(ran.ends(128 + libc_sigsys()).stderr, "");
}

const fn libc_sigsys() -> i32 {
    31
}

#[test]
fn a_kill_by_a_memory_cgroup_is_named() {
    // Only root makes one, and only where the controller is there.
    let folder = |root: &str| Path::new(root).join(format!("poolcfg-why-{}", std::process::id()));
    let places = [
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        ("/sys/fs/cgroup", "memory.max"),
    ];
    let made = places.iter().find_map(|(root, file)| {
        let folder = folder(root);
        fs::create_dir(&folder).ok()?;
        let is_set = fs::write(folder.join(file), "33554432").is_ok();
        if !is_set {
            let _ = fs::remove_dir(&folder);
        }
        is_set.then_some(folder)
    });
    let Some(folder) = made else {
        eprintln!("no memory cgroup can be made here");
        return;
    };
    let mut words = words(&[], "out_of_cgroup");
    words.push(folder.to_str().unwrap().to_owned());
    let ran = ran(&mut why(&["--message-format", "json"], &words));
    fs::remove_dir(&folder).unwrap();
    let json = ran.ends(137).json();
    let verdict = &json["results"][0]["verdict"];
    assert_eq!(verdict["limit"], "memory_cgroup", "{json:#}");
    assert_eq!(verdict["have"], 32 << 20, "{json:#}");
}

#[test]
fn a_program_that_is_killed_before_it_begins_is_told() {
    for (wrapper, limit) in [("--as=100000", "rlimit_as"), ("--data=1000", "rlimit_data")] {
        let words = ["prlimit", wrapper, "/bin/true"].map(str::to_owned);
        let ran = ran(&mut why(&["--message-format", "json"], &words));
        let json = ran.ends(128 + libc_sigsegv()).json();
        let result = &json["results"][0];
        assert_eq!(limits(result), [limit], "{json:#}");
        assert_eq!(result["verdict"]["call"], "execve", "{json:#}");
        ran.says("killed by SIGSEGV before the program began");
    }
}

const fn libc_sigsegv() -> i32 {
    11
}

#[test]
fn a_stack_of_one_page_is_told_wherever_it_ends() {
    // In exec, early or late, or at the first push of the program, as ASLR puts the stack.
    let words = ["prlimit", "--stack=4096", "/bin/true"].map(str::to_owned);
    for _ in 0..100 {
        let ran = ran(&mut why(&[], &words));
        ran.ends(128 + libc_sigsegv())
            .says("error[PC0050]")
            .says("RLIMIT_STACK");
    }
}

#[test]
fn a_stack_that_is_full_is_told() {
    let script = "ulimit -s 512; f() { f; }; f";
    let words = ["bash", "-c", script].map(str::to_owned);
    let ran = ran(&mut why(&["--message-format", "json"], &words));
    let json = ran.ends(128 + libc_sigsegv()).json();
    let verdict = &json["results"][0]["verdict"];
    assert_eq!(verdict["limit"], "rlimit_stack", "{json:#}");
    assert_eq!(verdict["have"], 512 << 10, "{json:#}");
    ran.says("its stack cannot grow: RLIMIT_STACK")
        .says("`ulimit -s 8192`");
}

#[test]
fn a_variable_that_is_too_large_for_the_stack_is_told() {
    let result = result(&[], "large_variable", 128 + libc_sigsegv());
    assert_eq!(result["verdict"]["limit"], "rlimit_stack", "{result:#}");
    let need = result["verdict"]["need"].as_u64().unwrap();
    assert!(need > 64 << 20, "{result:#}");
}

#[test]
fn a_stack_is_advised_to_be_larger_than_it_is() {
    let script = "ulimit -s 8192; f() { f; }; f";
    let words = ["bash", "-c", script].map(str::to_owned);
    let ran = ran(&mut why(&[], &words));
    ran.ends(128 + libc_sigsegv())
        .says("`ulimit -s 32768`")
        .says("without end");
}

#[test]
fn a_full_tmpfs_is_told() {
    let folder = Folder::new();
    let path = folder.root().to_str().unwrap();
    // Only who may mount has one of a size.
    let mount = "mount -t tmpfs -o size=1M none \"$0\" || exit 77; exec \"$@\"";
    let mut command = ["unshare", "--mount", "sh", "-c", mount, path]
        .map(str::to_owned)
        .to_vec();
    command.extend(words(&[], "full_tmpfs"));
    command.push(format!("{path}/file"));
    let ran = ran(&mut why(&["--message-format", "json"], &command));
    if [1, 77].contains(&ran.status) {
        eprintln!("no file system can be mounted here");
        return;
    }
    let json = ran.ends(128 + libc_sigbus()).json();
    let verdict = &json["results"][0]["verdict"];
    assert_eq!(verdict["limit"], "tmpfs", "{json:#}");
    assert_eq!(verdict["have"], 1 << 20, "{json:#}");
    ran.says("killed by SIGBUS: the tmpfs of its mapping is full")
        .says("/file`")
        .says("--shm-size");
}

#[test]
fn huge_pages_that_are_not_there_when_they_are_used_are_told() {
    let ran = ran(&mut why(&[], &words(&[], "huge_pages_later")));
    if ran.status == 77 {
        eprintln!("there are huge pages here, or none at all");
        return;
    }
    ran.ends(128 + libc_sigbus())
        .says("killed by SIGBUS: too few huge pages (vm.nr_hugepages)")
        .says("`sysctl -w vm.nr_hugepages=1`");
}

#[test]
fn a_file_that_is_too_short_is_blamed_on_no_limit() {
    let ran = ran(&mut why(&[], &words(&[], "short_file")));
    ran.ends(128 + libc_sigbus()).says_nothing_of("error[");
}

const fn libc_sigbus() -> i32 {
    7
}

#[test]
fn a_wild_address_is_blamed_on_no_limit() {
    let words = ["python3", "-c", "import ctypes; ctypes.string_at(8)"].map(str::to_owned);
    let ran = ran(&mut why(&[], &words));
    ran.ends(128 + libc_sigsegv()).says_nothing_of("error[");
}

/// An unlimited stack limit has mmap search down from a sixth of the window and then up from a third: what lies between
/// is free, and never found.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_hole_that_is_not_searched_is_none() {
    let result = result(&["prlimit", "--stack=unlimited"], "hole_of_44_tib", 3);
    let verdict = &result["verdict"];
    assert_eq!(verdict["limit"], "hole", "{result:#}");
    let have = verdict["have"].as_u64().unwrap();
    assert!((41 << 40..44 << 40).contains(&have), "{result:#}");
}

/// Where other threads give memory back at once, the limit is not seen each time that a call has failed.
#[test]
fn a_limit_that_is_seen_once_is_named() {
    for _ in 0..5 {
        let result = result(&["prlimit", "--as=3221225472"], "races", 3);
        assert_eq!(result["verdict"]["limit"], "rlimit_as", "{result:#}");
    }
}
