//! Compression: what little input leads to arrives whole, whatever hinders it.
#![cfg(feature = "deflate")]

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use common::{Peer, REQUEST, config, until};
use ws_mio::deflate::Deflate;
use ws_mio::extension::Extensions;
use ws_mio::{Client, Compression, Config, Context, Delivery, Http, Part, Payload, Server};
use ws_proto::Connection;

const LEN: usize = 100_000;

/// Keeps what comes, and hinders what comes behind it.
#[derive(Default)]
struct Keeper {
    kept: Rc<RefCell<Vec<u8>>>,
    is_whole: Rc<Cell<bool>>,
    hindrance: Hindrance,
}

#[derive(Clone, Copy, Debug, Default)]
enum Hindrance {
    #[default]
    None,
    /// A pause of one round.
    Pause,
    /// So much output that the queue is full until the peer has read it.
    Flood,
    /// So much said to others that it must be delivered first.
    Mail,
}

impl Client for Keeper {
    fn recv(&mut self, _context: &mut Context<'_>, message: Payload<'_>) {
        assert!(self.kept.borrow().is_empty());
        self.kept.borrow_mut().extend(message.as_bytes());
        self.is_whole.set(true);
    }

    fn recv_chunk(&mut self, context: &mut Context<'_>, part: Part, bytes: &[u8]) {
        self.kept.borrow_mut().extend(bytes);
        self.is_whole.set(part.last);
        match self.hindrance {
            Hindrance::None => {}
            Hindrance::Pause => {
                context.pause();
                context.set_timer(Duration::ZERO, 0);
            }
            Hindrance::Mail if self.kept.borrow().len() < LEN / 20 => context.send_others(&vec![0; 64 << 20]),
            Hindrance::Mail => {}
            Hindrance::Flood => context.send_with(&vec![0; 8 << 20], Compression::Never).unwrap(),
        }
    }

    fn timer(&mut self, context: &mut Context<'_>, _token: u64) {
        context.resume();
    }
}

#[test]
fn a_small_frame_with_nothing_behind_it_arrives_whole() {
    for delivery in [Delivery::Messages, Delivery::Chunks] {
        for hindrance in [Hindrance::None, Hindrance::Pause, Hindrance::Flood, Hindrance::Mail] {
            let mut config = with_deflate();
            // A deadline that passes would help.
            config.handshake.timeout = Duration::from_secs(600);
            config.delivery = delivery;
            let kept = Rc::new(RefCell::new(Vec::new()));
            let is_whole = Rc::new(Cell::new(false));
            let for_clients = (Rc::clone(&kept), Rc::clone(&is_whole));
            let service = Http::clients(move || Keeper {
                kept: Rc::clone(&for_clients.0),
                is_whole: Rc::clone(&for_clients.1),
                hindrance,
            });
            let mut server = Server::new(config).unwrap();
            let address = server.listen("127.0.0.1:0", service).unwrap();
            let mut other = Peer::connect(address);
            other.send(REQUEST.as_bytes());
            until(&mut server, |server| server.clients().len() == 1);
            let mut peer = Peer::connect(address);
            let small = compressed(&[7; LEN]);
            assert!(small.len() < 1000, "{}", small.len());
            peer.send(&[request().as_bytes(), &small].concat());
            let begun = std::time::Instant::now();
            while !is_whole.get() {
                assert!(
                    begun.elapsed() < Duration::from_secs(60),
                    "{delivery:?}, {hindrance:?}: {} bytes came",
                    kept.borrow().len()
                );
                server.turn(Some(Duration::from_millis(2))).unwrap();
                peer.receive();
                peer.got.clear();
            }
            assert!(*kept.borrow() == [7; LEN]);
        }
    }
}

fn with_deflate() -> Config {
    let mut config = config();
    config.handshake.extensions.push(Deflate::shared());
    config
}

fn request() -> String {
    let offer = Extensions::from(Deflate::shared()).offer();
    REQUEST.replace(
        "Host: localhost",
        &format!("Host: localhost\r\nSec-WebSocket-Extensions: {offer}"),
    )
}

/// A client's frame.
fn compressed(payload: &[u8]) -> Vec<u8> {
    let extensions = Extensions::from(Deflate::shared());
    let agreed = extensions.accept([extensions.offer().as_bytes()]).unwrap();
    let mut client = Connection::client(with_deflate(), || [1, 2, 3, 4]);
    client.extend(&agreed);
    let mut frame = Vec::new();
    client.sender().message(payload, &mut frame).unwrap();
    frame
}
