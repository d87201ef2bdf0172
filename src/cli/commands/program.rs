//! `schema`, `completions`, `man`: what belongs to the program rather than to a release.

use std::path::Path;

use crate::app::Result;
use crate::app::manual::topics;
use crate::cli::args::SchemaFile;
use crate::cli::context::Context;
use crate::cli::exit;
use crate::domain::refusal::Refusal;
use crate::effects::plain;
use crate::parse::schema::{self, Kind};
use crate::render::manual::roff::{self, Header};

pub fn schema(context: &Context, file: SchemaFile) -> Result<u8> {
    let kind = match file {
        SchemaFile::Policy => Kind::Policy,
        SchemaFile::ReleaseNotes => Kind::Notes,
        SchemaFile::Checklist => Kind::Checklist,
        SchemaFile::Probes => Kind::Probes,
    };
    context.write(|out| out.write_all(schema::pretty(kind).as_bytes()))?;
    Ok(exit::GO)
}

pub fn completions(context: &Context, shell: clap_complete::Shell) -> Result<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut crate::cli::command(), "relgate", &mut text);
    context.write(|out| out.write_all(&text))?;
    Ok(exit::GO)
}

/// A manual page of a file.
struct FilePage {
    name: String,
    text: String,
}

/// The manual pages of the files: section 5.
fn manual_of_files() -> Vec<FilePage> {
    let files = [
        ("policy", "the policy of a team, relgate.yaml"),
        ("release-notes", "release notes, release-notes.md"),
        ("checklist", "the gates of a release, checklist.yaml"),
        ("probe-keys", "the keys of a probe"),
    ];
    let pages = files.into_iter().filter_map(|(topic, about)| {
        let topic = topics::topic(topic).ok()?;
        let name = format!("relgate-{}", topic.name);
        let header = Header {
            name: &name,
            section: 5,
            about,
        };
        Some(FilePage {
            text: roff::page(header, topic.text),
            name: format!("{name}.5"),
        })
    });
    pages.collect()
}

pub fn man(context: &Context, folder: Option<&Path>) -> Result<u8> {
    let command = crate::cli::command();
    match folder {
        Some(folder) => {
            let failed = |error: std::io::Error| {
                Refusal::invalid(format!(
                    "the manual pages cannot be written to {}: {error}",
                    folder.display()
                ))
                .help("name a folder that can be written to")
            };
            // Made elsewhere first: what is put in place goes through no link.
            let made = tempfile::tempdir().map_err(failed)?;
            clap_mangen::generate_to(command, made.path()).map_err(failed)?;
            for page in manual_of_files() {
                let path = made.path().join(page.name);
                std::fs::write(path, page.text).map_err(failed)?;
            }
            for page in std::fs::read_dir(made.path()).map_err(failed)? {
                let page = page.map_err(failed)?;
                let bytes = std::fs::read(page.path()).map_err(failed)?;
                let name = page.file_name().to_string_lossy().into_owned();
                plain::replace(folder, &name, &bytes).map_err(failed)?;
            }
        }
        None => {
            let mut text = Vec::new();
            // Writing to memory does not fail.
            let _ = clap_mangen::Man::new(command).render(&mut text);
            context.write(|out| out.write_all(&text))?;
        }
    }
    Ok(exit::GO)
}
