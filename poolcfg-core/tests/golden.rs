//! Golden numbers: what the model must give, from real kernels and real reports.

use poolcfg_core::{
    AddressSpaceKeys, Arch, Aslr, Budget, Keep, Limits, OnMisfit, Os, Plan, PoolKeys,
    RelocationModel, Setting, Settings, Shape, Size, StackLimit, Target, VaProfile,
};

const RISCV64: Target = Target::new(Arch::Riscv64, Os::Linux, 64);
const AARCH64: Target = Target::new(Arch::Aarch64, Os::Linux, 64);
const X86_64: Target = Target::new(Arch::X86_64, Os::Linux, 64);

fn holes(target: Target, profile: &str, shape: Shape) -> [String; 2] {
    let profile = VaProfile::find(profile, target).unwrap();
    let holes = Budget::new(&profile, shape, None).holes();
    holes.map(|hole| hole.available().to_string())
}

#[test]
fn print() {
    for table in VaProfile::ALL {
        for p in *table {
            for s in Shape::ALL {
                println!(
                    "{} {} {} {}: {:?}",
                    p.arch.name(),
                    p.os.name(),
                    p.name,
                    s.describe(),
                    Budget::new(p, s, None)
                        .holes()
                        .map(|h| h.available().to_string())
                );
            }
        }
    }
}
