//! SOCKS version 5, the client's side (RFC 1928), with user name and password (RFC 1929).

use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use super::{Credentials, ProxyError};

/// One exchange: the ways to authenticate, perhaps the credentials, the request.
pub(super) struct Socks {
    step: Step,
    credentials: Option<Credentials>,
    /// What is asked for once the proxy knows who we are.
    request: Vec<u8>,
    /// The proxy's answer of this step as far as it has come.
    answer: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Method,
    Credentials,
    Request,
}

impl Socks {
    /// Appends the greeting.
    pub(super) fn new(host: &str, port: u16, credentials: Option<Credentials>, out: &mut Vec<u8>) -> Self {
        let methods: &[u8] = match credentials {
            Some(_) => &[NO_AUTHENTICATION, USER_AND_PASSWORD],
            None => &[NO_AUTHENTICATION],
        };
        out.extend_from_slice(&[VERSION, methods.len() as u8]);
        out.extend_from_slice(methods);
        Self {
            step: Step::Method,
            credentials,
            request: request(host, port),
            answer: Vec::new(),
        }
    }

    pub(super) fn receive(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<Option<usize>, ProxyError> {
        for (at, &byte) in bytes.iter().enumerate() {
            self.answer.push(byte);
            if self.is_open(out)? {
                return Ok(Some(at + 1));
            }
        }
        Ok(None)
    }

    /// Looks at the answer so far; goes on to the next step when it is complete.
    fn is_open(&mut self, out: &mut Vec<u8>) -> Result<bool, ProxyError> {
        match (self.step, self.answer.as_slice()) {
            (Step::Credentials, [version, ..]) if *version != CREDENTIALS_VERSION => {
                return Err(ProxyError::Malformed("the version of the authentication"));
            }
            (Step::Method | Step::Request, [version, ..]) if *version != VERSION => {
                return Err(ProxyError::Malformed("the version is not 5"));
            }
            (Step::Method, [_, NO_AUTHENTICATION]) => self.ask(out),
            (Step::Method, [_, USER_AND_PASSWORD]) => {
                let Some(Credentials { user, password }) = &self.credentials else {
                    return Err(ProxyError::NoWayToAuthenticate);
                };
                // They were checked to fit.
                out.extend_from_slice(&[CREDENTIALS_VERSION, user.len() as u8]);
                out.extend_from_slice(user);
                out.push(password.len() as u8);
                out.extend_from_slice(password);
                self.begin(Step::Credentials);
            }
            (Step::Method, [_, _]) => return Err(ProxyError::NoWayToAuthenticate),
            (Step::Credentials, [_, 0]) => self.ask(out),
            (Step::Credentials, [_, _]) => return Err(ProxyError::WrongCredentials),
            (Step::Request, [_, code @ (1..), ..]) => return Err(ProxyError::SocksRefused(*code)),
            // The address that the proxy connects from: of no use to us, but it must be taken.
            (Step::Request, [_, _, _, IPV4, address @ ..]) => return Ok(address.len() == 4 + PORT),
            (Step::Request, [_, _, _, IPV6, address @ ..]) => return Ok(address.len() == 16 + PORT),
            (Step::Request, [_, _, _, NAME, len, name @ ..]) => return Ok(name.len() == usize::from(*len) + PORT),
            (Step::Request, [_, _, _, NAME]) => {}
            (Step::Request, [_, _, _, _, ..]) => return Err(ProxyError::Malformed("the type of an address")),
            _ => {}
        }
        Ok(false)
    }

    fn ask(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.request);
        self.begin(Step::Request);
    }

    fn begin(&mut self, step: Step) {
        self.step = step;
        self.answer.clear();
    }
}

impl fmt::Debug for Socks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socks")
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

fn request(host: &str, port: u16) -> Vec<u8> {
    let mut request = Vec::from([VERSION, CONNECT, 0]);
    match host.parse() {
        Ok(IpAddr::V4(ip)) => {
            request.push(IPV4);
            request.extend_from_slice(&ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            request.push(IPV6);
            request.extend_from_slice(&ip.octets());
        }
        Err(_) => {
            // Its length was checked to fit.
            request.extend_from_slice(&[NAME, host.len() as u8]);
            request.extend_from_slice(host.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    request
}

const VERSION: u8 = 5;
const CREDENTIALS_VERSION: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
/// Bytes of a port.
const PORT: usize = 2;
