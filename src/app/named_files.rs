//! Are the files there that probes name, and what they must be? Looked at where it is decided whether a release goes out,
//! and by `lint`: found out only when the probes are asked, it would be after the deployment.

use std::collections::BTreeMap;
use std::path::Path;

use crate::domain::finding::{Finding, Rule};
use crate::domain::probe::files::FileUse;
use crate::parse::lint::{Workspace, named_files};

use super::World;

/// What is wrong with them, at the places that name them. What lies outside of the repository may lie on another machine
/// alone, such as a mounted secret, and is only warned about.
/// So is, unless the release is `decided` on, a program that may yet be built.
pub(super) fn findings(world: &World<'_>, workspace: &Workspace, decided: bool) -> Vec<Finding> {
    let mut looked_at: BTreeMap<(String, FileUse), Result<(), String>> = BTreeMap::new();
    let mut findings = Vec::new();
    for named in named_files(workspace) {
        let found = looked_at
            .entry((named.path.clone(), named.used_as))
            .or_insert_with(|| world.prober.can_use(&named.path, named.used_as));
        let Err(why) = found else { continue };
        let message = format!("{}: {why}", named.by);
        let program = named.used_as == FileUse::Program;
        let elsewhere = Path::new(&named.path).is_absolute()
            || program && (!decided || !named.path.contains('/'));
        let finding = if elsewhere {
            Finding::warning(Rule::FileMissing, &named.file, message)
                .help("see that it is there on the machine that asks")
        } else {
            Finding::error(Rule::FileMissing, &named.file, message).help(format!(
                "put {} there, {}",
                named.path,
                what(named.used_as)
            ))
        };
        findings.push(finding.at(&named.place));
    }
    findings
}

const fn what(used_as: FileUse) -> &'static str {
    match used_as {
        FileUse::Authorities => "with the certificates of the authorities in PEM",
        FileUse::Certificate => "with the certificate in PEM",
        FileUse::Key => "with the key in PEM and no passphrase",
        FileUse::Body | FileUse::Part => "with what is to be sent",
        FileUse::Schema => "with a JSON Schema",
        FileUse::Program => "a program or a script that can be executed",
    }
}
