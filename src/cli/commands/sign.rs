//! `relgate sign`: walking the gates that wait for somebody.

use std::io;

use crate::app::project::Release;
use crate::app::sign::{self as app, Ready, Session};
use crate::app::walk::Walk;
use crate::app::{Error, Result};
use crate::cli::args::Sign;
use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::prompt::{self, Walked};
use crate::domain::decide::Actor;
use crate::domain::outcome::SignedGate;
use crate::domain::probe::judge::{Sample, Verdict};
use crate::domain::readiness::command;
use crate::domain::record::body::{Answer, Answered};
use crate::domain::refusal::{Kind, Refusal};
use crate::ports::FileError;

pub fn sign(context: &Context, args: &Sign) -> Result<u8> {
    context.with_world(|world| {
        let release = context.release(world)?;
        let actor = context.actor(&release.policy, args.role.as_deref())?;
        let session = Session::new(world, &release)?;
        if let (true, Some(gate), Some(reason)) = (args.reject, &args.gate, &args.reason) {
            let gate = release.gate(gate)?.clone();
            let rejected = app::reject(&session, &actor, &gate, (reason, &[]))?;
            context.show(&app::result(&session, vec![rejected])?)?;
            return Ok(exit::GO);
        }
        if let Some(gate) = &args.gate {
            release.gate(gate)?;
        }
        if !args.all && !prompt::is_interactive() {
            let gate = args.gate.as_deref().map(|gate| format!(" {gate}"));
            let role = args.role.as_deref().map(|role| format!(" --as {role}"));
            let (gate, role) = (gate.unwrap_or_default(), role.unwrap_or_default());
            let script = format!("sign{gate}{role} --all --yes");
            return Err(prompt::nobody_to_ask(command(&release.name, &script)).into());
        }
        let mut walk = Walks {
            context,
            session: &session,
            release: &release,
            actor: &actor,
            args,
            signatures: Vec::new(),
        };
        let left = walk.all()?;
        let signatures = walk.signatures;
        if signatures.is_empty() && left {
            return Err(Refusal::new(
                Kind::Inconclusive,
                "the walk was left before its end: nothing was recorded",
            )
            .help(command(&release.name, "sign"))
            .into());
        }
        if signatures.is_empty() {
            return Err(Refusal::refused(format!(
                "nothing of {} waits for {}",
                release.name, actor.person
            ))
            .help(command(&release.name, "check"))
            .into());
        }
        context.show(&app::result(&session, signatures)?)?;
        Ok(exit::GO)
    })
}

struct Walks<'a, 'w> {
    context: &'a Context,
    session: &'a Session<'a, 'w>,
    release: &'a Release,
    actor: &'a Actor,
    args: &'a Sign,
    signatures: Vec<SignedGate>,
}

impl Walks<'_, '_> {
    /// Signs every gate that waits, or the one that was named. Returns whether the person left before the end.
    fn all(&mut self) -> Result<bool> {
        loop {
            let named = self.args.gate.as_deref();
            let Some(ready) = app::next(self.session, self.actor, (named, &self.signatures))?
            else {
                return Ok(false);
            };
            let answers = if self.args.all {
                Walk::all_yes(&ready.items, self.args.comment.as_deref())
            } else {
                match self.walk(&ready)? {
                    Some(answers) => answers,
                    None => return Ok(true),
                }
            };
            if !self.args.all && answers.iter().any(|it| it.answer == Answer::No) {
                if let Some(rejected) = self.reject(&ready, &answers)? {
                    self.signatures.push(rejected);
                }
                return Ok(true);
            }
            let signed = app::approve(self.session, self.actor, &ready, &answers)?;
            self.signatures.push(signed);
            if named.is_some() {
                return Ok(false);
            }
        }
    }

    fn walk(&self, ready: &Ready) -> Result<Option<Vec<Answered>>> {
        let title = format!(
            "{} — {} as {} (release {})",
            ready.gate.id, ready.gate.title, ready.role, self.release.name
        );
        let evidence: Vec<String> = ready
            .evidence
            .iter()
            .map(|(item, sample)| evidence_line(&item.title, sample))
            .collect();
        self.context.write(|out| {
            let waived = ready.waived.iter().map(|it| format!("not asked for: {it}"));
            for line in evidence.iter().cloned().chain(waived) {
                writeln!(out, "{}", crate::render::text::one_line(&line))?;
            }
            Ok(())
        })?;
        self.context.settle();
        let ended = if ready.items.is_empty() {
            match prompt::confirm(&format!("\n{title}\nsign it?")).map_err(terminal)? {
                true => Walked::Answers(Vec::new()),
                false => Walked::Left,
            }
        } else {
            prompt::walk(&title, &ready.items).map_err(terminal)?
        };
        Ok(match ended {
            Walked::Answers(answers) => Some(answers),
            Walked::Left => None,
        })
    }

    /// An item that does not hold makes the gate one that is rejected, if the person says why.
    fn reject(&self, ready: &Ready, answers: &[Answered]) -> Result<Option<SignedGate>> {
        let reason = prompt::text(
            "\nAn item does not hold. Reject the gate, because (empty: record nothing)",
        )
        .map_err(terminal)?;
        if reason.is_empty() {
            return Ok(None);
        }
        let as_role = Actor {
            person: self.actor.person.clone(),
            role: Some(ready.role.clone()),
        };
        app::reject(self.session, &as_role, &ready.gate, (&reason, answers)).map(Some)
    }
}

fn evidence_line(title: &str, sample: &Sample) -> String {
    let mark = if sample.verdict == Verdict::Pass {
        "holds"
    } else {
        sample.verdict.word()
    };
    format!("evidence: {title}: {mark} ({})", sample.reason())
}

/// A terminal that went away.
pub fn terminal(source: io::Error) -> Error {
    Error::File(FileError {
        path: "the terminal".into(),
        source,
    })
}
