//! What a file is that is neither WebAssembly nor a program, by its beginning.

/// What a file is whose beginning is no program's either.
pub(super) fn no_program(beginning: &[u8]) -> Option<&'static str> {
    let is_program = beginning.starts_with(b"\x7fELF")
        || beginning.starts_with(b"MZ")
        || [
            [0xcf, 0xfa, 0xed, 0xfe],
            [0xce, 0xfa, 0xed, 0xfe],
            [0xfe, 0xed, 0xfa, 0xcf],
            [0xfe, 0xed, 0xfa, 0xce],
        ]
        .iter()
        .any(|magic| beginning.starts_with(magic));
    let text = String::from_utf8_lossy(beginning);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let is_text_of_wasm = ["(module", "(component", ";;", "(;"]
        .iter()
        .any(|start| text.starts_with(start));
    // A class of Java begins the same, and goes on with a version of 45 or more.
    let is_universal = beginning.starts_with(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0])
        && beginning.get(7).is_some_and(|parts| *parts < 45);
    match () {
        () if beginning.is_empty() => Some("empty"),
        () if is_program => None,
        () if is_universal => {
            Some("a program for several architectures, of which `lipo -thin` takes out one")
        }
        () if is_text_of_wasm => Some(
            "the text of WebAssembly, and not its binary, which `wasm-tools parse` makes of it",
        ),
        () if text.starts_with("#!") => Some("a script, and not the program that it runs"),
        () => Some("neither WebAssembly nor a program"),
    }
}

#[cfg(test)]
mod tests {
    use super::no_program;

    #[test]
    fn text_of_webassembly_is_known_with_comments_before_it() {
        for text in [
            "(module)",
            " \n(component",
            "\u{feff}(module",
            ";; made by hand\n(module)",
            "(; made by hand ;)",
        ] {
            let what = no_program(text.as_bytes()).unwrap();
            assert!(what.starts_with("the text of WebAssembly"), "{text}");
        }
        let lisp = no_program(b"(defun f ())");
        assert_eq!(lisp, Some("neither WebAssembly nor a program"));
    }

    #[test]
    fn a_universal_program_is_none_of_java() {
        let universal = [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2];
        let what = no_program(&universal).unwrap();
        assert!(what.contains("`lipo -thin`"), "{what}");
        let class = [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61];
        assert_eq!(
            no_program(&class),
            Some("neither WebAssembly nor a program")
        );
    }
}
