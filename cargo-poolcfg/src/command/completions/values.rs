//! Values that are too many, or that only the project knows: targets and packages. A function of each script offers
//! them; clap_complete leaves such flags to files.

use clap_complete::Shell;
use poolcfg_core::file::TargetFacts;

use crate::cli::invoked_as::InvokedAs;

/// The flags, each with the function that offers its values. In zsh, values of both kinds are called as the help does.
const FLAGS: [(&str, &str, &str); 3] = [
    ("target", "TRIPLE", TARGETS),
    ("package", "SPEC", PACKAGES),
    ("exclude", "SPEC", PACKAGES),
];

const TARGETS: &str = "_poolcfg_targets";

const PACKAGES: &str = "_poolcfg_packages";

/// The script with these functions, and with calls of them; shells whose scripts have no place for them stay as they
/// are. `program` asks for the packages.
pub(super) fn with_values(shell: Shell, script: &str, program: InvokedAs) -> String {
    match shell {
        Shell::Bash => of_bash(script) + &functions(program),
        Shell::Fish => of_fish(script) + &functions_of_fish(program),
        // The functions stand before the last lines, which end the script.
        Shell::Zsh => of_zsh(script).replacen(ZSH_END, &(functions_of_zsh(program) + ZSH_END), 1),
        _ => script.to_owned(),
    }
}

/// The words that `--target` takes, but paths of files.
fn targets() -> String {
    let named = ["host-tuple"].into_iter();
    let triples = named.chain(TargetFacts::builtin_triples());
    triples.collect::<Vec<_>>().join(" ")
}

/// How packages are asked for: one a line, and nothing where there are none.
fn packages(program: InvokedAs) -> String {
    format!("{} completions --packages 2>/dev/null", program.command())
}

fn of_bash(script: &str) -> String {
    let files = "COMPREPLY=($(compgen -f \"${cur}\"))";
    let mut script = script.to_owned();
    let short = ("p", PACKAGES);
    let flags = FLAGS.map(|(flag, _, function)| (format!("-{flag}"), function));
    for (flag, function) in flags.into_iter().chain([(short.0.to_owned(), short.1)]) {
        let begin = format!("                -{flag})\n                    ");
        let values = format!("COMPREPLY=($(compgen -W \"$({function})\" -- \"${{cur}}\"))");
        script = script.replace(&format!("{begin}{files}"), &format!("{begin}{values}"));
    }
    script
}

fn functions(program: InvokedAs) -> String {
    format!(
        "\n{TARGETS}() {{\n    echo {}\n}}\n\n{PACKAGES}() {{\n    {}\n}}\n",
        targets(),
        packages(program)
    )
}

fn of_fish(script: &str) -> String {
    let mut lines = script.lines().map(str::to_owned).collect::<Vec<_>>();
    for (flag, _, function) in FLAGS {
        let long = format!(" -l {flag} ");
        let only = match function {
            PACKAGES => " -f",
            _ => "",
        };
        let own = lines.iter_mut().filter(|line| line.contains(&long));
        own.for_each(|line| *line += &format!("{only} -a \"({function})\""));
    }
    lines.join("\n") + "\n"
}

fn functions_of_fish(program: InvokedAs) -> String {
    let targets = targets();
    let packages = packages(program);
    format!(
        "\nfunction {TARGETS}\n    string split ' ' '{targets}'\nend\n\nfunction {PACKAGES}\n    {packages}\nend\n"
    )
}

/// How the last lines of the script of zsh begin.
pub(super) const ZSH_END: &str = "\nif [ \"$funcstack[1]\" = ";

fn of_zsh(script: &str) -> String {
    let mut lines = script.lines().map(str::to_owned).collect::<Vec<_>>();
    for (flag, value, function) in FLAGS {
        let own = lines.iter_mut().filter(|line| {
            let is_short = flag == "package" && line.contains("-p+[");
            is_short || line.contains(&format!("--{flag}=["))
        });
        own.for_each(|line| {
            *line = line.replace(
                &format!(":{value}:_default"),
                &format!(":{value}:{function}"),
            );
        });
    }
    lines.join("\n") + "\n"
}

fn functions_of_zsh(program: InvokedAs) -> String {
    let targets = targets();
    let packages = packages(program);
    format!(
        "\n{TARGETS}() {{\n    local -a triples\n    triples=({targets})\n    _describe -t triples 'target' triples\n    \
         _files -g '*.json'\n}}\n\n{PACKAGES}() {{\n    local -a packages\n    packages=(${{(f)\"$({packages})\"}})\n    \
         _describe -t packages 'package' packages\n}}\n"
    )
}
