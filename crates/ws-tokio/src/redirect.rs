//! Where a redirect leads, and what may go along.

use ws_proto::handshake::{Response, Url};

/// The URL that a redirect names, if this is one that can be followed: not one from TLS to plain text, which would
/// show everybody what was meant to be secret.
pub(crate) fn target(url: &str, response: &Response) -> Option<String> {
    if !matches!(response.status(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.header("Location")?;
    let location = location.split('#').next()?;
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let target = if let Some((scheme, rest)) = location.split_once("://").filter(|(scheme, _)| is_scheme(scheme)) {
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => "ws",
            "https" | "wss" => "wss",
            _ => return None,
        };
        format!("{scheme}://{rest}")
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let path = path.split('?').next().unwrap_or_default();
        let folder = if location.starts_with('?') {
            path
        } else {
            path.rfind('/').map_or("/", |at| &path[..=at])
        };
        format!("{scheme}://{authority}{folder}{location}")
    };
    let (from, to) = (Url::parse(url).ok()?, Url::parse(&target).ok()?);
    (to.is_secure() || !from.is_secure()).then_some(target)
}

/// Whether two URLs lead to the same server: then it may see the credentials again.
pub(crate) fn same_origin(a: &str, b: &str) -> bool {
    match (Url::parse(a), Url::parse(b)) {
        (Ok(a), Ok(b)) => (a.is_secure(), a.host(), a.port()) == (b.is_secure(), b.host(), b.port()),
        _ => false,
    }
}

/// Whether a header is meant for one server only.
pub(crate) fn is_credential(name: &str) -> bool {
    ["authorization", "cookie", "proxy-authorization"]
        .iter()
        .any(|credential| name.eq_ignore_ascii_case(credential))
}

fn is_scheme(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_location() {
        let cases = [
            ("wss://other/x", Some("wss://other/x")),
            ("https://other:1/x#y", Some("wss://other:1/x")),
            ("//other/x", Some("wss://other/x")),
            ("/x?y=://", Some("wss://user:word@host:1/x?y=://")),
            ("x", Some("wss://user:word@host:1/a/x")),
            ("?y", Some("wss://user:word@host:1/a/b?y")),
            ("ws://host/x", None),
            ("http://host/x", None),
            ("ftp://host/x", None),
            ("//", None),
        ];
        for (location, expected) in cases {
            let response = Response::new(302).with_header("Location", location).unwrap();
            let target = target("wss://user:word@host:1/a/b?c", &response);
            assert_eq!(target.as_deref(), expected, "{location}");
        }
        assert_eq!(target("ws://host/", &Response::new(302)), None);
        let response = Response::new(200).with_header("Location", "/x").unwrap();
        assert_eq!(target("ws://host/", &response), None);
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert!(same_origin("ws://a/x", "ws://user@A:80/y"));
        for other in ["wss://a/", "ws://b/", "ws://a:81/"] {
            assert!(!same_origin("ws://a/", other), "{other}");
        }
    }
}
