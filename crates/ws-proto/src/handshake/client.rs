//! The client's side of the handshake: build the request, verify the answer (RFC 6455 section 4.1).

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::body::BodyCollector;
use super::config::HandshakeConfig;
use super::error::{HandshakeError, describe};
use super::head::{HeadCollector, HeadFault};
use super::headers::{self, Headers, Single, WEBSOCKET, is_handshake_header, is_token, write_header};
use super::key::{accept_key, encode_nonce};
use super::response::Response;
use super::url::Url;
use crate::extension::{Agreed, AnswerError, Extensions};

/// What to ask a server for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRequest {
    url: Url,
    protocols: Vec<String>,
    headers: Headers,
}

impl ClientRequest {
    /// A request for a `ws://` or `wss://` URL. A user name and password in it go along as HTTP
    /// Basic authorization.
    ///
    /// # Errors
    /// [`HandshakeError::Url`] says what is wrong with the URL.
    pub fn new(url: &str) -> Result<Self, HandshakeError> {
        Ok(Url::parse(url)?.into())
    }

    /// Adds a header. `Authorization` and `Origin` replace the one that is there, as a request can
    /// have only one.
    ///
    /// # Errors
    /// [`HandshakeError::BadHeaderName`] or [`HandshakeError::BadHeaderValue`] for what would break
    /// the request, [`HandshakeError::ReservedHeader`] for what the handshake writes itself:
    /// `Host`, `Connection`, `Upgrade`, `Sec-WebSocket-*`, `Content-Length`, `Transfer-Encoding`.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, HandshakeError> {
        if SINGLETONS.iter().any(|single| single.eq_ignore_ascii_case(name)) {
            self.headers.remove(name);
        }
        self.headers.push_checked(name, value, is_request_header)?;
        Ok(self)
    }

    /// Offers a subprotocol; the first one offered is the favourite.
    ///
    /// # Errors
    /// [`HandshakeError::BadProtocol`] if the name is no HTTP token,
    /// [`HandshakeError::RepeatedProtocol`] if it is offered already.
    pub fn protocol(mut self, name: impl Into<String>) -> Result<Self, HandshakeError> {
        let name = name.into();
        if !is_token(name.as_bytes()) {
            return Err(HandshakeError::BadProtocol);
        }
        if self.protocols.contains(&name) {
            return Err(HandshakeError::RepeatedProtocol);
        }
        self.protocols.push(name);
        Ok(self)
    }

    /// Sets the `Origin`, which only browsers must send.
    ///
    /// # Errors
    /// [`HandshakeError::BadHeaderValue`] if it holds a control character.
    pub fn origin(self, origin: &str) -> Result<Self, HandshakeError> {
        self.header(headers::ORIGIN, origin)
    }

    /// Where to connect to.
    pub fn url(&self) -> &Url {
        &self.url
    }

    fn write(&self, key: &str, extensions: &Extensions, out: &mut Vec<u8>) {
        out.extend_from_slice(b"GET ");
        out.extend_from_slice(self.url.target().as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        write_header(out, headers::HOST, self.url.authority().as_bytes());
        write_header(out, headers::UPGRADE, WEBSOCKET.as_bytes());
        write_header(out, headers::CONNECTION, headers::UPGRADE.as_bytes());
        write_header(out, headers::KEY, key.as_bytes());
        write_header(out, headers::VERSION, headers::SUPPORTED_VERSION.as_bytes());
        if !self.protocols.is_empty() {
            write_header(out, headers::PROTOCOL, self.protocols.join(", ").as_bytes());
        }
        if !extensions.is_empty() {
            write_header(out, headers::EXTENSIONS, extensions.offer().as_bytes());
        }
        self.headers.write(out);
        out.extend_from_slice(b"\r\n");
    }
}

impl From<Url> for ClientRequest {
    fn from(url: Url) -> Self {
        let mut headers = Headers::default();
        if let Some(basic) = url.authorization() {
            headers.push(headers::AUTHORIZATION, basic.as_bytes());
        }
        Self {
            url,
            protocols: Vec::new(),
            headers,
        }
    }
}

