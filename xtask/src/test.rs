//! The whole test run.
pub fn test() -> Result<(), String> {
    Ok(())
}
