//! Java: flags with which a JVM takes less, as far as it was seen to start with them.

use std::process::Command;

use poolcfg_runtime::RecheckLimit;

use super::who::Who;
use crate::target::waiting::{Ended, PATIENCE, output_within};
use crate::why::trace::obstacle::WhyLimit;
use crate::why::trace::told::MemoryFailure;

/// The most that is read of what a JVM says.
const MOST: u64 = 64 << 10;

/// Flags of the heap and of what else is reserved.
const OWN: [&str; 6] = [
    "-Xms",
    "-Xmx",
    "-XX:ReservedCodeCacheSize=",
    "-XX:CompressedClassSpaceSize=",
    "-XX:InitialHeapSize=",
    "-XX:MaxHeapSize=",
];

/// What a JVM can do with less; `None` if it does not start with any of it.
pub(super) fn less(failure: &MemoryFailure, who: &Who) -> Option<String> {
    let is_of_size = matches!(
        failure.obstacle.limit,
        WhyLimit::Recheck(
            RecheckLimit::RlimitAs
                | RecheckLimit::RlimitData
                | RecheckLimit::Hole
                | RecheckLimit::CommitLimit
                | RecheckLimit::RamAndSwap
        )
    );
    if who.name != "java" || !is_of_size {
        return None;
    }
    let ways = ways(failure.obstacle.have >> 20);
    let flags = ways.into_iter().find(|flags| starts(failure, flags))?;
    Some(text(&flags, &failure.arguments))
}

/// What is tried of so many MiB, the best first.
fn ways(mib: u64) -> [Vec<String>; 2] {
    let heap = |part: u64| format!("-Xmx{}m", mib / part);
    let words = |flags: &str| flags.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let usual = words("-XX:ReservedCodeCacheSize=48m -XX:CompressedClassSpaceSize=64m");
    let small =
        words("-XX:ReservedCodeCacheSize=16m -XX:CompressedClassSpaceSize=16m -XX:+UseSerialGC");
    [
        [vec![heap(4)], usual].concat(),
        [vec![heap(8)], small].concat(),
    ]
}

fn text(flags: &[String], arguments: &[String]) -> String {
    let flags = flags.join(" ");
    let is_own = |word: &&String| OWN.iter().any(|own| word.starts_with(own));
    let own: Vec<&str> = arguments
        .iter()
        .filter(is_own)
        .map(|word| &**word)
        .collect();
    let instead = match &own[..] {
        [] => String::new(),
        own => format!(" in place of `{}`", own.join(" ")),
    };
    format!("or start it with less: `{flags}`{instead}, with which `java -version` starts here")
}

/// Whether the JVM starts with flags under the limits that were in the way.
fn starts(failure: &MemoryFailure, flags: &[String]) -> bool {
    let mut script = String::new();
    for also in failure.obstacle.all() {
        let kib = also.have >> 10;
        match also.limit {
            WhyLimit::Recheck(RecheckLimit::RlimitAs) => {
                script += &format!("ulimit -v {kib} && ");
            }
            WhyLimit::Recheck(RecheckLimit::RlimitData) => {
                script += &format!("ulimit -d {kib} && ");
            }
            _ => {}
        }
    }
    // A JVM that does not start leaves a file of what went wrong where it is.
    let Ok(folder) = tempfile::tempdir() else {
        return false;
    };
    let mut command = Command::new("sh");
    command
        .current_dir(folder.path())
        .args(["-c", &format!("{script}exec \"$@\""), "sh"])
        .arg(&failure.program)
        .args(flags)
        .arg("-version");
    let ended = output_within(&mut command, PATIENCE, MOST);
    matches!(ended, Ok(Ended::InTime(output)) if output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_that_stand_there_already_are_to_be_replaced() {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let flags = words("-Xmx100m");
        let said = text(&flags, &words("java -Xms100g -cp x -Xmx200g Main"));
        assert!(
            said.contains("`-Xmx100m` in place of `-Xms100g -Xmx200g`"),
            "{said}"
        );
        assert!(!text(&flags, &words("java Main")).contains("in place of"));
    }
}
