//! The key exchange that proves both ends speak WebSocket (RFC 6455 sections 1.3 and 4.2.2).

use alloc::string::String;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The `Sec-WebSocket-Accept` value that answers a `Sec-WebSocket-Key` value.
///
/// ```
/// let accept = ws_proto::handshake::accept_key("dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
pub fn accept_key(key: &str) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    STANDARD.encode(digest)
}

/// The key that carries a client's nonce.
pub(super) fn encode_nonce(nonce: [u8; NONCE_BYTES]) -> String {
    STANDARD.encode(nonce)
}

/// Is this the one base64 spelling of sixteen bytes?
pub(super) fn is_valid_key(key: &[u8]) -> bool {
    // The decoder refuses missing padding and stray bits, and works in groups of three bytes, so
    // it asks for a little more room.
    let mut nonce = [0; NONCE_BYTES + 2];
    STANDARD.decode_slice(key, &mut nonce) == Ok(NONCE_BYTES)
}

/// Fixed by RFC 6455 section 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Fixed by RFC 6455 section 4.1 item 7.
const NONCE_BYTES: usize = 16;
