"""Compiles a module or a component with Wasmtime's C library for an embedder of the same version, which has neither
threads nor concurrency and all of whose tunables are Wasmtime's own, on any processor of a target.

Usage: compile.py TARGET LEVEL FILE TO, with the unpacked Python package `wasmtime` on PYTHONPATH. LEVEL is `speed`, or
`none` for code that only has to be there.
"""

import sys

import wasmtime
from wasmtime import _ffi as ffi

target, level, source, to = sys.argv[1:]
config = wasmtime.Config()
config.wasm_threads = False
# The package has no word for it; the library has.
ffi.wasmtime_config_concurrency_support_set(config.ptr(), False)
config.target = target
config.cranelift_opt_level = level
with open(source, "rb") as file:
    code = file.read()
if not code.startswith(b"\0asm"):
    code = wasmtime.wat2wasm(code.decode())
kind = wasmtime.Module
# The layer in the header. Older packages have no components.
if code[6:8] == b"\1\0":
    from wasmtime.component import Component as kind
with open(to, "wb") as file:
    file.write(kind(wasmtime.Engine(config), code).serialize())
