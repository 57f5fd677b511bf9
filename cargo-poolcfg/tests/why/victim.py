"""Programs that meet a limit, or that are hard to follow: `victim.py WHAT`."""
import ctypes
import mmap
import os
import signal
import subprocess
import sys
import threading
import time

# Nothing is left beside the files.
sys.dont_write_bytecode = True

import killed
from calls import ANONYMOUS, FAILED, GIB, LIBC, PRIVATE, allocate, install_filter, need, prctl


def address_space():
    need(allocate(64 * GIB, 0))


def without_first_thread():
    def fail():
        while open("/proc/self/stat").read().rsplit(") ")[1][0] != "Z":
            time.sleep(0.01)
        need(allocate(64 * GIB, 0))

    threading.Thread(target=fail).start()
    LIBC.pthread_exit(None)


def data():
    need(allocate(2 * GIB))


def data_by_mprotect():
    address = need(allocate(2 * GIB, 0))
    need(LIBC.mprotect(address, 2 * GIB, 3))


def heap():
    LIBC.sbrk.restype = ctypes.c_void_p
    LIBC.sbrk.argtypes = [ctypes.c_long]
    need(None if LIBC.sbrk(2 * GIB) == FAILED else 1)


def memlock():
    address = need(allocate(1 << 24))
    need(LIBC.mlock(address, 1 << 24))


def hole():
    need(allocate(1 << 46, 0))
    need(allocate(1 << 46, 0))


def hole_of_44_tib():
    need(allocate(44 << 40, 0))


