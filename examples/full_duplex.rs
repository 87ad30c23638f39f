//! Moves much data both ways at once through split halves, over TCP and over TLS, while pings are answered; and tells how
//! that compares with one direction at a time.
//!
//! `cargo run --release --example full_duplex -- [--mib 1024] [--rounds 3] [--least 0.8]`

use std::error::Error;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use examples::outcome;
use lexopt::prelude::*;
use ws_blocking::{Accept, CloseCode, Config, Connect, Reader, WebSocket, Writer, accept, accept_tls, tls};

fn main() -> ExitCode {
    match Args::parse() {
        Ok(args) => outcome::exit_code(run(&args)),
        Err(error) => {
            eprintln!("error: {error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    for name in ["TCP", "TLS"] {
        let ways = [(args.mib, 0), (0, args.mib), (args.mib, args.mib)];
        let mut ratios = Vec::new();
        // In turn, since whatever else the machine does changes with time.
        for _ in 0..args.rounds {
            let mut rates = [0.0; 3];
            for ((up, down), rate) in ways.into_iter().zip(&mut rates) {
                let (server, client) = pair(name)?;
                let start = Instant::now();
                let pings = exchange(server, client, up, down)?;
                *rate = (up + down) as f64 / start.elapsed().as_secs_f64();
                println!("{name}: {up} MiB up, {down} MiB down: {rate:.0} MiB/s, {pings} pings answered");
            }
            let [up, down, both] = rates;
            // They differ: clients mask.
            let one_after_the_other = 2.0 / (1.0 / up + 1.0 / down);
            ratios.push(both / one_after_the_other);
        }
        let ratio = median(ratios);
        println!("{name}: both ways at once move {ratio:.2} of what they move one after the other");
        println!(
            "{name}: a reader that waits ends at most {:?} after it is told",
            end_of_wait(pair(name)?)?
        );
        if ratio < args.least {
            return Err(format!("{ratio:.2} is less than {}", args.least).into());
        }
    }
    Ok(())
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Sends so many MiB up, from the client, and down, while both sides ping; gives the number of pongs.
fn exchange(server: WebSocket, client: WebSocket, up: usize, down: usize) -> Result<u32, Failure> {
    let sent = AtomicBool::new(false);
    let ((server, to_client), (client, to_server)) = (server.split(), client.split());
    thread::scope(|scope| {
        let receiving = [(server, up), (client, down)].map(|(reader, mib)| scope.spawn(move || receive(reader, mib)));
        let sending =
            [(&to_server, up), (&to_client, down)].map(|(writer, mib)| scope.spawn(move || send(writer, mib)));
        let pinging = [&to_server, &to_client].map(|writer| scope.spawn(|| ping(writer, &sent)));
        let result = sending.into_iter().try_for_each(|thread| joined(thread.join()));
        sent.store(true, Ordering::Relaxed);
        result?;
        let pings = pinging
            .into_iter()
            .map(|thread| joined(thread.join()))
            .sum::<Result<u32, _>>()?;
        // Behind all that was sent; it is answered by who has received that.
        to_server.close(CloseCode::NORMAL, "")?;
        for thread in receiving {
            joined(thread.join())?;
        }
        Ok(pings)
    })
}

fn send(writer: &Writer, mib: usize) -> Result<(), Failure> {
    for number in 0..mib * PER_MIB {
        let mut message = vec![number as u8; MESSAGE];
        message[..8].copy_from_slice(&(number as u64).to_be_bytes());
        writer.send(message)?;
    }
    Ok(())
}

fn receive(mut reader: Reader, mib: usize) -> Result<(), Failure> {
    let mut number = 0;
    while let Some(message) = reader.recv()? {
        let bytes = message.into_bytes();
        if bytes.len() != MESSAGE || bytes[..8] != (number as u64).to_be_bytes() || bytes[MESSAGE - 1] != number as u8 {
            return Err(format!("message {number} is another").into());
        }
        number += 1;
    }
    if number == mib * PER_MIB {
        Ok(())
    } else {
        Err(format!("{number} messages came, of {}", mib * PER_MIB).into())
    }
}

/// One ping after the other, as long as something is being sent, and one at least.
fn ping(writer: &Writer, sent: &AtomicBool) -> Result<u32, Failure> {
    let mut answered = 0;
    loop {
        writer.measure_round_trip(PATIENCE)?;
        answered += 1;
        if sent.load(Ordering::Relaxed) {
            return Ok(answered);
        }
        thread::sleep(PAUSE);
    }
}

/// How long it takes at most until a reader that waits returns after it was interrupted, and then after the end.
fn end_of_wait((server, _client): (WebSocket, WebSocket)) -> Result<Duration, Failure> {
    let (mut reader, writer) = server.split();
    let interrupter = reader.interrupter()?;
    let mut longest = Duration::ZERO;
    for round in 0..=INTERRUPTIONS {
        let told = thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let result = reader.recv();
                (Instant::now(), result)
            });
            // So that it is there, most probably.
            thread::sleep(PAUSE);
            let told = Instant::now();
            if round < INTERRUPTIONS {
                interrupter.interrupt();
            } else {
                writer.shutdown();
            }
            match reading.join() {
                Ok((ended, Err(_))) => Ok(ended.duration_since(told)),
                _ => Err("it goes on"),
            }
        })?;
        longest = longest.max(told);
    }
    Ok(longest)
}

