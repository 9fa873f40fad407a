//! Why a connection ends. Codes 3000 to 3499 mean "connect again", codes from 3500 "do not": the same attempt would end the same way.
//! Over Socket.IO the code travels in the WebSocket close frame; a code that forbids reconnecting is preceded by a
//! disconnect packet, after which `socket.io-client` stays away by itself. `CLOSE_CODES.md` tells clients of them.

/// Close codes that the gateway sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// The client asked for the close, and this is the answer to it.
    Normal = 1000,
    /// The client broke the WebSocket protocol: an unmasked frame, a reserved bit, a fragmented control frame.
    Protocol = 1002,
    /// The client sent binary data. All messages are JSON text.
    Unsupported = 1003,
    /// A text message was not UTF-8.
    InvalidText = 1007,
    /// A message was larger than the announced limit.
    TooBig = 1009,

    /// This gateway is going down for a release or for scaling in. Connect again: another one answers.
    Drain = 3001,
    /// The gateway failed on this connection, through no fault of the client.
    Internal = 3004,
    /// The token has run out. Connect again with a fresh one.
    TokenExpired = 3005,
    /// The client reads more slowly than its session moves, and telling it to catch up did not help. Connect again and catch up.
    Slow = 3008,
    /// The client did not answer a ping in time. A client that still gets this code may connect again.
    NoPong = 3012,

    /// The token is missing, wrong or has run out. Get another one before the next attempt.
    Unauthorized = 3500,
    /// The connection did not authenticate in time after it was opened.
    AuthTimeout = 3501,
    /// A message was not in the form of the protocol: not JSON, no event name, an unknown packet.
    Malformed = 3502,
    /// The user has as many connections as one user may have. Close another one first.
    TooManyConnections = 3503,
    /// Pings or other control messages came faster than any client needs them.
    Flood = 3504,
    /// The user's access was taken away while connected.
    AccessRevoked = 3505,
}

impl CloseCode {
    pub fn code(self) -> u16 {
        self as u16
    }

    /// Whether a client should try again by itself.
    pub fn may_reconnect(self) -> bool {
        (3000..3500).contains(&self.code())
    }

    /// The text in the close frame: a few words for a developer's console.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Normal => "closed",
            Self::Protocol => "protocol error",
            Self::Unsupported => "binary messages are not supported",
            Self::InvalidText => "text is not UTF-8",
            Self::TooBig => "message too big",
            Self::Drain => "the server is going down, connect again",
            Self::Internal => "internal error, connect again",
            Self::TokenExpired => "token expired, connect again with a fresh one",
            Self::Slow => "reading too slowly, connect again",
            Self::NoPong => "ping not answered, connect again",
            Self::Unauthorized => "not authorized",
            Self::AuthTimeout => "not authenticated in time",
            Self::Malformed => "malformed message",
            Self::TooManyConnections => "too many connections",
            Self::Flood => "too many control messages",
            Self::AccessRevoked => "access revoked",
        }
    }
}

/// How a connection ended, as [`crate::edge::Handler::closed`] is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The client said goodbye.
    ByClient,
    /// The edge or the handler closed it.
    ByServer(CloseCode),
    /// The socket was lost without a word.
    Lost,
}

#[cfg(test)]
mod tests {
    use super::CloseCode;

    #[test]
    fn every_code_is_documented_with_whether_to_connect_again() {
        let rows: Vec<Vec<&str>> = include_str!("../../CLOSE_CODES.md")
            .lines()
            .filter(|line| line.starts_with("| ") && line.contains(|c: char| c.is_ascii_digit()))
            .map(|line| line.split('|').map(str::trim).collect())
            .collect();
        let all = [
            CloseCode::Normal,
            CloseCode::Protocol,
            CloseCode::Unsupported,
            CloseCode::InvalidText,
            CloseCode::TooBig,
            CloseCode::Drain,
            CloseCode::Internal,
            CloseCode::TokenExpired,
            CloseCode::Slow,
            CloseCode::NoPong,
            CloseCode::Unauthorized,
            CloseCode::AuthTimeout,
            CloseCode::Malformed,
            CloseCode::TooManyConnections,
            CloseCode::Flood,
            CloseCode::AccessRevoked,
        ];
        assert_eq!(rows.len(), all.len());
        for (row, code) in rows.iter().zip(all) {
            let again = if code.may_reconnect() {
                "yes"
            } else if code == CloseCode::Normal {
                ""
            } else {
                "no"
            };
            assert_eq!((row[1], row[2]), (code.code().to_string().as_str(), again), "{code:?}");
        }
    }
}
