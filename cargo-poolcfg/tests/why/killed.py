"""Programs that are killed, by a signal that no call tells of."""
import ctypes
import mmap
import os
import platform
import sys
import threading
import time

from calls import ANONYMOUS, GIB, LIBC, NORESERVE, PRIVATE, SYS_SOCKET, allocate, install_filter, need



def sigsys():
    install_filter(0x80000000)
    need(allocate(8 * GIB, 0))


def sigsys_at_socket():
    install_filter(0x80000000, SYS_SOCKET)
    LIBC.socket(1, 1, 0)


def trap_at_socket():
    install_filter(0x00030000, SYS_SOCKET)
    LIBC.socket(1, 1, 0)


def sigsys_among_threads():
    """Threads that wait, that call without an end, and that compute end with the one that is refused."""
    install_filter(0x80000000, SYS_SOCKET)
    for work in [lambda: time.sleep(60), lambda: [os.getppid() for _ in range(1 << 40)]]:
        for _ in range(4):
            threading.Thread(target=work, daemon=True).start()
    time.sleep(0.2)
    LIBC.socket(1, 1, 0)


def trap():
    install_filter(0x00030000)
    need(allocate(8 * GIB, 0))


def large_variable():
    """Has 64 MiB more of stack, and writes to the first byte of it."""
    code = {
        # sub rsp, 0x4000000; mov byte [rsp], 0
        "x86_64": "4881ec00000004c6042400",
        # sub sp, sp, 0xfff000, four times; strb wzr, [sp]
        "aarch64": 4 * "ffff7fd1" + "ff030039",
        # lui t0, 0x4000; sub sp, sp, t0; sb zero, 0(sp)
        "riscv64": "b70200043301514023000100",
    }[platform.machine()]
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=7)
    page.write(bytes.fromhex(code))
    ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


def full_tmpfs():
    """Writes more to a mapping of a file than its file system has."""
    file = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT)
    os.unlink(sys.argv[2])
    os.ftruncate(file, 8 << 20)
    mapping = mmap.mmap(file, 8 << 20)
    for at in range(0, len(mapping), 4096):
        mapping[at] = 1


def huge_pages_later():
    """Writes to huge pages that nobody has reserved."""
    # MAP_HUGETLB
    address = allocate(1 << 30, 3, PRIVATE | ANONYMOUS | NORESERVE | 0x40000)
    with open("/proc/sys/vm/nr_hugepages") as file:
        if address is None or int(file.read()) > 0:
            os._exit(77)
    ctypes.memset(address, 1, 1)


def short_file():
    """Reads behind the end of a file."""
    file = os.memfd_create("short")
    os.ftruncate(file, 1 << 20)
    mapping = mmap.mmap(file, 1 << 20)
    os.ftruncate(file, 0)
    mapping[1 << 19]


def out_of_cgroup():
    """Moves into a cgroup of 32 MiB, and takes more."""
    with open(sys.argv[2] + "/cgroup.procs", "w") as file:
        file.write(str(os.getpid()))
    taken = bytearray(256 << 20)
    for at in range(0, len(taken), 4096):
        taken[at] = 1