/// Awaits the answer to one request.
#[derive(Debug)]
pub struct ClientHandshake {
    head: HeadCollector,
    accept: String,
    offered: Vec<String>,
    extensions: Extensions,
    max_body: usize,
    /// An answer that refuses, while its body is still on the way.
    refusal: Option<(Response, BodyCollector)>,
    /// What every further call is told, once the handshake has ended.
    ended: Option<HandshakeError>,
}

/// How the server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With a valid 101: the connection is open.
    Accepted(ServerAccepted),
    /// With anything else, a redirect or a demand for credentials among them: this is the whole
    /// answer, to act on. The transport is of no more use.
    Refused(Response),
}

/// What the server agreed to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerAccepted {
    /// The subprotocol it chose from those offered, if any.
    pub protocol: Option<String>,
    /// The extensions it agreed to, for [`Connection::extend`](crate::Connection::extend).
    pub extensions: Agreed,
    /// The 101 answer, for its other headers (cookies, say).
    pub response: Response,
}

impl ClientHandshake {
    /// Appends the request to `out` and awaits its answer.
    ///
    /// `nonce` must come fresh from a random source for every handshake (RFC 6455 section 4.1 item
    /// 7): it is what keeps an old or forged answer from passing.
    pub fn new(request: &ClientRequest, nonce: [u8; 16], config: &HandshakeConfig, out: &mut Vec<u8>) -> Self {
        let key = encode_nonce(nonce);
        request.write(&key, &config.extensions, out);
        Self {
            head: HeadCollector::for_response(config),
            accept: accept_key(&key),
            offered: request.protocols.clone(),
            extensions: config.extensions.clone(),
            max_body: config.max_response_body,
            refusal: None,
            ended: None,
        }
    }

    /// Takes bytes from the server, in any split. `None` means: read more. Otherwise the number
    /// says how many of *these* bytes belong to the answer; the rest are frames.
    ///
    /// # Errors
    /// The answer is no HTTP/1.x, over a limit, or a 101 that RFC 6455 section 4.1 forbids to
    /// trust. The handshake is over then, and every later call gives the same error; after an
    /// outcome it gives [`HandshakeError::Finished`].
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Option<(Outcome, usize)>, HandshakeError> {
        if let Some(ended) = &self.ended {
            return Err(ended.clone());
        }
        let result = self.collect(bytes);
        self.ended = HandshakeError::after(&result);
        result
    }

    /// The server closed the transport. A refusal may end like that, so it can be the outcome;
    /// `None` if the outcome was already told.
    ///
    /// # Errors
    /// [`HandshakeError::UnexpectedEof`] in the middle of the head, or the error that ended the
    /// handshake earlier.
    pub fn handle_eof(&mut self) -> Result<Option<Outcome>, HandshakeError> {
        match (&self.ended, &mut self.refusal) {
            (Some(HandshakeError::Finished), _) => Ok(None),
            (Some(error), _) => Err(error.clone()),
            (None, Some((_, body))) => {
                body.handle_eof();
                self.ended = Some(HandshakeError::Finished);
                Ok(self.take_refusal())
            }
            (None, None) => {
                self.ended = Some(HandshakeError::UnexpectedEof);
                Err(HandshakeError::UnexpectedEof)
            }
        }
    }

    fn collect(&mut self, bytes: &[u8]) -> Result<Option<(Outcome, usize)>, HandshakeError> {
        let mut used = 0;
        while self.refusal.is_none() {
            let Some(head) = self.head.receive(&bytes[used..]).map_err(explain)? else {
                return Ok(None);
            };
            used += head;
            let (minor_version, response) = parse(&self.head)?;
            match response.status() {
                101 => {
                    let accepted = self.verify(minor_version, response)?;
                    return Ok(Some((Outcome::Accepted(accepted), used)));
                }
                // RFC 9110 section 15.2: other interim answers may come before the final one.
                100..=199 => self.head.restart(),
                _ => {
                    let body = BodyCollector::new(&response, self.max_body)?;
                    self.refusal = Some((response, body));
                }
            }
        }
        if let Some((_, body)) = &mut self.refusal {
            used += body.receive(&bytes[used..])?;
            if !body.is_done() {
                return Ok(None);
            }
        }
        Ok(self.take_refusal().map(|refused| (refused, used)))
    }

