//! Components that call each other, which `inspect` and a real Wasmtime judge alike.

/// A component that exports a function, and one that imports it and calls it in turn, so many in a row.
pub(crate) fn chain(length: usize) -> String {
    let mut text = String::from(
        r#"(component
        (component $first
            (core module $m (func (export "f")) (memory (export "memory") 1))
            (core instance $m (instantiate $m))
            (func (export "f") (canon lift (core func $m "f"))))
        (component $next
            (import "f" (func $f))
            (core func $lowered (canon lower (func $f)))
            (core module $m (import "" "f" (func $f)) (func (export "f") (call $f)))
            (core instance $m (instantiate $m (with "" (instance (export "f" (func $lowered))))))
            (func (export "f") (canon lift (core func $m "f"))))
        (instance $i0 (instantiate $first))"#,
    );
    for index in 1..length {
        let before = index - 1;
        text += &format!(
            "(instance $i{index} (instantiate $next (with \"f\" (func $i{before} \"f\"))))"
        );
    }
    text + ")"
}
