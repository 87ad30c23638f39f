//! Connections that do nothing, for whoever measures what they cost.

use std::io::{Read, Write};

use crate::{Plan, client};

pub(crate) fn run(plan: &Plan) {
    let mut streams: Vec<_> = (0..plan.connections).map(|_| client::open(&plan.address)).collect();
    say("open");
    let (frame, echo) = client::frames(plan.size);
    let mut received = vec![0; echo.len()];
    for stream in &mut streams {
        stream.write_all(&frame).expect("a server that reads");
        stream.read_exact(&mut received).expect("an echo");
        assert_eq!(received, echo, "not an echo");
    }
    say("used");
}

/// Says how far it is, and waits for a line.
fn say(what: &str) {
    println!("{what}");
    std::io::stdin().read_line(&mut String::new()).expect("a line");
}
