//! Rolling back: the old sessions first, then the documents of each campaign that no session of ours needs any more.

use service_kit::Clock;
use store::{RolledBack, Store, StoreError};

use crate::{
    progress::Progress,
    report::{Failure, Rollback},
    retry::patiently,
};

/// `open`: sessions that are not over are put back as well. Only while no platform runs.
pub(crate) async fn run(store: &Store, clock: &Clock, open: bool) -> Result<Rollback, StoreError> {
    store.ensure_migration_indexes().await?;
    let mut report = Rollback::default();
    let mut progress = Progress::begin(clock, store.count_session_backups().await?);
    let mut backups = store.session_backups().await?;
    while let Some(backup) = backups.next().await? {
        report.found += 1;
        let failure = |field: &str, reason: String| Failure { session: backup.id.to_string(), field: field.to_owned(), reason };
        match patiently(store, async || store.roll_back_session(&backup, open).await).await {
            Ok(RolledBack::Done) => report.rolled_back += 1,
            Ok(RolledBack::Already) => report.already_old += 1,
            Ok(RolledBack::Open) => report.open_skipped.push(backup.id.to_string()),
            Ok(RolledBack::Changed(reason)) => report.changed.push(failure("_id", reason)),
            Err(StoreError::Corrupt(corruption)) => report.failed.push(failure("document", corruption.to_string())),
            Err(error) => return Err(error),
        }
        progress.at(report.found, report.failed.len() + report.changed.len());
    }
    drop(progress);
    for campaign in store.campaigns_to_restore().await? {
        let restored = patiently(store, async || store.roll_back_campaign(&campaign).await).await?;
        report.documents_restored += restored.documents;
        report.documents_changed.extend(restored.changed);
        if restored.needed_by.is_some() {
            report.campaigns_kept.push(campaign);
        }
    }
    Ok(report)
}
