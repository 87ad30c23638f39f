//! What every implementation must make of an opening handshake, as data.

/// A request, and the status that answers it.
pub(crate) struct RequestCase {
    pub(crate) name: &'static str,
    pub(crate) request: Vec<u8>,
    pub(crate) status: u16,
    /// A line that must stand in the answer's head.
    pub(crate) header: Option<&'static str>,
}

/// An answer, with `{accept}` for the right key, and what a client must make of it.
pub(crate) struct ResponseCase {
    pub(crate) name: &'static str,
    pub(crate) response: &'static str,
    pub(crate) outcome: Outcome,
}

/// What becomes of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Open,
    /// The whole answer comes back as a value.
    Refused(u16),
    /// The answer breaks the rules.
    Error,
}

/// A request as a browser sends it, with some lines put in place of others.
fn request(lines: &[(&str, &str)]) -> Vec<u8> {
    let mut head = vec![
        ("GET", "GET /chat?room=1 HTTP/1.1"),
        ("Host", "Host: server.example:9001"),
        ("Upgrade", "Upgrade: websocket"),
        ("Connection", "Connection: keep-alive, Upgrade"),
        ("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13"),
    ];
    for (name, line) in lines {
        match head.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1 = line,
            None => head.push((name, line)),
        }
    }
    let lines: Vec<&str> = head
        .iter()
        .map(|(_, line)| *line)
        .filter(|line| !line.is_empty())
        .collect();
    format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes()
}

