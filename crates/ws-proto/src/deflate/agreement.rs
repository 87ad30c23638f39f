//! The parameters of permessage-deflate: offers, answers, what was agreed (RFC 7692 §7.1).

use alloc::string::ToString;

use super::{Deflate, NAME, window_bits};
use crate::Role;
use crate::extension::{Agreed, Parameters};

/// What both sides agreed on, in the words of the RFC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreement {
    /// The server compresses every message by itself.
    pub server_no_context_takeover: bool,
    /// The client compresses every message by itself.
    pub client_no_context_takeover: bool,
    /// The power of the server's largest window, 8 to 15; none is 15.
    pub server_max_window_bits: Option<u8>,
    /// The power of the client's largest window, 8 to 15; none is 15.
    pub client_max_window_bits: Option<u8>,
}

impl Agreement {
    /// What was agreed on with a peer; `None` if compression was not.
    #[must_use]
    pub fn of(agreed: &Agreed) -> Option<Self> {
        Self::parse(agreed.parameters(NAME)?)
    }

    /// From an answer's parameters; `None` if one is unknown, repeated, out of range or lacks its value.
    pub(super) fn parse(parameters: &Parameters) -> Option<Self> {
        let Terms {
            server_no_context_takeover,
            client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
        } = Terms::parse(parameters)?;
        Some(Self {
            server_no_context_takeover,
            client_no_context_takeover,
            server_max_window_bits: value(server_max_window_bits)?,
            client_max_window_bits: value(client_max_window_bits)?,
        })
    }

    /// The power of the largest window for what this side sends.
    pub(super) fn window_bits(&self, sender: Role) -> u8 {
        match sender {
            Role::Server => self.server_max_window_bits,
            Role::Client => self.client_max_window_bits,
        }
        .unwrap_or(15)
    }

    /// Whether what this side sends may refer to earlier messages.
    pub(super) fn has_context_takeover(&self, sender: Role) -> bool {
        match sender {
            Role::Server => !self.server_no_context_takeover,
            Role::Client => !self.client_no_context_takeover,
        }
    }

    fn to_parameters(self) -> Parameters {
        let mut parameters = Parameters::new();
        if self.server_no_context_takeover {
            parameters = parameters.with_flag(SERVER_NO_CONTEXT_TAKEOVER);
        }
        if self.client_no_context_takeover {
            parameters = parameters.with_flag(CLIENT_NO_CONTEXT_TAKEOVER);
        }
        if let Some(bits) = self.server_max_window_bits {
            parameters = parameters.with_value(SERVER_MAX_WINDOW_BITS, &bits.to_string());
        }
        if let Some(bits) = self.client_max_window_bits {
            parameters = parameters.with_value(CLIENT_MAX_WINDOW_BITS, &bits.to_string());
        }
        parameters
    }
}

/// Client: what to offer.
pub(super) fn offer(settings: &Deflate) -> Parameters {
    let own_bits = window_bits(settings.window_bits);
    let peer_bits = window_bits(settings.peer_window_bits);
    let parameters = Agreement {
        server_no_context_takeover: !settings.lets_peer_take_over(),
        client_no_context_takeover: !settings.takes_over(),
        server_max_window_bits: (peer_bits < 15).then_some(peer_bits),
        client_max_window_bits: (own_bits < 15).then_some(own_bits),
    }
    .to_parameters();
    // Without a value it says no more than that the server may ask for less.
    if own_bits < 15 {
        parameters
    } else {
        parameters.with_flag(CLIENT_MAX_WINDOW_BITS)
    }
}

/// Server: the answer to an offer, or `None` to decline it.
pub(super) fn accept(settings: &Deflate, offer: &Parameters) -> Option<Parameters> {
    let offer = Terms::parse(offer)?;
    let own_bits = window_bits(settings.window_bits);
    let own_bits = value(offer.server_max_window_bits)?.map_or(own_bits, |asked| asked.min(own_bits));
    let peer_bits = window_bits(settings.peer_window_bits);
    let answer = Agreement {
        server_no_context_takeover: offer.server_no_context_takeover || !settings.takes_over(),
        client_no_context_takeover: offer.client_no_context_takeover || !settings.lets_peer_take_over(),
        server_max_window_bits: (own_bits < 15 || offer.server_max_window_bits != Bits::Missing).then_some(own_bits),
        // A client that did not say that it knows this parameter may not be told (§7.1.2.2).
        client_max_window_bits: match offer.client_max_window_bits {
            Bits::Missing => None,
            Bits::NoValue => (peer_bits < 15).then_some(peer_bits),
            Bits::Value(offered) => Some(offered.min(peer_bits)),
        },
    };
    Some(answer.to_parameters())
}

/// Client: whether the answer is one to our offer. What we asked of the server must be granted; what it asks of us must
/// be what we said that we can do.
pub(super) fn confirm(settings: &Deflate, answer: &Parameters) -> bool {
    let Some(answer) = Agreement::parse(answer) else {
        return false;
    };
    let peer_bits = window_bits(settings.peer_window_bits);
    let own_bits = window_bits(settings.window_bits);
    let takeover_is_granted = answer.server_no_context_takeover || settings.lets_peer_take_over();
    let peer_window_is_granted = peer_bits == 15 || answer.server_max_window_bits.is_some_and(|bits| bits <= peer_bits);
    let own_window_is_possible = answer.client_max_window_bits.is_none_or(|bits| bits <= own_bits);
    takeover_is_granted && peer_window_is_granted && own_window_is_possible
}

/// Parameters of an offer or an answer, known and valid one by one.
#[derive(Default)]
struct Terms {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Bits,
    client_max_window_bits: Bits,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Bits {
    #[default]
    Missing,
    NoValue,
    Value(u8),
}

impl Terms {
    fn parse(parameters: &Parameters) -> Option<Self> {
        let mut terms = Self::default();
        for (name, value) in parameters.iter() {
            match name {
                SERVER_NO_CONTEXT_TAKEOVER => set_flag(&mut terms.server_no_context_takeover, value)?,
                CLIENT_NO_CONTEXT_TAKEOVER => set_flag(&mut terms.client_no_context_takeover, value)?,
                SERVER_MAX_WINDOW_BITS => set_bits(&mut terms.server_max_window_bits, value)?,
                CLIENT_MAX_WINDOW_BITS => set_bits(&mut terms.client_max_window_bits, value)?,
                _ => return None,
            }
        }
        Some(terms)
    }
}

fn set_flag(flag: &mut bool, value: Option<&str>) -> Option<()> {
    let is_new = !*flag && value.is_none();
    *flag = true;
    is_new.then_some(())
}

fn set_bits(bits: &mut Bits, value: Option<&str>) -> Option<()> {
    if *bits != Bits::Missing {
        return None;
    }
    *bits = match value {
        None => Bits::NoValue,
        Some(value) => Bits::Value(parse_bits(value)?),
    };
    Some(())
}

/// A decimal number from 8 to 15, without leading zeros (§7.1.2.1).
fn parse_bits(text: &str) -> Option<u8> {
    let bits = text.parse().ok().filter(|bits| (8..=15).contains(bits))?;
    // `parse` takes a sign and zeros.
    (text.len() == if bits < 10 { 1 } else { 2 }).then_some(bits)
}

/// The value of a parameter that may be missing but not stand without one.
fn value(bits: Bits) -> Option<Option<u8>> {
    match bits {
        Bits::Missing => Some(None),
        Bits::NoValue => None,
        Bits::Value(bits) => Some(Some(bits)),
    }
}

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";
