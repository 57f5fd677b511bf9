//! What a slot's round costs, beside what it is made of: every row is a ratio of two things that take turns
//! in one run, the median over many turns.

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn main() {
    eprintln!("the pool is measured against the calls of Linux");
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn main() {
    linux::main();
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::ffi::c_void;
    use std::fs::File;
    use std::hint::black_box;
    use std::io::Seek;
    use std::ptr;
    use std::sync::{Barrier, Mutex};
    use std::thread;
    use std::time::Instant;

    use poolcfg_runtime::__private::{PoolKeys, Setting, Settings, Target, reserve};
    use poolcfg_runtime::{AcquireOptions, Limits, Pool, PoolLimits, PoolOptions, Reset, Size};
    use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};
    use rustix::mm::{
        Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap,
    };

    /// What an owner asks for.
    const MEMORY: usize = 64 << 10;
    /// What is large enough not to be zeroed whole.
    const LARGE: usize = 256 << 10;
    /// The pages that it touches, within what it has.
    const TOUCHED: [usize; 3] = [0, 5, 11];
    /// A memory as Wasmtime's slots have it, with the guards on both sides.
    const SLOT: usize = (4 << 30) + 2 * (32 << 20);

    pub(super) fn main() {
        // `cargo test --benches` only wants to know that it runs.
        let turns = if std::env::args().any(|argument| argument == "--bench") {
            301
        } else {
            1
        };
        println!("| measure | against | ratio |");
        println!("|---|---|---|");
        let scan = pool(Reset::PagemapScan);
        let name = format!("acquire, touch 3 pages, release ({})", Reset::PagemapScan);
        if let Some(scan) = &scan {
            let large = Bare::new(LARGE);
            let ours = || round(scan, LARGE);
            let against = || large.scan_and_zero() && large.proves();
            let ratio = compare(turns, 300, ours, against);
            row(
                &format!("{name}, of 256 KiB"),
                "bare PAGEMAP_SCAN, zeroing of 3 pages, and the proof that the file is our own",
                ratio,
                " (goal: 1.25 at most)",
            );
            let bare = Bare::new(MEMORY);
            let ours = || round(scan, MEMORY);
            let against = || bare.scan_and_zero();
            let ratio = compare(turns, 300, ours, against);
            row(
                &name,
                "bare PAGEMAP_SCAN and zeroing of 3 pages",
                ratio,
                " (goal: 1 at most)",
            );
            let ratio = compare(turns, 100, map_and_unmap, ours);
            row(
                &name,
                "mmap, mprotect, touch, munmap of 4 GiB with guards: so many times longer",
                ratio,
                " (goal: 15 at least)",
            );
            let ratio = compare(turns, 200, || bare.discard(), ours);
            row(
                &name,
                "the same slot with MADV_DONTNEED: so many times longer",
                ratio,
                " (goal: 6 at least)",
            );
        }
        small(turns);
        readers(turns);
        discarded(turns);
        reservations(turns);
        if let Some(scan) = &scan {
            let bares = [Bare::new(LARGE), Bare::new(LARGE)];
            let ratio = median((0..turns).map(|_| {
                let ours = scaling(|_| round(scan, LARGE));
                let bare =
                    scaling(|thread| bares[thread].scan_and_zero() && bares[thread].proves());
                ours / bare
            }));
            row(
                &format!("2 threads against 1 ({}, 256 KiB)", Reset::PagemapScan),
                "the same with bare PAGEMAP_SCAN, zeroing and proof",
                ratio,
                " (goal: 0.95 at least)",
            );
        }
    }

    /// The pool that discards, with pages touched and without.
    fn discarded(turns: usize) {
        let Some(pool) = pool(Reset::Discard) else {
            return;
        };
        let bare = Bare::new(MEMORY);
        let ratio = compare(turns, 200, || round(&pool, MEMORY), || bare.discard());
        let name = format!("acquire, touch 3 pages, release ({})", Reset::Discard);
        row(&name, "the same slot with MADV_DONTNEED", ratio, "");
        let list = Mutex::new(vec![0u64]);
        let mutex = || {
            let top = list.lock().map(|mut list| list.pop());
            list.lock()
                .map(|mut list| list.extend(black_box(top).ok().flatten()))
                .is_ok()
        };
        let ours = || {
            pool.acquire_with(AcquireOptions::new().memory(MEMORY))
                .is_ok()
        };
        let ratio = compare(turns, 2000, ours, mutex);
        row(
            "acquire and release, nothing touched",
            "push and pop under a mutex",
            ratio,
            " (goal: 3 at most)",
        );
    }

    /// Zeroing all of it against asking which pages hold something: where one overtakes the other is the border
    /// up to which regions are zeroed whole.
    fn small(turns: usize) {
        for memory in [16 << 10, MEMORY, 128 << 10, LARGE] {
            let (whole, asked) = (Bare::new(memory), Bare::new(memory));
            let against = || asked.scan_and_zero() && asked.proves();
            let ratio = compare(turns, 300, || whole.zero(), against);
            row(
                &format!("touch 3 pages of {} KiB, zero all of it", memory >> 10),
                "the same by bare PAGEMAP_SCAN, with the proof that the file is our own",
                ratio,
                "",
            );
        }
    }

    /// What eight owners who read 4 GiB each leave to the next.
    fn readers(turns: usize) {
        let page = rustix::param::page_size();
        let (Some(fresh), Some(read)) = (pool(Reset::PagemapScan), pool(Reset::PagemapScan)) else {
            return;
        };
        for memory in [page, 4 << 30] {
            for _ in 0..8 {
                let Ok(slot) = read.acquire_with(AcquireOptions::new().memory(4 << 30)) else {
                    return;
                };
                // Where nothing is measured, one page of each page table.
                let step = if turns > 1 { page } else { page * page / 8 };
                let bytes = slot.memory().as_slice().iter();
                black_box(bytes.step_by(step).copied().fold(0, u8::wrapping_add));
            }
            let one = |pool: &Pool| {
                if let Ok(mut slot) = pool.acquire_with(AcquireOptions::new().memory(memory)) {
                    slot.memory_mut().as_mut_slice()[0] = 1;
                }
            };
            // What is first used costs more in any pool.
            one(&fresh);
            one(&read);
            let ratio = compare(turns, 100, || one(&read), || one(&fresh));
            let asked = if memory == page { "one page" } else { "4 GiB" };
            row(
                &format!("a round of {asked}, one page touched, after eight readers of 4 GiB"),
                "the same before",
                ratio,
                " (goal: 1.25 at most)",
            );
        }
    }

    fn row(measure: &str, against: &str, ratio: f64, goal: &str) {
        println!("| {measure} | {against} | {ratio:.2}{goal} |");
    }

    fn limits(instances: u32) -> PoolLimits {
        let keys = PoolKeys {
            max_instances: Some(Setting::given(instances)),
            memory_reservation: Some(Setting::given(Size::gib(4))),
            ..PoolKeys::EMPTY
        };
        let settings = Settings::new(&[], &[]).pooling_allocator(keys);
        PoolLimits::new(settings.promise(Target::CURRENT, 0))
    }

    /// A pool of slots of 4 GiB, if this reset works here.
    fn pool(reset: Reset) -> Option<Pool> {
        let reserved = limits(16).recheck().ok()?;
        Pool::with_options(reserved, PoolOptions::new().reset(reset)).ok()
    }

    fn reservations(turns: usize) {
        // Of the memories alone, so that it is one mapping as well.
        let memories = Limits {
            table_reservation: Size::ZERO,
            stack_reservation: Size::ZERO,
            ..limits(1000).asked()
        };
        let bare = || {
            // SAFETY: a new map touches nothing that exists.
            let start = unsafe {
                mmap_anonymous(ptr::null_mut(), 1000 * SLOT, ProtFlags::empty(), flags())
            };
            // SAFETY: the map is our own, and nobody refers to it.
            start.is_ok_and(|start| unsafe { munmap(start, 1000 * SLOT) }.is_ok())
        };
        let ratio = compare(turns, 100, || reserve(&memories), bare);
        row(
            "the reservation of 1000 slots of 4 GiB, and its end",
            "one bare mmap and munmap",
            ratio,
            " (goal: 2 at most)",
        );
        let whole = |instances| {
            let limits = limits(instances);
            move || {
                limits
                    .recheck()
                    .is_ok_and(|reserved| Pool::new(reserved).is_ok())
            }
        };
        let ratio = compare(turns, 20, whole(1000), whole(1));
        row(
            "recheck and pool of 1000 slots, and its end",
            "the same of 1 slot",
            ratio,
            " (goal: no cost for each slot)",
        );
    }

    fn round(pool: &Pool, memory: usize) {
        if let Ok(mut slot) = pool.acquire_with(AcquireOptions::new().memory(memory)) {
            let memory = slot.memory_mut().as_mut_slice();
            let page = rustix::param::page_size();
            for touched in TOUCHED {
                if let Some(byte) = memory.get_mut(touched * page) {
                    *byte = 1;
                }
            }
            black_box(memory);
        }
    }

    fn map_and_unmap() {
        // SAFETY: a new map touches nothing that exists.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), SLOT, ProtFlags::empty(), flags()) };
        let Ok(start) = start else { return };
        let memory = start.wrapping_byte_add(32 << 20);
        let access = MprotectFlags::READ | MprotectFlags::WRITE;
        // SAFETY: the map is our own.
        if unsafe { mprotect(memory, MEMORY, access) }.is_ok() {
            // SAFETY: `MEMORY` bytes are open.
            unsafe { touch(memory, MEMORY) };
        }
        // SAFETY: the map is our own, and nobody refers to it.
        let _ = unsafe { munmap(start, SLOT) };
    }

    fn flags() -> MapFlags {
        MapFlags::PRIVATE | MapFlags::NORESERVE
    }

    /// # Safety
    /// `memory` is `len` bytes of the caller's own.
    unsafe fn touch(memory: *mut c_void, len: usize) {
        let page = rustix::param::page_size();
        for touched in TOUCHED {
            let byte = memory.cast::<u8>().wrapping_add(touched * page % len);
            // SAFETY: within the caller's bytes.
            unsafe { byte.write_volatile(1) };
        }
    }

    /// What a pool is made of, without the pool.
    struct Bare {
        memory: *mut c_void,
        len: usize,
        pagemap: File,
    }

    // SAFETY: the memory is the value's own, and each thread uses another one.
    unsafe impl Sync for Bare {}

    /// `struct pm_scan_arg`, include/uapi/linux/fs.h: size, flags, start, end, walk_end, vec,
    /// vec_len, max_pages, category_inverted, category_mask, category_anyof_mask, return_mask.
    #[repr(C)]
    struct Scan([u64; 12]);

    // SAFETY: `_IOWR('f', 16, struct pm_scan_arg)`, with room for as many ranges as it says.
    unsafe impl Ioctl for &mut Scan {
        type Output = usize;
        const IS_MUTATING: bool = true;

        fn opcode(&self) -> Opcode {
            opcode::read_write::<Scan>(b'f', 16)
        }

        fn as_ptr(&mut self) -> *mut c_void {
            ptr::from_mut::<Scan>(self).cast()
        }

        unsafe fn output_from_ptr(found: IoctlOutput, _: *mut c_void) -> rustix::io::Result<usize> {
            Ok(usize::try_from(found).unwrap_or(0))
        }
    }

    impl Bare {
        fn new(len: usize) -> Self {
            let access = ProtFlags::READ | ProtFlags::WRITE;
            // SAFETY: a new map touches nothing that exists.
            let memory = unsafe { mmap_anonymous(ptr::null_mut(), len, access, flags()) };
            Self {
                memory: memory.expect("256 KiB at most"),
                len,
                pagemap: File::open("/proc/self/pagemap").expect("Linux has /proc"),
            }
        }

        /// Whether the file is still the one that was opened, as far as its position tells.
        fn proves(&self) -> bool {
            (&self.pagemap)
                .stream_position()
                .is_ok_and(|stands| stands == 0)
        }

        fn scan_and_zero(&self) -> bool {
            // SAFETY: the memory is `len` bytes of our own.
            unsafe { touch(self.memory, self.len) };
            let wide = |number: usize| u64::try_from(number).unwrap_or(0);
            let mut found = [[0u64; 3]; 32];
            let start = wide(self.memory.addr());
            let mut scan = Scan([
                wide(size_of::<Scan>()),
                0,
                start,
                start + wide(self.len),
                0,
                wide(found.as_mut_ptr().expose_provenance()),
                wide(found.len()),
                64,
                1 << 5,
                1 << 5,
                1 << 3 | 1 << 4,
                1 << 4,
            ]);
            // SAFETY: there is room for as many ranges as it says.
            let count = unsafe { ioctl(&self.pagemap, &mut scan) }.unwrap_or(0);
            for [from, to, _] in black_box(&found).iter().take(count) {
                let offset = usize::try_from(from - start).unwrap_or(0);
                let len = usize::try_from(to - from).unwrap_or(0);
                let bytes = self.memory.wrapping_byte_add(offset).cast::<u8>();
                // SAFETY: the kernel reports ranges within the one that it was asked about.
                unsafe { bytes.write_bytes(0, len) };
            }
            count > 0
        }

        fn zero(&self) {
            // SAFETY: the memory is `len` bytes of our own.
            unsafe { touch(self.memory, self.len) };
            // SAFETY: as above.
            unsafe { self.memory.cast::<u8>().write_bytes(0, self.len) };
            black_box(self.memory);
        }

        fn discard(&self) {
            // SAFETY: the memory is `len` bytes of our own.
            unsafe { touch(self.memory, self.len) };
            // SAFETY: as above; nobody refers to it.
            let _ = unsafe { madvise(self.memory, self.len, Advice::LinuxDontNeed) };
        }
    }

    /// How many times longer `ours` takes.
    fn compare<A, B>(
        turns: usize,
        rounds: u32,
        ours: impl Fn() -> A,
        against: impl Fn() -> B,
    ) -> f64 {
        median((0..turns).map(|_| seconds(rounds, &ours) / seconds(rounds, &against)))
    }

    fn seconds<T>(rounds: u32, work: &impl Fn() -> T) -> f64 {
        let start = Instant::now();
        for _ in 0..rounds {
            black_box(work());
        }
        start.elapsed().as_secs_f64()
    }

    /// How many times the work of one thread two do in the same time.
    fn scaling<T>(work: impl Fn(usize) -> T + Sync) -> f64 {
        const ROUNDS: u32 = 2000;
        let one = seconds(ROUNDS, &|| work(0));
        let barrier = Barrier::new(2);
        let slowest = thread::scope(|scope| {
            let threads = [0, 1].map(|thread| {
                let (barrier, work) = (&barrier, &work);
                scope.spawn(move || {
                    barrier.wait();
                    seconds(ROUNDS, &|| work(thread))
                })
            });
            threads
                .into_iter()
                .filter_map(|thread| thread.join().ok())
                .fold(0.0, f64::max)
        });
        2.0 * one / slowest
    }

    fn median(values: impl Iterator<Item = f64>) -> f64 {
        let mut values: Vec<_> = values.collect();
        values.sort_unstable_by(f64::total_cmp);
        values[values.len() / 2]
    }
}