    fn take_refusal(&mut self) -> Option<Outcome> {
        let (mut response, body) = self.refusal.take()?;
        body.finish(&mut response);
        Some(Outcome::Refused(response))
    }

    /// The checks of RFC 6455 section 4.1, "client must validate the server's response".
    fn verify(&self, minor_version: u8, response: Response) -> Result<ServerAccepted, HandshakeError> {
        let fields = response.fields();
        if minor_version == 0 {
            return Err(HandshakeError::InvalidAnswer("HTTP/1.1"));
        }
        match fields.single(headers::UPGRADE) {
            Single::Once(value) if value.eq_ignore_ascii_case(WEBSOCKET.as_bytes()) => {}
            _ => return Err(HandshakeError::InvalidAnswer(headers::UPGRADE)),
        }
        if !fields.lists(headers::CONNECTION, headers::UPGRADE) {
            return Err(HandshakeError::InvalidAnswer(headers::CONNECTION));
        }
        match fields.single(headers::ACCEPT) {
            Single::Once(value) if value == self.accept.as_bytes() => {}
            _ => return Err(HandshakeError::InvalidAnswer(headers::ACCEPT)),
        }
        // A body behind a 101 would be taken for frames.
        if fields.contains(headers::TRANSFER_ENCODING) {
            return Err(HandshakeError::InvalidAnswer(headers::TRANSFER_ENCODING));
        }
        if !fields.all(headers::CONTENT_LENGTH).all(|length| length == b"0") {
            return Err(HandshakeError::InvalidAnswer(headers::CONTENT_LENGTH));
        }
        let extensions = self.extensions.confirm(fields.all(headers::EXTENSIONS));
        let extensions = extensions.map_err(|error| match error {
            AnswerError::Unoffered => HandshakeError::UnofferedExtension,
            AnswerError::Invalid => HandshakeError::InvalidAnswer(headers::EXTENSIONS),
        })?;
        let protocol = match fields.single(headers::PROTOCOL) {
            Single::Missing => None,
            Single::Once(chosen) => {
                let offer = self.offered.iter().find(|offer| offer.as_bytes() == chosen);
                Some(offer.ok_or(HandshakeError::UnofferedProtocol)?.clone())
            }
            Single::Repeated => return Err(HandshakeError::InvalidAnswer(headers::PROTOCOL)),
        };
        Ok(ServerAccepted {
            protocol,
            extensions,
            response,
        })
    }
}

fn parse(head: &HeadCollector) -> Result<(u8, Response), HandshakeError> {
    let mut fields = vec![httparse::EMPTY_HEADER; head.header_lines()];
    let mut parsed = httparse::Response::new(&mut fields);
    let end = parsed
        .parse(head.bytes())
        .map_err(|error| HandshakeError::MalformedResponse(describe(error)))?;
    // Both must agree on where the head ends, or bytes could be taken for what they are not.
    let (Some(minor_version), Some(status @ 100..), true) = (
        parsed.version,
        parsed.code,
        end == httparse::Status::Complete(head.bytes().len()),
    ) else {
        return Err(HandshakeError::MalformedResponse("the status line is not valid"));
    };
    let reason = parsed.reason.unwrap_or_default().to_owned();
    let headers = Headers::from_parsed(parsed.headers);
    Ok((minor_version, Response::received(status, reason.into(), headers)))
}

fn explain(fault: HeadFault) -> HandshakeError {
    let what = match fault {
        HeadFault::Tls => "this looks like TLS, so the port wants wss://, not ws://",
        HeadFault::NotHttp => "it does not start with HTTP/",
        HeadFault::BareLineFeed => "a line feed without a carriage return",
        HeadFault::TooManyBytes { .. } | HeadFault::TooManyHeaders { .. } | HeadFault::StartLineTooLong { .. } => {
            return HandshakeError::ResponseTooLarge;
        }
    };
    HandshakeError::MalformedResponse(what)
}

fn is_request_header(name: &str) -> bool {
    name.eq_ignore_ascii_case(headers::HOST) || is_handshake_header(name)
}

/// Headers of which a request has one at most.
const SINGLETONS: [&str; 2] = [headers::AUTHORIZATION, headers::ORIGIN];
