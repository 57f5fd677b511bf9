//! Pools of one file in every order, in processes that are made up: wherever ASLR puts things, each gets its guarantee.

use poolcfg_core::{
    AddressSpaceKeys, Aslr, Engine, Layout, LinuxLayout, OnMisfit, Os, Plan, PoolKeys, Promise,
    RelocationModel, Setting, Settings, Size, Target, VaProfile, WasmtimeVersion,
};

use super::super::space::{Made, reach};
use super::process::{Process, Started};

/// What is mapped between two starts.
const BETWEEN: Size = Size::mib(8);

/// The loader comes first, flush with the mmap base.
const LIBRARIES: [Size; 3] = [Size::kib(212), Size::mib(2), Size::mib(8)];

/// One pool of a file: its name, slots that are asked for, and GiB of each; Wasmtime's or not.
#[derive(Clone, Copy, Debug)]
struct Asked {
    name: &'static str,
    slots: u32,
    mib: u64,
    wasmtime: bool,
    shrinks: bool,
    pools: u32,
}

fn asked(name: &'static str, slots: u32, mib: u64) -> Asked {
    Asked {
        name,
        slots,
        mib,
        wasmtime: false,
        shrinks: false,
        pools: 1,
    }
}

fn wasmtime(name: &'static str, slots: u32, mib: u64) -> Asked {
    Asked {
        wasmtime: true,
        ..asked(name, slots, mib)
    }
}

impl Asked {
    fn keys(&self) -> PoolKeys {
        let mut keys = PoolKeys {
            engine: Some(Setting::given(if self.wasmtime {
                Engine::Wasmtime
            } else {
                Engine::Native
            })),
            max_instances: Some(Setting::given(self.slots)),
            memory_reservation: Some(Setting::given(Size::mib(self.mib))),
            max_memory_size: Some(Setting::given(Size::mib(1))),
            guard_size: Some(Setting::given(Size::mib(32))),
            pools: Some(Setting::given(self.pools)),
            ..PoolKeys::EMPTY
        };
        if self.wasmtime {
            keys.wasmtime.version = Some(Setting::given(WasmtimeVersion::major(48)));
        }
        if self.shrinks {
            keys.on_misfit = Some(Setting::given(OnMisfit::Shrink));
        }
        keys
    }
}

/// The promises of a file on the floor of an architecture; `None` if the build refuses it.
fn promises(target: Target, aslr: Aslr, file: &[Asked]) -> Option<Vec<Promise<'static>>> {
    let names: Vec<&'static str> = file.iter().map(|pool| pool.name).collect();
    let mut settings = Settings::new(&names, &[]).address_space(AddressSpaceKeys {
        aslr: Some(Setting::given(aslr)),
        ..AddressSpaceKeys::EMPTY
    });
    for (at, pool) in file.iter().enumerate() {
        settings = settings.pool(at, pool.keys());
    }
    let case = settings.case(target).expect("no fault");
    let plan = Plan::new(&case);
    if let Some(misfit) = plan.misfit {
        println!("{misfit:?}");
        return None;
    }
    let promise = |at| plan.promise(&case, at);
    Some((0..file.len()).map(promise).collect())
}

fn linux(profile: &VaProfile<'_>) -> LinuxLayout {
    match profile.layout {
        Layout::Linux(linux) => linux,
        Layout::OneHole(_) => panic!("Linux has a layout"),
    }
}

/// All orders of so many things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(count - 1);
    let insert = |order: &Vec<usize>| {
        (0..count)
            .map(|at| {
                let mut order = order.clone();
                order.insert(at, count - 1);
                order
            })
            .collect::<Vec<_>>()
    };
    shorter.iter().flat_map(insert).collect()
}