fn pair(name: &str) -> Result<(WebSocket, WebSocket), Failure> {
    if name == "TLS" { tls_pair() } else { tcp_pair() }
}

fn tcp_pair() -> Result<(WebSocket, WebSocket), Failure> {
    let (near, far) = sockets()?;
    let accepting = thread::spawn(move || Ok(accept(near)?.accept(Accept::new())?));
    let (client, _) = Connect::new("ws://localhost/")?.connect_over(far)?;
    Ok((joined(accepting.join())?, client))
}

fn tls_pair() -> Result<(WebSocket, WebSocket), Failure> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let config = tls::server_config(certificate.as_bytes(), key.as_bytes())?;
    let (near, far) = sockets()?;
    let accepting = thread::spawn(move || Ok(accept_tls(near, config, Config::default())?.accept(Accept::new())?));
    let trusting = tls::trusting(certificate.as_bytes())?;
    let (client, _) = Connect::new("wss://localhost/")?.tls(trusting).connect_over(far)?;
    Ok((joined(accepting.join())?, client))
}

fn sockets() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let far = TcpStream::connect(listener.local_addr()?)?;
    Ok((listener.accept()?.0, far))
}

fn joined<T>(result: thread::Result<Result<T, Failure>>) -> Result<T, Failure> {
    result.unwrap_or_else(|_| Err("a thread panicked".into()))
}

type Failure = Box<dyn Error + Send + Sync>;

struct Args {
    mib: usize,
    rounds: usize,
    least: f64,
}

impl Args {
    fn parse() -> Result<Self, lexopt::Error> {
        let mut parser = lexopt::Parser::from_env();
        let mut args = Self {
            mib: 1024,
            rounds: 3,
            least: 0.0,
        };
        while let Some(arg) = parser.next()? {
            match arg {
                Long("mib") => args.mib = parser.value()?.parse()?,
                Long("rounds") => args.rounds = parser.value()?.parse::<usize>()?.max(1),
                Long("least") => args.least = parser.value()?.parse()?,
                Long("help") | Short('h') => {
                    println!("{USAGE}");
                    std::process::exit(0)
                }
                _ => return Err(arg.unexpected()),
            }
        }
        Ok(args)
    }
}

const MESSAGE: usize = 64 * 1024;
const PER_MIB: usize = 1024 * 1024 / MESSAGE;

/// How long a pong may take behind all that is on its way.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between a pong and the next ping: what is to be measured is not pings.
const PAUSE: Duration = Duration::from_millis(5);

const INTERRUPTIONS: usize = 100;

const USAGE: &str = "usage: [--mib MIB] [--rounds ROUNDS] [--least RATIO]
  --mib MIB      how much goes in each direction (default 1024)
  --rounds N     how often it is measured; the median counts (default 3)
  --least RATIO  fail if both ways at once move less than this part of what they move one after the other";
