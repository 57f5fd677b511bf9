//! Prints what the probe measures of this process.

fn main() {
    println!("{:#?}", poolcfg_runtime::probe());
}
