//! WebSocket URLs: `ws://` and `wss://` (RFC 6455 section 3).

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv6Addr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A parsed `ws://` or `wss://` URL.
///
/// ```
/// let url = ws_proto::handshake::Url::parse("wss://Example.com/chat?room=1")?;
/// assert!(url.is_secure());
/// assert_eq!((url.host(), url.port()), ("example.com", 443));
/// assert_eq!(url.target(), "/chat?room=1");
/// # Ok::<(), ws_proto::handshake::UrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    secure: bool,
    host: String,
    port: u16,
    target: String,
    basic: Option<String>,
}

/// Why a URL cannot be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// It does not start with `ws://` or `wss://`.
    Scheme,
    /// It holds a control character, a space or a byte outside ASCII, which must be
    /// percent-encoded (in a host name: punycode).
    Byte {
        /// The byte.
        byte: u8,
        /// Where it stands, in bytes from the start.
        at: usize,
    },
    /// The host is empty or is neither a name nor an IP address.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
    /// The user name or password has a broken percent-encoding or a character that HTTP's Basic
    /// scheme cannot carry (a control character, or a colon in the user name).
    UserInfo,
    /// It has a fragment (`#...`), which has no meaning for a WebSocket (RFC 6455 section 3).
    Fragment,
}

impl Url {
    /// Parses a URL.
    ///
    /// A user name and password in it become an `Authorization: Basic` header of the request.
    ///
    /// # Errors
    /// [`UrlError`] says which part is wrong.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        if let Some(at) = url.bytes().position(|byte| !byte.is_ascii_graphic()) {
            return Err(UrlError::Byte {
                byte: url.as_bytes()[at],
                at,
            });
        }
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::Scheme)?;
        let secure = scheme.eq_ignore_ascii_case("wss");
        if !secure && !scheme.eq_ignore_ascii_case("ws") {
            return Err(UrlError::Scheme);
        }
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (userinfo, host) = match authority.rsplit_once('@') {
            Some((userinfo, host)) => (Some(userinfo), host),
            None => (None, authority),
        };
        let (host, port) = split_authority(host)?;
        Ok(Self {
            secure,
            host: host.to_ascii_lowercase(),
            port: port.unwrap_or(default_port(secure)),
            target: if target.starts_with('/') {
                target.to_owned()
            } else {
                format!("/{target}")
            },
            basic: userinfo.map(basic_credentials).transpose()?,
        })
    }

    /// Is it `wss://`, so that the connection must use TLS?
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host to connect to: a name in lower case or an IP address, IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port, by default 80 for `ws` and 443 for `wss`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as the `Host` header has them: the default port left out, IPv6 in brackets.
    pub fn authority(&self) -> String {
        let host = &self.host;
        let bracketed = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        if self.port == default_port(self.secure) {
            bracketed
        } else {
            format!("{bracketed}:{}", self.port)
        }
    }

    /// Path and query as the request line has them, at least `/`.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The value for an `Authorization` header, if the URL names a user.
    pub(super) fn authorization(&self) -> Option<&str> {
        self.basic.as_deref()
    }
}

/// The URL without user name and password, fit for logs.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.target)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "a WebSocket URL starts with ws:// or wss://",
            Self::Byte { byte, at } => {
                return write!(f, "the URL holds byte 0x{byte:02x} at position {at}: percent-encode it");
            }
            Self::Host => "the URL names no valid host (an IPv6 address needs [brackets])",
            Self::Port => "the port in the URL is not a number from 1 to 65535",
            Self::UserInfo => "the user name or password in the URL is not properly encoded",
            Self::Fragment => "a WebSocket URL has no #fragment; write a # as %23",
        })
    }
}

impl core::error::Error for UrlError {}

/// Splits `host[:port]`, taking the brackets off an IPv6 address.
pub(super) fn split_authority(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(UrlError::Host)?;
            host.parse::<Ipv6Addr>().map_err(|_| UrlError::Host)?;
            match after.strip_prefix(':') {
                Some(port) => (host, port),
                None if after.is_empty() => (host, ""),
                None => return Err(UrlError::Host),
            }
        }
        None => {
            let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
            // A second colon means an IPv6 address without its brackets.
            if host.is_empty() || !host.bytes().all(is_name_byte) || port.contains(':') {
                return Err(UrlError::Host);
            }
            (host, port)
        }
    };
    Ok((host, parse_port(port)?))
}

/// Host names, IPv4 addresses, and the underscore that container networks like.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// RFC 3986 section 3.2.3 lets the digits behind the colon be missing.
fn parse_port(digits: &str) -> Result<Option<u16>, UrlError> {
    if digits.is_empty() {
        return Ok(None);
    }
    // `parse` alone would take a plus sign.
    match digits.parse() {
        Ok(port) if port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Some(port)),
        _ => Err(UrlError::Port),
    }
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// `user:password` as the value of an `Authorization` header (RFC 7617).
fn basic_credentials(userinfo: &str) -> Result<String, UrlError> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let user = percent_decode(user)?;
    let password = percent_decode(password)?;
    let unfit = |byte: &u8| byte.is_ascii_control();
    if user.contains(&b':') || user.iter().any(unfit) || password.iter().any(unfit) {
        return Err(UrlError::UserInfo);
    }
    let plain = [user.as_slice(), b":", &password].concat();
    Ok(format!("Basic {}", STANDARD.encode(plain)))
}

fn percent_decode(text: &str) -> Result<Vec<u8>, UrlError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = digit().zip(digit()).ok_or(UrlError::UserInfo)?;
                (high * 16 + low) as u8
            }
            _ => byte,
        });
    }
    Ok(decoded)
}
