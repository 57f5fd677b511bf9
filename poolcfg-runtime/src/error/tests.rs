//! Errors: a program that ends with one shows its message, and shows it once.

use std::error::Error;
use std::io;

use crate::variables::{VariableError, VariableFault};
use crate::{
    AcquireError, Arch, Exhausted, GrowError, NoProfile, Os, Overflow, PoolError, RecheckError,
    Reset, ShrinkError, Size, SizeError, Warning, WasmtimeVersion, WasmtimeVersionError,
};

fn reads_as_its_message(error: &dyn Error) {
    let message = error.to_string();
    // What is printed where a `main` fails stays one line.
    assert!(!message.contains('\n'), "{message}");
    assert!(message.contains(' '), "{message}");
    assert_eq!(format!("{error:?}"), message);
    // The message has the cause.
    assert!(error.source().is_none(), "{message}");
}

#[test]
fn debug_reads_like_display() {
    let system = || io::Error::from(io::ErrorKind::OutOfMemory);
    let variable = VariableError {
        variable: "POOLCFG_MAX_INSTANCES".to_owned(),
        value: "many".to_owned(),
        fault: VariableFault::NotNumber,
        possible: 4,
    };
    let refused = || GrowError::Refused {
        bytes: 4096,
        source: system(),
    };
    let exhausted = Exhausted {
        instances: 3,
        retired: 1,
    };
    let elsewhere = NoProfile::OtherTarget {
        arch: Arch::Arm,
        os: Os::Linux,
    };
    let errors: [&dyn Error; 13] = [
        &variable.clone(),
        &RecheckError::Variable(variable),
        &refused(),
        &AcquireError::Open(refused()),
        &AcquireError::Exhausted(exhausted),
        &PoolError::Close(system()),
        &PoolError::Reset {
            reset: Reset::Zero,
            source: system(),
        },
        &ShrinkError {
            bytes: 4096,
            source: system(),
        },
        &SizeError::UnknownUnit,
        &WasmtimeVersionError::TooOld,
        &NoProfile::Unknown,
        &elsewhere,
        &Overflow,
    ];
    for error in errors {
        reads_as_its_message(error);
    }
}

/// Every error and warning of a start leads to the text of its code, once and at its end, whatever it wraps.
#[test]
fn what_goes_wrong_at_start_leads_to_its_code() {
    let system = || io::Error::from(io::ErrorKind::OutOfMemory);
    let refused = || GrowError::Refused {
        bytes: 4096,
        source: system(),
    };
    let variable = VariableError {
        variable: "POOLCFG_MAX_INSTANCES".to_owned(),
        value: "0".to_owned(),
        fault: VariableFault::Zero,
        possible: 4,
    };
    let exhausted = AcquireError::Exhausted(Exhausted {
        instances: 3,
        retired: 0,
    });
    let recheck = RecheckError::Variable(variable.clone());
    let reset = PoolError::Reset {
        reset: Reset::Zero,
        source: system(),
    };
    let shrink = ShrinkError {
        bytes: 0,
        source: system(),
    };
    let stray = Warning::StrayVariable {
        variable: "POOLCFG_MAXIMUM".to_owned(),
        pool: "",
    };
    let cgroup = Warning::MemoryCgroup {
        limit: Size::mib(1),
        touched: Size::gib(1),
        pool: "",
    };
    let pages = Warning::PageSize {
        planned: Size::kib(4),
        real: Size::kib(16),
    };
    let open = AcquireError::Open(refused());
    let first = PoolError::Open(refused());
    let close = PoolError::Close(system());
    for (code, expected, message) in [
        (variable.code(), "PC0054", variable.to_string()),
        (recheck.code(), "PC0054", recheck.to_string()),
        (stray.code(), "PC0054", stray.to_string()),
        (cgroup.code(), "PC0055", cgroup.to_string()),
        (exhausted.code(), "PC0056", exhausted.to_string()),
        (refused().code(), "PC0057", refused().to_string()),
        (open.code(), "PC0057", open.to_string()),
        (first.code(), "PC0057", first.to_string()),
        (close.code(), "PC0057", close.to_string()),
        (reset.code(), "PC0057", reset.to_string()),
        (shrink.code(), "PC0057", shrink.to_string()),
        (pages.code(), "PC0045", pages.to_string()),
    ] {
        assert_eq!(code.as_str(), expected, "{message}");
        let end = format!(" (see `cargo poolcfg --explain {expected}`)");
        assert!(message.ends_with(&end), "{message}");
        assert_eq!(message.matches("--explain").count(), 1, "{message}");
    }
}

#[test]
fn sizes_and_versions_are_read_from_text() {
    let as_said = Size::parse("4 GiB");
    assert_eq!("4 GiB".parse(), as_said);
    assert_eq!(as_said, Ok(Size::gib(4)));
    assert_eq!("4 GB".parse::<Size>(), Size::parse("4 GB"));
    assert_eq!("48".parse(), Ok(WasmtimeVersion::major(48)));
    assert_eq!(
        "12".parse::<WasmtimeVersion>(),
        Err(WasmtimeVersionError::TooOld)
    );
}