/// Starts pools in an order, with something mapped before each.
fn start_all(
    process: &Process,
    promises: &[Promise<'static>],
    order: &[usize],
) -> Result<Vec<Started>, String> {
    let mut started: Vec<Started> = Vec::new();
    for at in order {
        let promise = &promises[*at];
        if !process.map(BETWEEN) {
            return Err("no room between".to_owned());
        }
        let one = process
            .start(promise)
            .map_err(|error| format!("{}: {error}", promise.name))?;
        if one.limits.max_instances < promise.guaranteed.max_instances {
            return Err(format!("{} has {}", promise.name, one.limits.max_instances));
        }
        started.push(one);
    }
    Ok(started)
}

/// Each pool as often as it says.
fn each(promises: &[Promise<'static>]) -> Vec<Promise<'static>> {
    let often = |promise: &Promise<'static>| {
        std::iter::repeat_n(*promise, usize::try_from(promise.asked.pools).unwrap())
    };
    promises.iter().flat_map(often).collect()
}

const SV39: Target = Target::new(poolcfg_core::Arch::Riscv64, Os::Linux, 64);
const VA39: Target = Target::new(poolcfg_core::Arch::Aarch64, Os::Linux, 64);

/// Positions of ASLR that matter: both ends, and on a grid between them.
fn positions(
    profile: &VaProfile<'_>,
    linux: &LinuxLayout,
    aslr: Aslr,
    steps: u64,
) -> Vec<[u64; 4]> {
    let bits = aslr.bits(linux);
    let page = profile.page_size.get();
    let [stack, base, program, heap] = reach(profile, linux, bits);
    let part = |of: u64, step: u64| of / steps * step / page * page;
    let mut positions = Vec::new();
    for base_step in 0..=steps {
        for program_step in 0..=steps {
            for ends in 0..4u64 {
                positions.push([
                    stack * (ends & 1),
                    part(base, base_step),
                    part(program, program_step),
                    heap * (ends >> 1) / page * page,
                ]);
            }
        }
    }
    positions
}

fn files(scale: u64) -> Vec<Vec<Asked>> {
    let gib = |gib: u64| gib * 1024 * scale;
    vec![
        vec![asked("a", 1, gib(120)), asked("b", 20, gib(3))],
        vec![
            asked("a", 1, gib(80)),
            asked("b", 1, gib(60)),
            asked("c", 8, gib(2)),
        ],
        vec![
            wasmtime("a", 20, gib(4)),
            wasmtime("b", 10, gib(4)),
            asked("c", 20, gib(2)),
        ],
        vec![
            asked("a", 10, gib(2)),
            Asked {
                shrinks: true,
                ..asked("b", 1000, gib(4))
            },
            wasmtime("c", 5, gib(4)),
        ],
        vec![
            Asked {
                shrinks: true,
                ..wasmtime("a", 1000, gib(4))
            },
            Asked {
                shrinks: true,
                ..asked("b", 1000, gib(2))
            },
            Asked {
                shrinks: true,
                ..wasmtime("c", 1000, gib(1))
            },
        ],
        vec![
            Asked {
                shrinks: true,
                pools: 2,
                ..asked("a", 1000, gib(3))
            },
            Asked {
                pools: 2,
                ..wasmtime("b", 3, gib(4))
            },
        ],
    ]
}

#[test]
fn explore() {
    let steps: u64 = std::env::var("STEPS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(4);
    for (target, scale) in [(SV39, 1), (VA39, 2)] {
        let profile = VaProfile::floor(target).expect("it has one");
        let linux = linux(&profile);
        for aslr in [Aslr::Minimum, Aslr::Maximum] {
            for (number, file) in files(scale).iter().enumerate() {
                let Some(promises) = promises(target, aslr, file) else {
                    println!("{} {aslr:?} file {number}: refused", profile.name);
                    continue;
                };
                let all = each(&promises);
                let mut fails = 0;
                let mut starts = 0;
                for moved in positions(&profile, &linux, aslr, steps) {
                    for order in orders(all.len()) {
                        for aligned in [false, true] {
                            let made = Made {
                                program: RelocationModel::Pie,
                                stack_limit: Some(Size::mib(8)),
                                moved,
                                aligned,
                            };
                            let process = Process::new(&profile, &linux, &made, &LIBRARIES);
                            starts += 1;
                            if let Err(error) = start_all(&process, &all, &order) {
                                fails += 1;
                                if fails < 4 {
                                    println!("{moved:x?} {order:?} {aligned} {error}");
                                }
                            }
                        }
                    }
                }
                println!(
                    "{} {aslr:?} file {number} {:?}: {fails} of {starts}",
                    profile.name,
                    promises
                        .iter()
                        .map(|p| p.guaranteed.max_instances)
                        .collect::<Vec<_>>()
                );
            }
        }
    }
}

#[test]
fn one() {
    let profile = VaProfile::floor(VA39).expect("it has one");
    let linux = linux(&profile);
    let file = [
        Asked {
            shrinks: true,
            ..asked("a", 1000, 7398)
        },
        Asked {
            pools: 2,
            shrinks: true,
            ..wasmtime("b", 1000, 30497)
        },
    ];
    let promises = promises(VA39, Aslr::Maximum, &file).unwrap();
    let all = each(&promises);
    for order in [[1, 0, 2]] {
        let made = Made {
            program: RelocationModel::Pie,
            stack_limit: Some(Size::mib(8)),
            moved: [0x40000000, 0xd845f2000, 0xec934c000, 0x40000000],
            aligned: true,
        };
        let process = Process::new(&profile, &linux, &made, &LIBRARIES);
        use crate::machine::Machine;
        let show = || {
            let text = process.text("/proc/self/maps").unwrap();
            let mut last = 0;
            for m in crate::proc::maps(&text) {
                if m.start > last {
                    println!(
                        "                 free {:.3}",
                        (m.start - last) as f64 / (1u64 << 30) as f64
                    );
                }
                println!(
                    "   {:x}-{:x} {:.3} {}",
                    m.start,
                    m.end,
                    (m.end - m.start) as f64 / (1u64 << 30) as f64,
                    m.name
                );
                last = m.end;
            }
        };
        show();
        for at in order {
            process.map(BETWEEN);
            println!(
                "START {at} {} {:?}",
                all[at].name,
                all[at]
                    .guaranteed
                    .footprint(Size::kib(4))
                    .unwrap()
                    .mappings
                    .map(|m| m.bytes.get() as f64 / (1u64 << 30) as f64)
            );
            let r = process.start(&all[at]);
            println!(
                "after {at} {:?} {:?}",
                r.as_ref().err(),
                r.as_ref().map(|s| s.limits.max_instances)
            );
            show();
            std::mem::forget(r);
        }
    }
}

struct Dice(u64);
impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

fn random_file(dice: &mut Dice, window_mib: u64) -> Vec<Asked> {
    let count = 2 + dice.below(3);
    (0..count)
        .map(|at| {
            let name = ["a", "b", "c", "d"][usize::try_from(at).unwrap()];
            let part = dice.one(&[
                window_mib / 64,
                window_mib / 64,
                window_mib / 200,
                window_mib / 16,
                window_mib / 5,
                window_mib / 3,
                64,
                1,
            ]);
            let mib = 1 + dice.below(part.max(1));
            let slots = match dice.below(4) {
                0 => 1,
                1 => 1 + dice.below(8) as u32,
                2 => 1 + dice.below(60) as u32,
                _ => 1000,
            };
            Asked {
                name,
                slots,
                mib,
                wasmtime: dice.below(2) == 0,
                shrinks: slots > 100 || dice.below(2) == 0,
                pools: dice.one(&[1, 1, 1, 2]),
            }
        })
        .collect()
}

#[test]
fn fuzz() {
    let n: u64 = std::env::var("STEPS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(100);
    let seed: u64 = std::env::var("SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(88_172_645_463_325_252);
    let mut dice = Dice(seed);
    let (mut files, mut starts, mut fails, mut refused) = (0, 0, 0, 0);
    let mut shown = 0;
    while files < n {
        let (target, window) = dice.one(&[(SV39, 256 * 1024u64), (VA39, 512 * 1024)]);
        let profile = VaProfile::floor(target).expect("it has one");
        let linux = linux(&profile);
        let aslr = dice.one(&[Aslr::Minimum, Aslr::Maximum]);
        let file = random_file(&mut dice, window);
        let Some(promises) = promises(target, aslr, &file) else {
            refused += 1;
            continue;
        };
        files += 1;
        let all = each(&promises);
        let bits = aslr.bits(&linux);
        let page = 4096;
        let most = reach(&profile, &linux, bits);
        for _ in 0..20 {
            let moved = most.map(|most| match dice.below(4) {
                0 => 0,
                1 => most / page * page,
                _ => dice.below(most + 1) / page * page,
            });
            let mut order: Vec<usize> = (0..all.len()).collect();
            for i in (1..order.len()).rev() {
                let j = usize::try_from(dice.below(i as u64 + 1)).unwrap();
                order.swap(i, j);
            }
            let made = Made {
                program: RelocationModel::Pie,
                stack_limit: Some(Size::mib(8)),
                moved,
                aligned: dice.below(2) == 0,
            };
            let process = Process::new(&profile, &linux, &made, &LIBRARIES);
            starts += 1;
            if let Err(error) = start_all(&process, &all, &order) {
                fails += 1;
                let inorder: Vec<usize> = (0..all.len()).collect();
                let process = Process::new(&profile, &linux, &made, &LIBRARIES);
                let straight = start_all(&process, &all, &inorder).err();
                if shown < 6 {
                    shown += 1;
                    println!(
                        "{} {aslr:?} {file:?} guaranteed {:?}\n   {moved:x?} {order:?} {} {error}\n   in order: {straight:?}",
                        profile.name,
                        promises
                            .iter()
                            .map(|p| p.guaranteed.max_instances)
                            .collect::<Vec<_>>(),
                        made.aligned
                    );
                }
            }
        }
    }
    println!("{files} files ({refused} refused), {fails} of {starts} starts fail");
}
