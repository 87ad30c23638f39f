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
    process: u32,
}

/// Attacks a fresh server, and looks at what is left.
pub(crate) fn run(shell: Shell, case: &Case) {
    let mut setup = Setup::default();
    (case.setup)(&mut setup);
    let mut process = Process::start(SERVE, shell, case.name, setup.files);
    let address = process.line().parse().expect("the first line is the address");
    let ground = Ground::new(address, &process);
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
    pub(crate) fn new(address: SocketAddr, process: &Process) -> Self {
        Self {
            address,
            process: process.id(),
        }
    }

    /// A connection without a request.
    pub(crate) fn dial(&self) -> Attacker {
        Attacker::dial(self.address)
    }

    /// A connection with its handshake done.
    pub(crate) fn open(&self) -> Attacker {
        Attacker::open(self.address)
    }

    /// The server waits for its peers, and doesn't spend its time on looking after them again and again.
    pub(crate) fn rests(&self) {
        self.rests_while(&mut self.open());
    }

    /// The same, where nobody else is let in.
    pub(crate) fn rests_while(&self, pinger: &mut Attacker) {
        let mut spent = 0;
        for _ in 0..ROUNDS {
            let before = processor_time(self.process);
            // A trickle of pings takes its time, and little of the server's.
            let ping = pinger.frame(0x89, b"").repeat(5);
            assert_eq!(pinger.trickle(ping.iter().copied()), ping.len());
            spent = processor_time(self.process) - before;
            if spent < A_TENTH {
                return;
            }
        }
        panic!("{spent} hundredths of a trickle");
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

/// What a process has used, in hundredths of a second.
fn processor_time(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("the server is alive");
    // Behind the program's name, which may hold anything.
    let (_, fields) = stat.rsplit_once(") ").expect("a name");
    let fields: Vec<_> = fields.split(' ').collect();
    fields[11..13]
        .iter()
        .map(|time| time.parse::<u64>().expect("a number"))
        .sum()
}

/// It may have work left from before. But no deadline comes to help it in so short a time.
const ROUNDS: usize = 3;

/// Of a trickle's second and a half, in hundredths of a second.
const A_TENTH: u64 = 15;

/// More than a packet, less than any buffer.
const GOOD_MESSAGE: usize = 5000;
