//! One slot for each control frame that the protocol may owe.

use ws_frame::{CloseFrame, ControlPayload};

use crate::Reply;

/// Control frames that wait to be written.
#[derive(Default)]
pub(super) struct Owed {
    pub(super) pong: Option<ControlPayload>,
    pub(super) ping: Option<ControlPayload>,
    pub(super) close: Option<CloseFrame>,
}

impl Owed {
    /// Fills the reply's slot; a later one takes the place of an earlier one.
    pub(super) fn put(&mut self, reply: Reply) {
        match reply {
            Reply::Pong(payload) => self.pong = Some(payload),
            Reply::Ping(payload) => self.ping = Some(payload),
            Reply::Close(frame) => self.close = Some(frame),
        }
    }
}
