//! Kinds of messages beyond text and binary: opcodes and reserved bits that an application gives a meaning.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::error::Error;
use core::fmt;

use ws_frame::{OpCode, Rsv};

/// The kind of a message that is neither plain text nor plain binary: its opcode, and the reserved bits of its first
/// frame.
///
/// Data kinds can be fragmented like text and binary. Control kinds hold at most 125 bytes, come in one frame, and
/// may stand between the fragments of a message (RFC 6455 §5.5).
///
/// A connection receives and sends only what its [`Config`](crate::Config) allows: opcodes that are registered in
/// [`Config::opcodes`](crate::Config::opcodes), bits that are in
/// [`Config::reserved_bits`](crate::Config::reserved_bits). A text message that carries such a bit is a custom one
/// too: what the bit means for the bytes, being UTF-8 among others, is for the application to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CustomKind {
    opcode: OpCode,
    rsv: Rsv,
}

impl CustomKind {
    /// A kind of this opcode whose first frame carries these bits; `None` for what is no message or nothing custom:
    /// continuations, the standard's control frames, text and binary without a bit.
    #[must_use]
    pub const fn new(opcode: OpCode, rsv: Rsv) -> Option<Self> {
        match opcode {
            OpCode::Continuation | OpCode::Close | OpCode::Ping | OpCode::Pong => None,
            OpCode::Text | OpCode::Binary if rsv.is_empty() => None,
            _ => Some(Self { opcode, rsv }),
        }
    }

    /// The opcode.
    #[must_use]
    pub const fn opcode(self) -> OpCode {
        self.opcode
    }

    /// The reserved bits, but for those of extensions.
    #[must_use]
    pub const fn rsv(self) -> Rsv {
        self.rsv
    }

    /// The same kind with these reserved bits as well.
    #[must_use]
    pub fn with_rsv(self, rsv: Rsv) -> Self {
        Self {
            opcode: self.opcode,
            rsv: self.rsv | rsv,
        }
    }

    /// Whether this is a kind of control frame: at most 125 bytes, never fragmented.
    #[must_use]
    pub const fn is_control(self) -> bool {
        self.opcode.is_control()
    }
}

/// The opcodes beyond the standard's that a connection knows, by name: 3 to 7 for data, 11 to 15 for control frames
/// (RFC 6455 §5.2). All others stay errors.
///
/// ```
/// let mut config = ws_proto::Config::default();
/// let ascii = config.opcodes.register(3, "ascii")?;
/// let time = config.opcodes.register(11, "time")?;
/// assert!(!ascii.is_control() && time.is_control());
/// assert_eq!(config.opcodes.kind("time"), Some(time));
/// assert_eq!(config.opcodes.name(ascii), Some("ascii"));
/// # Ok::<(), ws_proto::OpcodeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opcodes {
    /// Ten entries at most, as there are no more opcodes.
    names: Vec<(OpCode, Cow<'static, str>)>,
}

impl Opcodes {
    /// Gives an opcode a name, and returns its kind without reserved bits.
    ///
    /// # Errors
    /// [`OpcodeError::Standard`] unless the opcode is one of 3 to 7 and 11 to 15; [`OpcodeError::OpcodeTaken`],
    /// [`OpcodeError::NameTaken`].
    pub fn register(&mut self, opcode: u8, name: impl Into<Cow<'static, str>>) -> Result<CustomKind, OpcodeError> {
        let name = name.into();
        let known = OpCode::from_nibble(opcode);
        if known.as_u8() != opcode || !known.is_reserved() {
            return Err(OpcodeError::Standard(opcode));
        }
        if self.contains(known) {
            return Err(OpcodeError::OpcodeTaken(opcode));
        }
        if self.kind(&name).is_some() {
            return Err(OpcodeError::NameTaken);
        }
        self.names.push((known, name));
        Ok(plain(known))
    }

    /// The kind of this name, without reserved bits.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<CustomKind> {
        let (opcode, _) = self.names.iter().find(|(_, known)| known == name)?;
        Some(plain(*opcode))
    }

    /// The name that the kind's opcode was given.
    #[must_use]
    pub fn name(&self, kind: CustomKind) -> Option<&str> {
        let (_, name) = self.names.iter().find(|(opcode, _)| *opcode == kind.opcode)?;
        Some(name)
    }

    /// Whether no opcode has been registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(crate) fn contains(&self, opcode: OpCode) -> bool {
        self.names.iter().any(|(known, _)| *known == opcode)
    }
}

fn plain(opcode: OpCode) -> CustomKind {
    CustomKind { opcode, rsv: Rsv::NONE }
}

/// Why an opcode could not be registered: the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpcodeError {
    /// The standard gives this number a meaning, or it is none of 0 to 15.
    Standard(u8),
    /// This opcode has a name already.
    OpcodeTaken(u8),
    /// Another opcode has this name.
    NameTaken,
}

impl fmt::Display for OpcodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard(opcode) => write!(f, "opcode {opcode} is not free: use 3 to 7 or 11 to 15"),
            Self::OpcodeTaken(opcode) => write!(f, "opcode {opcode} is registered already"),
            Self::NameTaken => f.write_str("another opcode has this name"),
        }
    }
}

impl Error for OpcodeError {}
