//! `cargo poolcfg`: its words are those of `poolcfg`, and a shell completes them behind `cargo` as it does there.

use clap_complete::Shell;

use crate::command::completions::values::ZSH_END;

/// The script of `poolcfg`, with what makes a shell use it behind `cargo`. PowerShell and elvish have no place for that.
pub(super) fn behind_cargo(shell: Shell, script: &str) -> Option<String> {
    match shell {
        Shell::Bash => Some(format!("{script}{BASH}")),
        Shell::Fish => Some(format!("{script}{FISH}")),
        Shell::Zsh => {
            let (before, _) = script.split_once(ZSH_END)?;
            let before = before.replacen("#compdef poolcfg", "#compdef cargo-poolcfg", 1);
            Some(format!("{before}{ZSH}"))
        }
        _ => None,
    }
}

/// What completes `cargo` in bash is asked for every other word. It is loaded first, as it would be at the first use.
const BASH: &str = r#"
_cargo_poolcfg() {
    local i=1
    while [[ "${COMP_WORDS[i]}" == +* ]]; do
        i=$((i + 1))
    done
    if [[ "${COMP_WORDS[i]}" == "poolcfg" && ${COMP_CWORD} -gt $i ]]; then
        COMP_WORDS=("${COMP_WORDS[@]:i}")
        COMP_CWORD=$((COMP_CWORD - i))
        _poolcfg poolcfg "$2" "$3"
    elif [[ -n "${_cargo_without_poolcfg}" ]]; then
        "${_cargo_without_poolcfg}" "$@"
    fi
}

if ! complete -p cargo >/dev/null 2>&1; then
    if declare -F __load_completion >/dev/null; then
        __load_completion cargo
    elif declare -F _completion_loader >/dev/null; then
        _completion_loader cargo
    fi
fi
if [[ "$(complete -p cargo 2>/dev/null)" =~ \ -F\ ([^ ]+) && "${BASH_REMATCH[1]}" != "_cargo_poolcfg" ]]; then
    _cargo_without_poolcfg="${BASH_REMATCH[1]}"
fi
complete -F _cargo_poolcfg -o bashdefault -o default cargo
"#;

/// The completion of cargo in zsh calls a function of this name.
const ZSH: &str = r#"
_cargo-poolcfg() {
    _poolcfg "$@"
}

if [ "$funcstack[1]" = "_cargo-poolcfg" ]; then
    _poolcfg "$@"
else
    compdef _poolcfg cargo-poolcfg
fi
"#;

/// Fish is asked what it would offer for `poolcfg`.
const FISH: &str = r#"
function _cargo_poolcfg
    complete -C (string replace -r '^.*?\spoolcfg\s' 'poolcfg ' -- (commandline -cp) | string collect)
end

complete -c cargo -n '__fish_seen_subcommand_from poolcfg' -f -a '(_cargo_poolcfg)'
"#;
