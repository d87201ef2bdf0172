//! `relgate waive`: an exception, and taking it back.

use crate::app::{Result, waive as app};
use crate::cli::args::Waive;
use crate::cli::context::Context;
use crate::cli::exit;

pub fn waive(context: &Context, args: &Waive) -> Result<u8> {
    context.with_world(|world| {
        let release = context.release(world)?;
        let actor = context.actor(&release.policy, args.role.as_deref())?;
        if args.withdraw {
            context.show(&app::withdraw(world, &release, &actor, &args.items)?)?;
            return Ok(exit::GO);
        }
        let reason = args.reason.as_deref().unwrap_or_default();
        let until = args.until.as_deref().unwrap_or_default();
        let waived = app::waive(world, &release, &actor, &args.items, (reason, until))?;
        context.show(&waived)?;
        Ok(exit::GO)
    })
}
