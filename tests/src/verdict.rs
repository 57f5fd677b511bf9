//! Verdicts: what a test program says that it did, believed only when all of it agrees.

/// What came of a program's tests.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The tests that passed.
    pub passed: Vec<String>,
    /// Those that another test runs in a process of its own.
    pub ignored: Vec<String>,
    /// How many were left out.
    pub filtered: usize,
}

/// Reads what a program prints: the number of tests, a line for each, and the result.
///
/// # Errors
/// What does not agree, or has failed.
pub fn read(output: &str) -> Result<Verdict, String> {
    let mut verdict = Verdict::default();
    let mut running = None;
    let mut result = None;
    for line in output.lines() {
        if let Some(rest) = line.strip_prefix("running ") {
            let count = rest.split(' ').next().and_then(|count| count.parse().ok());
            if running.replace(count.ok_or(line)?).is_some() {
                return Err("it begins twice".to_owned());
            }
        } else if let Some(rest) = line.strip_prefix("test result: ") {
            if result.replace(rest).is_some() {
                return Err("it has two results".to_owned());
            }
        } else if let Some((name, status)) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.split_once(" ... "))
        {
            let name = name.to_owned();
            match status {
                "ok" => verdict.passed.push(name),
                _ if status.starts_with("ignored") => verdict.ignored.push(name),
                _ => return Err(format!("`{name}`: {status}")),
            }
        }
    }
    let running: usize = running.ok_or("it does not begin")?;
    let result = result.ok_or("it has no result")?;
    let counts = result
        .strip_prefix("ok. ")
        .ok_or_else(|| format!("its result is `{result}`"))?;
    let count = |what: &str| {
        counts
            .split("; ")
            .find_map(|part| part.strip_suffix(what)?.trim().parse::<usize>().ok())
            .ok_or_else(|| format!("it does not tell how many {what}: `{result}`"))
    };
    verdict.filtered = count("filtered out")?;
    let told = (count("passed")?, count("ignored")?, count("failed")?);
    let seen = (verdict.passed.len(), verdict.ignored.len(), 0);
    if told != seen || seen.0 + seen.1 != running {
        return Err(format!(
            "of {running} tests it shows {seen:?} and counts {told:?}"
        ));
    }
    Ok(verdict)
}

#[test]
fn a_verdict_is_believed_when_all_of_it_agrees() {
    let whole = "\nrunning 3 tests\ntest a::b ... ok\ntest c ... ignored, run by a\ntest d ... ok\n\n\
                 test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 4 filtered out; \
                 finished in 1.00s\n";
    let verdict = read(whole).unwrap();
    assert_eq!(verdict.passed, ["a::b", "d"]);
    assert_eq!(verdict.ignored, ["c"]);
    assert_eq!(verdict.filtered, 4);
    for broken in [
        "",
        "running 0 tests\n",
        &whole.replace("test d ... ok\n", ""),
        &whole.replace("d ... ok", "d ... FAILED"),
        &whole.replace("running 3", "running 4"),
        &whole.replace("2 passed", "3 passed"),
        &whole.replace("result: ok.", "result: FAILED."),
        &whole.replace("0 failed", "1 failed"),
        &whole.replace("test result", "result"),
        &format!("{whole}{whole}"),
    ] {
        assert!(read(broken).is_err(), "{broken}");
    }
}
