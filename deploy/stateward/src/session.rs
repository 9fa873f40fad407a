//! What is done with one session. Each command has its own file.

pub mod ask;
mod ls;
mod preview;
mod show;
mod tail;
mod verify;

use crate::{
    cli::{Repair, Session},
    connect::Config,
    exit::Exit,
    output::Output,
};

pub async fn run(config: &Config, command: Session, out: &Output) -> anyhow::Result<Exit> {
    match command {
        Session::Ls { status, frozen, limit } => ls::run(config, status.as_deref(), frozen, limit, out).await,
        Session::Show { session } => show::run(config, &session, out).await,
        Session::Tail { session, since, count } => tail::run(config, &session, since, count, out).await,
        Session::Verify { session, offline: true, .. } => verify::offline(config, &session, out).await,
        Session::Verify { session, offline: false, reason } => verify::ask(config, &session, reason, out).await,
        Session::Diff { session, file, reason } => ask::diff(config, &session, &file, reason, out).await,
        Session::Repair { session, how, backup, version, why } => {
            let backups = (backup, version);
            if how != Repair::Restore && backups != (None, None) {
                anyhow::bail!("--backup and --version are for restore");
            }
            ask::repair(config, &session, how, backups, &why, out).await
        }
        Session::Sync { session, dry_run: true, reason, .. } => preview::run(config, &session, reason, out).await,
        Session::Sync { session, wait, reason, dry_run: false } => ask::sync(config, &session, wait, reason, out).await,
    }
}
