//! Limits of the opening handshake, and which browser pages may connect.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::url::split_authority;
use crate::extension::Extensions;

/// Limits of the opening handshake, the server's policy on browser origins, and the extensions.
///
/// Start from [`Default`] and change fields; every default is meant to be safe on the open internet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeConfig {
    /// Longest head (start line and headers, in bytes) taken from the peer; for a client, all heads
    /// of one answer together. Default 16 KiB: room for large cookies, and all the memory a
    /// stranger can hold before the handshake. Exceeding it answers 431.
    pub max_head_bytes: usize,
    /// Longest request line in bytes. Default 8 KiB, what RFC 9112 section 3 asks for at least.
    /// Exceeding it answers 414.
    pub max_target_bytes: usize,
    /// Most header lines in one head. Default 100: browsers send about 15, proxies add a few.
    /// Exceeding it answers 431.
    pub max_headers: usize,
    /// Longest body in bytes kept from an answer that refuses the upgrade (client side); the rest
    /// is cut. Default 64 KiB: enough to show or log an error page.
    pub max_response_body: usize,
    /// Longest time the whole handshake may take. Default 10 s: many times a slow round trip, and
    /// too short to park thousands of half-open connections. There is no clock here: the crate that
    /// does the I/O enforces it.
    pub timeout: Duration,
    /// Which browser pages may connect (server side). Default [`OriginPolicy::SameOrigin`].
    pub origin: OriginPolicy,
    /// Which extensions to offer (client) or to accept (server), compression among them. Default none.
    pub extensions: Extensions,
}

impl Default for HandshakeConfig {
    fn default() -> Self {
        Self {
            max_head_bytes: 16 * 1024,
            max_target_bytes: 8 * 1024,
            max_headers: 100,
            max_response_body: 64 * 1024,
            timeout: Duration::from_secs(10),
            origin: OriginPolicy::default(),
            extensions: Extensions::default(),
        }
    }
}

/// Which browser pages may connect to a server (RFC 6455 section 10.2).
///
/// Browsers send the `Origin` of the page that opens a WebSocket, together with the user's cookies,
/// whatever site the page comes from; a server that does not look lets any site act in its users'
/// names. A request without `Origin` does not come from a browser and passes every policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// Only pages served from the host and port that the request's `Host` header names.
    ///
    /// Schemes are not compared, because a server behind a TLS proxy cannot know its own; a port
    /// left out means the default of the origin's scheme (80 or 443). `null` is refused.
    ///
    /// Both headers are the browser's word for what it was told: a server for this machine only,
    /// which a hostile name server can give a name to, should name its origins in a `List`.
    #[default]
    SameOrigin,
    /// Any page. Right for public data that needs no cookies or other credentials of the browser.
    Any,
    /// Only these origins, such as `https://example.com`. Letter case, default ports and a slash at
    /// the end do not matter; `null` must be listed to be let in. The server's own origin is not implied.
    List(Vec<String>),
}

impl OriginPolicy {
    /// Does this policy let a page of `origin` connect to the server that it knows as `host`?
    ///
    /// Both are values of the request headers of that name.
    pub fn allows(&self, origin: &str, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::SameOrigin => is_same_host(origin, host).unwrap_or(false),
            Self::List(list) => list
                .iter()
                .any(|listed| is_same_origin(listed.trim_end_matches('/'), origin)),
        }
    }
}

fn is_same_host(origin: &str, host: &str) -> Option<bool> {
    let origin = Origin::parse(origin)?;
    let (host, port) = split_authority(host).ok()?;
    let port = port.or(origin.default_port);
    Some(origin.host.eq_ignore_ascii_case(host) && origin.port.is_some() && origin.port == port)
}

fn is_same_origin(a: &str, b: &str) -> bool {
    match (Origin::parse(a), Origin::parse(b)) {
        (Some(a), Some(b)) => {
            a.scheme.eq_ignore_ascii_case(b.scheme) && a.host.eq_ignore_ascii_case(b.host) && a.port == b.port
        }
        // `null`, and whatever else an embedding may send that is no scheme://host.
        _ => a.eq_ignore_ascii_case(b),
    }
}

/// `scheme://host[:port]`, as RFC 6454 section 6.2 writes an origin.
struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
    /// With the scheme's default filled in.
    port: Option<u16>,
    default_port: Option<u16>,
}

impl<'a> Origin<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let (host, port) = split_authority(authority).ok()?;
        let default_port = default_port(scheme);
        Some(Self {
            scheme,
            host,
            port: port.or(default_port),
            default_port,
        })
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    const DEFAULTS: [(&str, u16); 4] = [("http", 80), ("https", 443), ("ws", 80), ("wss", 443)];
    let known = DEFAULTS.iter().find(|(name, _)| name.eq_ignore_ascii_case(scheme))?;
    Some(known.1)
}