def races():
    """Threads that map and unmap, so that there is memory again right after a call has failed."""
    LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    failed = []

    def take():
        for _ in range(400):
            address = allocate(3 * GIB // 2, 0)
            if address is None:
                failed.append(1)
            else:
                LIBC.munmap(address, 3 * GIB // 2)

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed
    need(allocate(4 * GIB, 0))


def maps():
    with open("/proc/sys/vm/max_map_count") as file:
        most = int(file.read())
    page = mmap.PAGESIZE
    address = need(allocate(2 * most * page, 0))
    for index in range(1, 2 * most, 2):
        need(LIBC.mprotect(address + index * page, page, 1))


def split_by(call, protection=3):
    """Splits mappings by a call until there are too many."""
    with open("/proc/sys/vm/max_map_count") as file:
        most = int(file.read())
    page = mmap.PAGESIZE
    address = need(allocate(2 * most * page, protection))
    for index in range(1, 2 * most, 2):
        need(call(address + index * page, page))


def maps_by_mmap():
    while True:
        need(allocate(mmap.PAGESIZE, 1))
        need(allocate(mmap.PAGESIZE, 3))


def maps_by_mlock():
    split_by(LIBC.mlock)


def maps_by_munmap():
    LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    split_by(LIBC.munmap)


def maps_by_madvise():
    LIBC.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    # MADV_DONTFORK
    split_by(lambda address, size: LIBC.madvise(address, size, 10))


def maps_then_more():
    """The interpreter, too, is refused memory at the limit."""
    try:
        LIBC.mprotect.restype = ctypes.c_int
        with open("/proc/sys/vm/max_map_count") as file:
            most = int(file.read())
        page = mmap.PAGESIZE
        address = need(allocate(2 * most * page, 0))
        index = 1
        while LIBC.mprotect(address + index * page, page, 1) == 0:
            index += 2
        taken = [bytearray(1 << 20) for _ in range(8)]
        print(len(taken), file=sys.stderr)
    except MemoryError:
        pass
    os._exit(3)


def memlock_all():
    # MCL_CURRENT
    need(LIBC.mlockall(1))


def huge_pages():
    # MAP_HUGETLB
    need(allocate(1 << 40, 3, PRIVATE | ANONYMOUS | 0x40000))


def huge_pages_of_other_size():
    # MAP_HUGETLB, of the power of two in the argument
    need(allocate(1 << 40, 3, PRIVATE | ANONYMOUS | 0x40000 | int(sys.argv[2]) << 26))


def huge_file():
    # MFD_HUGETLB | MFD_HUGE_1GB
    file = LIBC.memfd_create(b"huge", 4 | 30 << 26)
    if file == -1 or LIBC.ftruncate(file, ctypes.c_long(1 << 40)) != 0:
        os._exit(77)
    address = LIBC.mmap(None, 1 << 40, 3, 1, file, 0)
    need(None if address == FAILED else address)


def no_limit():
    """What no limit is about."""
    with open("/proc/self/exe", "rb") as file:
        assert LIBC.mmap(None, 4096, 3, 1, file.fileno(), 0) == FAILED
    free = need(allocate(1 << 20))
    assert LIBC.munmap(ctypes.c_void_p(free), ctypes.c_size_t(1 << 20)) == 0
    assert LIBC.mprotect(free, 1 << 20, 1) == -1
    assert LIBC.mlock(free, 1 << 20) == -1
    os._exit(3)


def write_and_execute():
    # PR_SET_MDWE
    if prctl(65, 1) != 0:
        os._exit(77)
    need(allocate(1 << 20, 7))


def execute_later():
    if prctl(65, 1) != 0:
        os._exit(77)
    address = need(allocate(1 << 20, 3))
    refused = LIBC.mprotect(address, 1 << 20, 5)
    # What it gets is not what it asked for.
    assert LIBC.mprotect(address, 1 << 20, 1) == 0
    need(refused)


def seccomp():
    install_filter(0x00050000 | 1)
    need(allocate(8 * GIB, 0))


def seccomp_then_limit():
    install_filter(0x00050000 | 1)
    need(allocate(3 * GIB, 0))


def survives():
    assert allocate(1 << 46, 3, PRIVATE | ANONYMOUS) is None
    subprocess.run(["true"], check=True)
    sys.exit(5)


def works_on():
    assert allocate(1 << 60, 0) is None
    for _ in range(1000):
        need(allocate(1 << 16))
    sys.exit(3)


def arena():
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * mmap.PAGESIZE
    need(allocate(GIB - used - (100 << 20), 0))
    for _ in range(4):
        assert allocate(128 << 20, 0) is None
    sys.exit(3)


def reads_itself():
    """Maps the file of its program, as backtraces do, where that is larger than what is left."""
    with open("/proc/self/exe", "rb") as file:
        size = os.fstat(file.fileno()).st_size
        with open("/proc/self/statm") as statm:
            used = int(statm.read().split()[0]) * mmap.PAGESIZE
        need(allocate(GIB - used - size // 2, 0))
        for _ in range(5):
            assert LIBC.mmap(None, size, 1, PRIVATE, file.fileno(), 0) == FAILED
    os._exit(3)


def often():
    for _ in range(100):
        allocate(1 << 60, 0)
    sys.exit(1)


def at_once():
    barrier = threading.Barrier(8)

    def fail():
        barrier.wait()
        for round in range(50):
            assert allocate((1 << 60) + (round << 20), 0) is None

    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.exit(4)


def children(count=10_000):
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
    sys.exit(6)


def orphan():
    """A child that outlives it, makes calls for memory, and leaves a file."""
    if os.fork() == 0:
        os.setsid()
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        time.sleep(1)
        address = allocate(1 << 20)
        with open(sys.argv[2], "w") as file:
            file.write("there" if address else "not there")
        os._exit(0)
    os._exit(7)


def traces_itself():
    # PTRACE_TRACEME: refused, since there is a tracer.
    sys.exit(8 if LIBC.ptrace(0, 0, 0, 0) == -1 else 1)


def stops():
    """Stops itself; another process wakes it."""
    own = os.getpid()
    if os.fork() == 0:
        time.sleep(0.5)
        os.kill(own, signal.SIGCONT)
        os._exit(0)
    os.kill(own, signal.SIGSTOP)
    os.wait()
    sys.exit(9)


def signals():
    """Gets a real-time signal, and one that it ignores."""
    seen = []
    signal.signal(signal.SIGRTMIN + 3, lambda number, frame: seen.append(number))
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    os.kill(os.getpid(), signal.SIGRTMIN + 3)
    os.kill(os.getpid(), signal.SIGUSR1)
    sys.exit(10 if len(seen) == 1 else 1)


def waits():
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(11))
    print("waits", flush=True)
    while True:
        signal.pause()


def continues():
    signal.signal(signal.SIGCONT, lambda number, frame: os._exit(13))
    waits()


def serves():
    """Does without what it is refused, and ends by itself when it is told to."""
    assert allocate(1 << 60, 0) is None
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(130))
    waits()


def executes_from_thread():
    thread = threading.Thread(target=lambda: os.execvp("sh", ["sh", "-c", "exit 12"]))
    thread.start()
    thread.join()


def filtered():
    """Another program under the filter."""
    install_filter(0x00050000 | 1)
    os.execvp(sys.argv[2], sys.argv[2:])


def ruled():
    """Another program under a rule against memory that is writable and executable."""
    if prctl(65, 1) != 0:
        os._exit(77)
    os.execvp(sys.argv[2], sys.argv[2:])


PROGRAMS = {**vars(killed), **globals()}
PROGRAMS[sys.argv[1]]()
