//! Which proxy the variables of the environment ask for.

use alloc::string::String;
use core::net::IpAddr;

use super::{Proxy, ProxyError};

impl Proxy {
    /// The proxy that these variables ask for, for a target; `None` if it is to be reached directly. The variables are
    /// given, so that nothing is read here: `|name| std::env::var(name).ok()`.
    ///
    /// * For `wss://` (`secure`) it is `https_proxy` or `HTTPS_PROXY`, for `ws://` `http_proxy` only, since a server's
    ///   environment may have `HTTP_PROXY` from a header of a client's; then `all_proxy` or `ALL_PROXY`. An empty one
    ///   counts as missing.
    /// * `no_proxy` or `NO_PROXY` lists what is reached directly, separated by commas: `*` for everything; a domain, for
    ///   itself and all below it, with or without a leading dot; an IP address; a network such as `10.0.0.0/8`; each with
    ///   or without a port.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), if the one that is asked for is not valid.
    pub fn from_variables(
        secure: bool,
        host: &str,
        port: u16,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ProxyError> {
        let first = |names: &[&str]| {
            names
                .iter()
                .filter_map(|name| variable(name))
                .find(|value| !value.is_empty())
        };
        let names: &[&str] = if secure {
            &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
        } else {
            &["http_proxy", "all_proxy", "ALL_PROXY"]
        };
        let Some(url) = first(names) else { return Ok(None) };
        if first(&["no_proxy", "NO_PROXY"]).is_some_and(|list| is_listed(&list, host, port)) {
            return Ok(None);
        }
        Self::parse(&url).map(Some)
    }
}

fn is_listed(list: &str, host: &str, port: u16) -> bool {
    let host = host.trim_end_matches('.');
    list.split(',').map(str::trim).any(|entry| matches(entry, host, port))
}

fn matches(entry: &str, host: &str, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    let (name, wanted) = split_port(entry);
    if wanted.is_some_and(|wanted| wanted != port) {
        return false;
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return match name.split_once('/') {
            Some((network, bits)) => is_within(ip, network, bits).unwrap_or(false),
            None => name.parse() == Ok(ip),
        };
    }
    let domain = name.trim_start_matches('.').trim_end_matches('.');
    let Some(start) = host.len().checked_sub(domain.len()) else {
        return false;
    };
    // Both are ASCII, or else they are not equal.
    let is_suffix = host.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(domain));
    !domain.is_empty() && is_suffix && (start == 0 || host.as_bytes()[start - 1] == b'.')
}

/// `name`, `name:port`, `[v6]`, `[v6]:port`, or `v6` without brackets, which can have no port.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    if let Some((ip, rest)) = entry.strip_prefix('[').and_then(|entry| entry.split_once(']')) {
        return (ip, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.split_once(':') {
        Some((name, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

fn is_within(ip: IpAddr, network: &str, bits: &str) -> Option<bool> {
    let bits: u32 = bits.parse().ok()?;
    Some(match (ip, network.parse().ok()?) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => {
            let differing = u32::from(ip) ^ u32::from(network);
            bits <= u32::BITS && differing.checked_shr(u32::BITS - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) => {
            let differing = u128::from(ip) ^ u128::from(network);
            bits <= u128::BITS && differing.checked_shr(u128::BITS - bits).unwrap_or(0) == 0
        }
        _ => false,
    })
}
