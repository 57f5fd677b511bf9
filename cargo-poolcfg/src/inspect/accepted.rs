//! Accepted: of the keys that files need, those that poolcfg.toml takes.

use poolcfg_core::file::{ConfigFile, Diagnostic, TargetFacts};
use poolcfg_core::{Plan, WasmtimeVersion};

use super::workload::Keys;

/// What changes one key of some to that of others, and which it is.
type Copied = fn(&mut Keys, &Keys) -> Option<(&'static str, String)>;

/// A number: its value is in both.
macro_rules! numbers {
    ($($key:ident),* $(,)?) => {
        [$(|to, from| {
            to.$key = from.$key;
            Some((stringify!($key), from.$key?.to_string()))
        }),*]
    };
}

/// Each after those that it must not be above.
const NUMBERS: [Copied; 9] = numbers![
    memories_per_instance,
    tables_per_instance,
    core_instances_per_instance,
    gc_heaps_per_instance,
    table_elements,
    memory_reservation,
    max_memory_size,
    max_core_instance_size,
    max_component_instance_size,
];

impl Keys {
    /// The keys that poolcfg.toml takes, and of the others why it does not.
    pub(crate) fn accepted(
        self,
        version: WasmtimeVersion,
        facts: &TargetFacts,
    ) -> (Self, Vec<String>) {
        let mut refused = Vec::new();
        let mut accepted = Self {
            version: self.version.clone(),
            ..Self::default()
        };
        if let Some(fault) = accepted.fault(version, facts) {
            refused.push(fault);
            accepted.version = None;
        }
        accepted.relocation_model = self.relocation_model;
        for copy in NUMBERS {
            let mut more = accepted.clone();
            let Some((key, value)) = copy(&mut more, &self) else {
                continue;
            };
            match more.fault(version, facts) {
                None => accepted = more,
                // What has no slot that is large enough has no maximum either.
                Some(_) if key == "max_memory_size" && is_without_slot(&accepted, &self) => {}
                Some(fault) => refused.push(format!(
                    "no pool has `{key}` = {value}, which the files need: {fault}"
                )),
            }
        }
        (accepted, refused)
    }

    /// What is wrong with a poolcfg.toml that has these keys and asks for one instance; `None` if nothing is.
    fn fault(&self, version: WasmtimeVersion, facts: &TargetFacts) -> Option<String> {
        let file = match ConfigFile::parse(&self.file(version)) {
            Ok(file) => file,
            Err(mistakes) => return mistakes.into_iter().next().map(|mistake| mistake.message),
        };
        let settings = file.settings(facts);
        match settings.resolve(facts.target()) {
            Ok(case) => {
                let misfit = Plan::new(&case).misfit?;
                Some(Diagnostic::from_misfit(&misfit, &case, &file).message)
            }
            Err(faults) => Some(faults.iter().next()?.message().as_str().to_owned()),
        }
    }

    fn file(&self, version: WasmtimeVersion) -> String {
        let keys = Self {
            version: Some(self.version.clone().unwrap_or(version.to_string())),
            ..self.clone()
        };
        keys.tables(&[
            ("engine", Some("\"wasmtime\"".to_owned())),
            ("max_instances", Some("1".to_owned())),
        ])
    }
}

fn is_without_slot(accepted: &Keys, asked: &Keys) -> bool {
    accepted.memory_reservation != asked.memory_reservation
}