pub(crate) fn requests() -> Vec<RequestCase> {
    let many = |count: usize| {
        let lines: Vec<String> = (0..count - 5).map(|at| format!("X-{at}: y")).collect();
        let filler = lines.join("\r\n");
        request(&[("X", &filler)])
    };
    let case = |name, request, status| RequestCase {
        name,
        request,
        status,
        header: None,
    };
    let mut cases = vec![
        case("a browser's request", request(&[]), 101),
        case(
            "names and tokens in any case",
            request(&[("Upgrade", "uPGRADE: WebSocket"), ("Connection", "CONNECTION: upgrade")]),
            101,
        ),
        case(
            "an upgrade list",
            request(&[("Upgrade", "Upgrade: h2c, websocket")]),
            101,
        ),
        case(
            "the same origin",
            request(&[("Origin", "Origin: http://server.example:9001")]),
            101,
        ),
        case(
            "another origin",
            request(&[("Origin", "Origin: http://evil.example")]),
            403,
        ),
        case(
            "the same host on another port",
            request(&[("Origin", "Origin: http://server.example:9002")]),
            403,
        ),
        case("an opaque origin", request(&[("Origin", "Origin: null")]), 403),
        case("another method", request(&[("GET", "POST /chat HTTP/1.1")]), 405),
        case("HTTP/1.0", request(&[("GET", "GET /chat HTTP/1.0")]), 400),
        case("no host", request(&[("Host", "")]), 400),
        case("two hosts", request(&[("Host", "Host: a\r\nHost: b")]), 400),
        case("no upgrade", request(&[("Upgrade", ""), ("Connection", "")]), 426),
        case("no connection", request(&[("Connection", "")]), 400),
        case(
            "a connection that is not upgraded",
            request(&[("Connection", "Connection: keep-alive")]),
            400,
        ),
        case("no key", request(&[("Sec-WebSocket-Key", "")]), 400),
        case(
            "a short key",
            request(&[("Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ=")]),
            400,
        ),
        case(
            "a long key",
            request(&[("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZXR3aWNl")]),
            400,
        ),
        case(
            "a key that is not base64",
            request(&[("Sec-WebSocket-Key", "Sec-WebSocket-Key: ????????????????????????")]),
            400,
        ),
        case(
            "two keys",
            request(&[("X", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")]),
            400,
        ),
        case(
            "a body by its length",
            request(&[("Content-Length", "Content-Length: 11")]),
            400,
        ),
        case(
            "a body in chunks",
            request(&[("Transfer-Encoding", "Transfer-Encoding: chunked")]),
            400,
        ),
        case(
            "bare line feeds",
            request(&[]).into_iter().filter(|byte| *byte != b'\r').collect(),
            400,
        ),
        case("a folded line", request(&[("X", "X: a\r\n b")]), 400),
        case("a space before a colon", request(&[("X", "X : a")]), 400),
        case("a NUL", request(&[("X", "X: a\0b")]), 400),
        case(
            "no HTTP at all",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            400,
        ),
        case("as many headers as allowed", many(100), 101),
        case("one header too many", many(101), 431),
        case(
            "a head that is too long",
            request(&[("X", &format!("X: {}", "y".repeat(20_000)))]),
            431,
        ),
        case(
            "a target that is too long",
            request(&[("GET", &format!("GET /{} HTTP/1.1", "y".repeat(10_000)))]),
            414,
        ),
    ];
    // Whatever a refused client sends is no WebSocket's: the answer is all that comes.
    let mut followed = request(&[("Sec-WebSocket-Version", "Sec-WebSocket-Version: 12")]);
    followed.extend(crate::frames::write(0x81, b"let me in", Some([1, 2, 3, 4])));
    cases.push(case("frames behind a refused request", followed, 426));
    let version = |name, line| RequestCase {
        name,
        request: request(&[("Sec-WebSocket-Version", line)]),
        status: 426,
        header: Some("Sec-WebSocket-Version: 13"),
    };
    cases.push(version("version 12", "Sec-WebSocket-Version: 12"));
    cases.push(version("no version", ""));
    cases
}

pub(crate) fn responses() -> Vec<ResponseCase> {
    let case = |name, response, outcome| ResponseCase {
        name,
        response,
        outcome,
    };
    vec![
        case(
            "a server's answer",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n",
            Outcome::Open,
        ),
        case(
            "names and tokens in any case",
            "HTTP/1.1 101 OK\r\nUPGRADE: WebSocket\r\nconnection: keep-alive, upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n",
            Outcome::Open,
        ),
        case(
            "a wrong key",
            "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            Outcome::Error,
        ),
        case(
            "no key",
            "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            Outcome::Error,
        ),
        case(
            "no upgrade",
            "HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n",
            Outcome::Error,
        ),
        case(
            "no connection",
            "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n",
            Outcome::Error,
        ),
        case(
            "a subprotocol nobody offered",
            "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: x\r\n\r\n",
            Outcome::Error,
        ),
        case(
            "an extension nobody offered",
            "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
            Outcome::Error,
        ),
        case(
            "a redirect",
            "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 5\r\n\r\nhello",
            Outcome::Refused(302),
        ),
        case(
            "a refusal without a length",
            "HTTP/1.1 401 Unauthorized\r\n\r\nwho are you?",
            Outcome::Refused(401),
        ),
        case(
            "a refusal in chunks",
            "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n",
            Outcome::Refused(403),
        ),
        case("no HTTP at all", "SSH-2.0-server\r\n\r\n", Outcome::Error),
        case("an end before the answer", "HTTP/1.1 101 Switching", Outcome::Error),
    ]
}

/// Holds an answer to a case.
pub(crate) fn check_answer(case: &RequestCase, answer: &[u8]) {
    let answer = String::from_utf8_lossy(answer);
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    assert_eq!(status, Some(case.status), "{}: {answer}", case.name);
    if let Some(header) = case.header {
        assert!(answer.contains(&format!("\r\n{header}\r\n")), "{}: {answer}", case.name);
    }
    if case.status == 101 {
        // The key of RFC 6455 §1.3.
        assert!(
            answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            "{}: {answer}",
            case.name
        );
    } else {
        assert!(
            answer.contains("\r\nConnection: close\r\n") || answer.contains("close"),
            "{}: {answer}",
            case.name
        );
        assert!(
            answer.split("\r\n\r\n").nth(1).is_some_and(|body| !body.is_empty()),
            "{}: no words",
            case.name
        );
    }
}

/// The bytes of a case's answer to the request that `request` holds.
pub(crate) fn answer(case: &ResponseCase, request: &[u8]) -> Vec<u8> {
    let request = String::from_utf8_lossy(request);
    let name = "Sec-WebSocket-Key: ";
    let key = request
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .expect("the request has a key");
    case.response
        .replace("{accept}", &ws_proto::handshake::accept_key(key.trim()))
        .into_bytes()
}
