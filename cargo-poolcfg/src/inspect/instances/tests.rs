//! What is followed once, and again.

use std::io::Cursor;

use super::super::component::read;
use super::super::stream::Stream;
use super::*;

fn tree(text: &str) -> Tree {
    let bytes = wat::parse_str(text).unwrap();
    let length = u64::try_from(bytes.len()).unwrap();
    let mut stream = Stream::new(Cursor::new(bytes));
    stream.skip(8, length).unwrap();
    read(&mut stream, length).unwrap()
}

/// Components that each have two instances of the one before, be it inside them or around them, with functions that
/// are handed on and called between components at some levels.
fn doubled(depth: usize, calls: usize, is_inside: bool) -> String {
    let first = "(core module $m (memory 1) (func (export \"f\"))) (core instance $i (instantiate $m))
        (alias core export $i \"f\" (core func $g)) (func $f (canon lift (core func $g)))
        (instance $deep (export \"f\" (func $f))) (export \"f\" (func $f)) (export \"deep\" (instance $deep))";
    let mut text = format!("(component $c {first})");
    for level in 0..depth {
        let call = match level.checked_rem(calls) {
            Some(0) => {
                "(core module $s (import \"\" \"f\" (func)) (import \"\" \"g\" (func)))
                (core func $x (canon lower (func $a \"f\"))) (core func $y (canon lower (func $d \"f\")))
                (core instance (instantiate $s (with \"\" (instance (export \"f\" (func $x)) (export \"g\" (func $y))))))"
            }
            _ => "",
        };
        let own = format!(
            "(instance $a (instantiate $c)) (instance $b (instantiate $c)) (alias export $b \"deep\" (instance $d))
            {call} (alias export $b \"f\" (func $f)) (export \"f\" (func $f)) (export \"deep\" (instance $d))
            (export \"a\" (instance $a))"
        );
        text = match is_inside {
            true => format!("(component $c {text} {own})"),
            false => {
                format!("{text} (component $n{level} (alias outer 1 {level} (component $c)) {own})")
            }
        };
    }
    let last = match is_inside {
        true => "$c".to_owned(),
        false => depth.to_string(),
    };
    format!("(component {text} (instance $z (instantiate {last})) (export \"z\" (instance $z)))")
}

/// What is known from the first time is what following it again finds.
#[test]
fn a_component_is_followed_once_for_all_its_instances() {
    for (depth, calls) in [(0, 1), (1, 1), (3, 1), (3, 2), (4, 3), (5, 0)] {
        for is_inside in [true, false] {
            let tree = tree(&doubled(depth, calls, is_inside));
            let found = follow_by(&tree, false).unwrap();
            let plain = follow_by(&tree, true).unwrap();
            assert_eq!(found, plain, "{depth} {calls} {is_inside}");
            assert!(found.of_module[0] == 1 << depth);
        }
    }
    // As many as no machine follows one by one.
    for is_inside in [true, false] {
        let tree = tree(&doubled(28, 0, is_inside));
        let found = follow(&tree).unwrap();
        assert_eq!(found.of_module[0], 1 << 28);
        assert_eq!(found.components, 1 << 29);
    }
}
