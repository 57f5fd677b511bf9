"""How many components of one kind are live at once in a pool of Wasmtime's C library, with exactly the settings
that `cargo poolcfg --emit wasmtime-flags` prints.

Usage: components.py FLAGS COMPONENT COUNT, with the unpacked Python package `wasmtime` on PYTHONPATH. The package
has no words for the pool; the library has, and they are called here.
"""

import sys

import wasmtime
from wasmtime import _ffi as ffi
from wasmtime.component import Component, Linker

# The setters of the library by the options' names. What they take is in the declarations of the package.
POOL = {
    "pooling-total-memories": "total_memories",
    "pooling-total-tables": "total_tables",
    "pooling-total-stacks": "total_stacks",
    "pooling-total-core-instances": "total_core_instances",
    "pooling-total-component-instances": "total_component_instances",
    "pooling-total-gc-heaps": "total_gc_heaps",
    "pooling-max-memory-size": "max_memory_size",
    "pooling-table-elements": "table_elements",
    "pooling-max-core-instance-size": "max_core_instance_size",
    "pooling-max-component-instance-size": "max_component_instance_size",
    "pooling-max-memories-per-module": "max_memories_per_module",
    "pooling-max-tables-per-module": "max_tables_per_module",
}
CONFIG = {
    "memory-reservation": "memory_reservation",
    "memory-guard-size": "memory_guard_size",
    "memory-may-move": "memory_may_move",
    "async-stack-size": "async_stack_size",
    "max-wasm-stack": "max_wasm_stack",
}
# What the library cannot be told, and what it has of itself.
FIXED = {"pooling-allocator": "y", "guard-before-linear-memory": "y"}


def engine(flags):
    """An engine with exactly these options."""
    config = wasmtime.Config()
    pool = ffi.wasmtime_pooling_allocation_config_new()
    words = [word for word in flags.split() if not word.startswith("-")]
    for pair in ",".join(words).split(","):
        name, value = pair.split("=")
        number = {"y": 1, "n": 0}.get(value)
        number = int(value) if number is None else number
        if name in POOL:
            setter = f"wasmtime_pooling_allocation_config_{POOL[name]}_set"
            getattr(ffi, setter)(pool, number)
        elif name in CONFIG:
            setter = f"wasmtime_config_{CONFIG[name]}_set"
            getattr(ffi, setter)(config.ptr(), number)
        elif FIXED.get(name) != value:
            sys.exit(f"the C library cannot be told {pair}")
    ffi.wasmtime_pooling_allocation_strategy_set(config.ptr(), pool)
    ffi.wasmtime_pooling_allocation_config_delete(pool)
    return wasmtime.Engine(config)


def main():
    flags, component, wanted = sys.argv[1:]
    with open(flags, encoding="utf-8") as file:
        pooled = engine(file.read())
    with open(component, encoding="utf-8") as file:
        compiled = Component(pooled, file.read())
    linker = Linker(pooled)
    live = []
    while True:
        store = wasmtime.Store(pooled)
        try:
            instance = linker.instantiate(store, compiled)
        except wasmtime.WasmtimeError as error:
            end = f"refused: {error}"
            break
        if len(live) == int(wanted):
            end = "one more: made"
            break
        live.append((store, instance))
    print(f"live: {len(live)}\n{end}")


main()
