"""Calls of programs that meet a limit."""
import ctypes
import mmap
import os
import platform
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + 3 * [ctypes.c_int] + [ctypes.c_long]
LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
LIBC.mlock.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
PRIVATE, ANONYMOUS, NORESERVE = 0x2, 0x20, 0x4000
FAILED = ctypes.c_void_p(-1).value
GIB = 1 << 30
SYS_MMAP, SYS_SOCKET = (9, 41) if platform.machine() == "x86_64" else (222, 198)


def allocate(size, protection=3, flags=PRIVATE | ANONYMOUS | NORESERVE):
    """Nothing where it fails."""
    address = LIBC.mmap(None, size, protection, flags, -1, 0)
    return None if address == FAILED else address


def need(result):
    """Ends where there is nothing."""
    if result is None or result == -1:
        print("victim: refused", file=sys.stderr)
        os._exit(3)
    return result


def prctl(option, *words):
    words = [ctypes.c_ulong(word) for word in words]
    return LIBC.prctl(option, *(words + [ctypes.c_ulong(0)] * (4 - len(words))))


def install_filter(action, number=SYS_MMAP):
    """A filter that answers a call: mmap of 4 GiB and more, or another one."""
    class Instruction(ctypes.Structure):
        _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]

    class Program(ctypes.Structure):
        _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.POINTER(Instruction))]

    least = 1 if number == SYS_MMAP else 0
    words = [(0x20, 0, 0, 0), (0x15, 0, 3, number), (0x20, 0, 0, 28), (0x35, 0, 1, least),
             (0x06, 0, 0, action), (0x06, 0, 0, 0x7FFF0000)]
    instructions = (Instruction * len(words))(*[Instruction(*word) for word in words])
    program = Program(len(words), instructions)
    assert prctl(38, 1) == 0
    assert prctl(22, 2, ctypes.addressof(program)) == 0
