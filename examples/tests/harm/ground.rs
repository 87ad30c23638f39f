//! A server under attack.

use std::net::SocketAddr;

use crate::attacker::Attacker;
use crate::child::SERVE;
use crate::process::{Process, Reading};
use crate::shells::{Setup, Shell};

/// An attack on a server.
#[derive(Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// How the server is set up.
    pub(crate) setup: fn(&mut Setup),
    /// How many bytes of heap the attack may cost, at any time.
    pub(crate) heap: usize,
    /// Gives those that are still there, of whom the server must rid itself.
    pub(crate) attack: fn(&Ground) -> Vec<Attacker>,
}

/// Where the attack takes place.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) address: SocketAddr,
}

/// Attacks a fresh server, and looks at what is left.
pub(crate) fn run(shell: Shell, case: &Case) {
    let mut setup = Setup::default();
    (case.setup)(&mut setup);
    let mut process = Process::start(SERVE, shell, case.name, setup.files);
    let address = process.line().parse().expect("the first line is the address");
    let ground = Ground { address };
    let before = warm(&ground, &mut process).and(setup.pooled);
    process.limit_heap(case.heap);
    let left = (case.attack)(&ground);
    process.settle(before);
    drop(left);
    ground.serves();
    process.settle(before);
}

/// What the server holds when some have come and gone: pools and threads are there.
fn warm(ground: &Ground, process: &mut Process) -> Reading {
    let idle = process.reading();
    for _ in 0..3 {
        ground.serves();
    }
    loop {
        // The heap may have grown by a pool, the rest may not.
        let now = process.reading();
        if (now.tasks, now.threads, now.files) <= (idle.tasks, idle.threads, idle.files) {
            return now;
        }
        std::thread::sleep(crate::process::LOOK);
    }
}

impl Ground {
    /// A connection without a request.
    pub(crate) fn dial(&self) -> Attacker {
        Attacker::dial(self.address)
    }

    /// A connection with its handshake done.
    pub(crate) fn open(&self) -> Attacker {
        Attacker::open(self.address)
    }

    /// A good client is served, from its request to the end.
    pub(crate) fn serves(&self) {
        let mut good = self.open();
        let message = vec![b'x'; GOOD_MESSAGE];
        good.send(0x81, &message);
        let echo = good.data();
        assert!(echo == message, "an echo of {} bytes", echo.len());
        good.send(0x88, b"\x03\xe8");
        assert_eq!(good.close(), Some(1000));
        good.until_end();
    }
}

/// More than a packet, less than any buffer.
const GOOD_MESSAGE: usize = 5000;
