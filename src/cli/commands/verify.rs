//! `relgate verify`: the passes over the deployment checklist, the verification plan, and the watch that follows.

use crate::app::verification::{Company, Part, Session};
use crate::app::verify::{self as app, NextPass};
use crate::app::walk::Walk;
use crate::app::{Result, deploy};
use crate::cli::args::Verify;
use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::live::Live;
use crate::cli::prompt::{self, Walked};
use crate::domain::decide::deployment::StageUse;
use crate::domain::event::Event;
use crate::domain::probe::selection::Selection;
use crate::domain::readiness::command;
use crate::domain::record::body::Answered;
use crate::domain::refusal::{Kind, Refusal};

use super::sign::terminal;
use super::watch;

pub fn verify(context: &Context, args: &Verify) -> Result<u8> {
    context.with_world(|world| {
        let release = context.deployed_release(world, args.stage.stage.as_deref())?;
        let actor = context.actor(&release.policy, args.stage.role.as_deref())?;
        let stage = deploy::stage(
            world,
            &release,
            args.stage.stage.as_deref(),
            StageUse::Deployed,
        )?;
        let selection = Selection {
            only: args.only.clone(),
            skip: args.skip.clone(),
        };
        let selected = app::select(&release, &selection)?;
        let session = Session {
            world,
            release: &release,
            actor: &actor,
            stage: &stage,
            selected: &selected,
            watches: !args.no_watch,
        };
        let mut company = Terminal {
            context,
            session: &session,
            args,
            live: None,
        };
        let concluded = session.verify(&mut company)?;
        context.show(&concluded.verification)?;
        if let Some(watched) = &concluded.left {
            watch::say_unwatched(context, watched)?;
        }
        Ok(exit::of_conclusion(concluded.verification.conclusion))
    })
}

/// The person at the terminal, or the script, and what is shown to them.
struct Terminal<'a, 'w> {
    context: &'a Context,
    session: &'a Session<'a, 'w>,
    args: &'a Verify,
    /// The display of the part that goes on.
    live: Option<Live>,
}

impl Company for Terminal<'_, '_> {
    fn answers(&mut self, next: &NextPass) -> Result<Vec<Answered>> {
        if self.args.all || next.items.is_empty() {
            return Ok(Walk::all_yes(&next.items, None));
        }
        let name = &self.session.release.name;
        if !prompt::is_interactive() {
            let verify = format!("verify --stage {} --all --yes", self.session.stage);
            return Err(prompt::nobody_to_ask(command(name, &verify)).into());
        }
        let title = format!(
            "deployment checklist of {name}, stage {}: pass {} of {}",
            self.session.stage, next.pass, next.of
        );
        self.context.settle();
        match prompt::walk(&title, &next.items).map_err(terminal)? {
            Walked::Answers(answers) => Ok(answers),
            Walked::Left => Err(Refusal::new(
                Kind::Inconclusive,
                "the pass was left before its end: nothing was recorded",
            )
            .help(command(
                name,
                &format!("verify --stage {}", self.session.stage),
            ))
            .into()),
        }
    }

    fn begins(&mut self, part: Part) {
        if part != Part::Pass {
            self.context.catch_signals();
        }
        self.live = Some(Live::new(self.context, true));
    }

    fn hears(&mut self, event: &Event) {
        if let Some(live) = &mut self.live {
            live.event(self.session.world.clock.now().wall, event);
        }
    }

    fn ends(&mut self) {
        self.live = None;
    }
}
