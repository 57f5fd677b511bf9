#!/bin/sh
# Starts the host with these arguments, unless its pool does not fit what this process may map: then poolcfg says which
# limit is in the way, and this ends with 100.
set -eu
poolcfg --here --check wasmtime.toml
exec wasmtime serve --config wasmtime.toml "$@"
