//! Who we are.

/// The side of a connection. It decides who masks (RFC 6455 §5.1) and who ends the transport first (§7.1.1); all
/// else is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Accepts connections; its frames are not masked.
    Server,
    /// Makes connections; its frames are masked.
    Client,
}

impl Role {
    /// The other side.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Server => Self::Client,
            Self::Client => Self::Server,
        }
    }
}
