//! Huge pages, for people: which are too few, and how there are more.

use poolcfg_core::Size;

use super::trace::huge::{FOLDER, FewPages};
use super::trace::obstacle::{Obstacle, WhyLimit};

/// Which are too few.
pub(super) fn short(few: Option<FewPages>) -> String {
    match few {
        None | Some(FewPages::Usual) => "too few huge pages (vm.nr_hugepages)".to_owned(),
        Some(FewPages::Other(bytes)) => format!("too few huge pages of {}", Size::bytes(bytes)),
        Some(FewPages::Mount(_)) => "the hugetlbfs mount of its file is too small".to_owned(),
        Some(FewPages::Unknown(bytes)) => {
            format!("the kernel has no huge pages of {}", Size::bytes(bytes))
        }
    }
}

/// The numbers.
pub(super) fn row(obstacle: &Obstacle) -> String {
    let limit = obstacle
        .all()
        .find(|also| also.limit == WhyLimit::HugePages);
    let (have, need) = limit.map_or((0, 0), |limit| (limit.have, limit.need));
    let place = match obstacle.few {
        None | Some(FewPages::Usual) => "vm.nr_hugepages".to_owned(),
        Some(FewPages::Other(bytes)) => FewPages::file(bytes),
        Some(FewPages::Mount(bytes)) => format!("its mount, pages of {}", Size::bytes(bytes)),
        Some(FewPages::Unknown(_)) => FOLDER.to_owned(),
    };
    format!("{place}: {have} pages, {need} needed")
}

/// How so many pages are there.
pub(super) fn help(few: Option<FewPages>, need: u64) -> String {
    match few {
        None | Some(FewPages::Usual) => format!(
            "reserve huge pages: `sysctl -w vm.nr_hugepages={need}`, and the same line in /etc/sysctl.d"
        ),
        Some(FewPages::Other(bytes)) => format!(
            "reserve huge pages: `echo {need} > {}`, or `hugepagesz={}K hugepages={need}` on the kernel's command line, \
             which finds them while memory is in one piece",
            FewPages::file(bytes),
            bytes >> 10
        ),
        Some(FewPages::Mount(bytes)) => {
            let kib = need.saturating_mul(bytes >> 10);
            format!("mount it larger: `mount -o remount,size={kib}K` and its folder")
        }
        Some(FewPages::Unknown(_)) => format!("ask for pages of a size that {FOLDER} has"),
    }
}
