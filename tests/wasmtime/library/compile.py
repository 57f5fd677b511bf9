"""Compiles a module with Wasmtime's C library for an embedder of the same version, which has neither threads nor
concurrency and all of whose tunables are Wasmtime's own, on any processor of a target.

Usage: compile.py TARGET FILE TO, with the unpacked Python package `wasmtime` on PYTHONPATH.
"""

import sys

import wasmtime
from wasmtime import _ffi as ffi

target, source, to = sys.argv[1:]
config = wasmtime.Config()
config.wasm_threads = False
# The package has no word for it; the library has.
ffi.wasmtime_config_concurrency_support_set(config.ptr(), False)
config.target = target
with open(source, encoding="utf-8") as file:
    module = wasmtime.Module(wasmtime.Engine(config), file.read())
with open(to, "wb") as file:
    file.write(module.serialize())
