//! Pools for the tests, and children that run one test of the same program under other limits.

#![allow(
    dead_code,
    reason = "every test program uses a part of what they share"
)]

use std::process::{Command, Output};

use poolcfg_runtime::__private::{
    AddressSpaceKeys, Engine, Keep, OnMisfit, PoolKeys, Setting, Settings, Target, WasmtimeVersion,
};
use poolcfg_runtime::{PoolLimits, Size, WasmtimeLimits};

/// A pool of slots with a table and a stack, all of it guaranteed.
pub(crate) const fn limits(instances: u32, reservation: Size, max_memory_size: Size) -> PoolLimits {
    with_keys(PoolKeys {
        max_instances: Some(Setting::given(instances)),
        memory_reservation: Some(Setting::given(reservation)),
        max_memory_size: Some(Setting::given(max_memory_size)),
        on_misfit: Some(Setting::given(OnMisfit::Error)),
        keep: Some(Setting::given(Keep::MemoryReservation)),
        ..PoolKeys::EMPTY
    })
}

/// A pool of these keys.
pub(crate) const fn with_keys(keys: PoolKeys) -> PoolLimits {
    let settings = Settings::new(&[], &[]).pooling_allocator(keys);
    PoolLimits::new(settings.promise(Target::CURRENT, 0))
}

/// A pool of as many instances as are guaranteed under these limits of the process.
pub(crate) const fn under(keys: PoolKeys, space: AddressSpaceKeys<'static>) -> PoolLimits {
    let settings = Settings::new(&[], &[])
        .pooling_allocator(PoolKeys {
            on_misfit: Some(Setting::given(OnMisfit::Shrink)),
            keep: Some(Setting::given(Keep::MemoryReservation)),
            ..keys
        })
        .address_space(space);
    PoolLimits::new(settings.promise(Target::CURRENT, 0))
}

/// A pool of these keys for a major version of Wasmtime.
pub(crate) const fn wasmtime_limits(major: u32, mut keys: PoolKeys) -> WasmtimeLimits {
    keys.engine = Some(Setting::given(Engine::Wasmtime));
    keys.wasmtime.version = Some(Setting::given(WasmtimeVersion::major(major)));
    let settings = Settings::new(&[], &[]).pooling_allocator(keys);
    let answer = settings.answer(Target::CURRENT);
    answer.must_hold("the settings", 0, Engine::Wasmtime);
    WasmtimeLimits::new(answer.promise(0, Engine::Wasmtime))
}

/// Runs one ignored test of this program in a process of its own. Unless `prepare` is empty, it is started
/// by a shell after it, such as `ulimit -v 67108864`.
pub(crate) fn child(test: &str, prepare: &str) -> Output {
    child_with(test, prepare, &[])
}

/// The same with environment variables.
pub(crate) fn child_with(test: &str, prepare: &str, variables: &[(&str, &str)]) -> Output {
    let program = std::env::current_exe().expect("a test knows its own program");
    let mut words = Vec::new();
    if !prepare.is_empty() {
        let script = format!("{prepare} && exec \"$0\" \"$@\"");
        words.extend(["sh".into(), "-c".into(), script.into()]);
    }
    // An emulator starts no program of its machine's.
    words.extend(std::env::var_os("POOLCFG_TEST_RUNNER"));
    words.push(program.into_os_string());
    let mut command = Command::new(words.remove(0));
    command
        .args(words)
        .args([test, "--exact", "--ignored", "--nocapture"])
        .arg("--test-threads=1")
        .envs(variables.iter().copied());
    command.output().expect("it runs again")
}

/// What a child wrote to stderr, when it ended well.
pub(crate) fn said(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{}: {said}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout)
    );
    said
}
