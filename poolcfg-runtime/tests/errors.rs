//! Errors: a program that ends with one shows its message, and shows it once.

use std::error::Error;
use std::io;

use poolcfg_runtime::variables::{VariableError, VariableFault};
use poolcfg_runtime::{
    AcquireError, Arch, Exhausted, GrowError, NoProfile, Os, Overflow, PoolError, RecheckError,
    Reset, ShrinkError, Size, SizeError, WasmtimeVersion, WasmtimeVersionError,
};

fn reads_as_its_message(error: &dyn Error) {
    let message = error.to_string();
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
