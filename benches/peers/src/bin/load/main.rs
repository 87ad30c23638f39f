//! The load: raw frames made beforehand, from one thread, and every byte that comes back is checked.
//!
//! ```text
//! load echo      --address A --pid P --connections N --window W --size BYTES [--seconds S]
//! load broadcast --address A --pid P --connections N --size BYTES [--seconds S]
//! load connect   --address A --pid P [--seconds S]
//! load hold      --address A --connections N
//! load pin CPU PROGRAM ARGUMENTS...
//! ```
//!
//! The first three print one line of `name=value`. `hold` opens connections, says `open`, has one message echoed on
//! each when it gets a line, says `used`, and ends with the next line. `pin` runs a program on one CPU, with as many
//! files as the system allows.

mod broadcast;
mod client;
mod connect;
mod echo;
mod hold;
mod pin;
mod usage;

use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

fn main() {
    let mut parser = Parser::from_env();
    let Ok(Some(Arg::Value(task))) = parser.next() else {
        panic!("no task")
    };
    if task == "pin" {
        pin::run(parser.raw_args().expect("a command").collect());
    }
    pin::many_files();
    let plan = Plan::parse(parser);
    match task.to_str() {
        Some("echo") => echo::run(&plan),
        Some("broadcast") => broadcast::run(&plan),
        Some("connect") => connect::run(&plan),
        Some("hold") => hold::run(&plan),
        _ => panic!("no task {task:?}"),
    }
}

/// What to do, and to whom.
struct Plan {
    address: String,
    /// The server's process, whose time is measured.
    pid: u32,
    connections: usize,
    /// Messages in flight on each connection.
    window: usize,
    size: usize,
    time: Duration,
}

impl Plan {
    fn parse(mut parser: Parser) -> Self {
        let mut plan = Self {
            address: String::new(),
            pid: 0,
            connections: 1,
            window: 1,
            size: 20,
            time: Duration::from_secs(2),
        };
        while let Some(arg) = parser.next().expect("arguments") {
            let Arg::Long(name) = arg else {
                panic!("{}", arg.unexpected())
            };
            let name = name.to_owned();
            let value = parser.value().expect("a value");
            let number = || value.parse::<usize>().expect("a number");
            match name.as_str() {
                "address" => plan.address = value.clone().string().expect("an address"),
                "pid" => plan.pid = number() as u32,
                "connections" => plan.connections = number(),
                "window" => plan.window = number(),
                "size" => plan.size = number(),
                "seconds" => plan.time = Duration::from_secs_f64(value.parse().expect("a number")),
                _ => panic!("no argument --{name}"),
            }
        }
        plan
    }
}

/// Before anything is counted: caches, allocators and buffers find their sizes.
const WARM_UP: Duration = Duration::from_millis(500);
