//! What the scripted authority answers by itself: commands, states, histories, heads.

use std::sync::{Arc, atomic::Ordering};

use bus::{Headers, Request};
use game_state::Version;
use protocol::{
    Ack, Command, ErrorBody, Position, SessionSummary,
    command::CommandDone,
    heads::{Heads, HeadsRequest, SessionPosition},
    history::{History, HistoryRequest},
    session::{CampaignSummary, Member},
    update::EntryKind,
};
use serde_json::{Value, json};

use super::{SESSION, Script, to_json};

/// Other ones than a gateway would think of.
fn limits() -> game_state::Limits {
    game_state::Limits { operations: 7, state_bytes: 4_321, ..game_state::Limits::default() }
}

impl Script {
    fn summary(&self) -> SessionSummary {
        let session = self.session();
        let gm = self.game_master();
        SessionSummary {
            id: SESSION.parse().unwrap(),
            name: "The table".into(),
            campaign_id: "c1".parse().unwrap(),
            campaign: CampaignSummary { id: "c1".parse().unwrap(), name: None },
            game_master_id: gm.clone(),
            game_master: Member { user_id: gm, name: None },
            participant_ids: self.participants().clone(),
            participants: Vec::new(),
            status: session.status,
            frozen: false,
            epoch: session.epoch.clone(),
            game_state_version: session.version,
            game_state_hash: Some(session.hash),
            last_state_update: self.time.load(Ordering::Relaxed),
            scheduled_for: None,
            created_at: 0,
            sync: None,
        }
    }

    pub(super) async fn command(&self, request: Request) {
        let command: Command = serde_json::from_slice(&request.message.payload).unwrap();
        let command_is_join = matches!(command, Command::Join);
        let user = request.message.headers.identity().unwrap().user;
        let takes_part = request
            .message
            .headers
            .takes_part()
            .map_or_else(|| self.takes_part(&user), |is_player| is_player || user == self.game_master());
        let session = self.bus.subjects().session_of(&request.message.subject).unwrap();
        let answer: Ack<CommandDone> = if session.as_str() != SESSION {
            Ack::Refused(ErrorBody::session_not_found(&session))
        } else if user.as_str() == "outsider" || (command_is_join && !takes_part) {
            Ack::Refused(ErrorBody::permission("NOT_A_PARTICIPANT", "no"))
        } else {
            let new_version = match command {
                Command::End { .. } => {
                    let ended = self.turn(EntryKind::Ended);
                    self.publish(&ended).await;
                    Some(ended.entry.version)
                }
                Command::Pause { .. } | Command::Resume { .. } => {
                    let kind = if matches!(command, Command::Resume { .. }) { EntryKind::Resume } else { EntryKind::Pause };
                    let turned = self.turn(kind);
                    self.publish(&turned).await;
                    Some(turned.entry.version)
                }
                _ => None,
            };
            let session = Arc::new(self.summary());
            Ack::Ok(CommandDone { epoch: session.epoch.clone(), session, new_version, timestamp: 1, limits: command_is_join.then(limits) })
        };
        request.reply(Headers::new(), to_json(&answer)).await.unwrap();
    }

    pub(super) async fn state(&self, request: Request) {
        self.state_reads.fetch_add(1, Ordering::SeqCst);
        // What is read is read now, however late it is answered.
        let (headers, payload) = {
            let mut session = self.session();
            let state: Value = serde_json::from_slice(&session.state.canonical().to_vec()).unwrap();
            let mut headers = Headers::new();
            headers.set_position(&Position { epoch: session.epoch.clone(), version: session.version });
            headers.set_hash(&session.hash);
            let payload = json!({"success": true, "sessionId": SESSION, "gameStateVersion": session.version.to_string(),
                "gameStateHash": session.hash.to_string(), "epoch": session.epoch.as_str(), "timestamp": 1, "status": "active", "gameState": state});
            // `success` comes first, as the protocol says.
            let text = payload.to_string().replace("\"success\":true,", "").replace(",\"success\":true", "").replacen(
                '{',
                "{\"success\":true,",
                1,
            );
            (headers, text)
        };
        self.state_gate.subscribe().wait_for(|open| *open).await.unwrap();
        request.reply_chunked(headers, payload.into_bytes()).await.unwrap();
    }

    pub(super) async fn history(&self, request: Request) {
        self.history_reads.fetch_add(1, Ordering::SeqCst);
        let asked: HistoryRequest = serde_json::from_slice(&request.message.payload).unwrap();
        let answer = {
            let session = self.session();
            let newer = session.entries.iter().filter(|committed| committed.entry.version > asked.since);
            Ack::Ok(History {
                session_id: SESSION.parse().unwrap(),
                epoch: session.epoch.clone(),
                head_version: session.version,
                head_hash: Some(session.hash),
                oldest_version: Version::ZERO,
                entries: newer.take(asked.limit as usize).map(|committed| committed.entry.clone()).collect(),
            })
        };
        request.reply_chunked(Headers::new(), to_json(&answer)).await.unwrap();
    }

    pub(super) async fn heads(&self, request: Request) {
        let asked: HeadsRequest = serde_json::from_slice(&request.message.payload).unwrap();
        let head = {
            let session = self.session();
            Position { epoch: session.epoch.clone(), version: session.version }
        };
        let moved = asked.sessions.into_iter().filter(|held| held.position != head);
        let sessions = moved.map(|held| SessionPosition { session_id: held.session_id, position: head.clone() }).collect();
        request.reply(Headers::new(), to_json(&Ack::Ok(Heads { sessions }))).await.unwrap();
    }
}
