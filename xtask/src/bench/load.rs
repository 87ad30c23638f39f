//! Runs of the load, and what they tell.

use std::collections::HashMap;

use crate::{process, project::Project};

use super::{
    servers::{LOAD_CPU, peer, pinned},
    statistics::median,
};

/// One measurement.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// Of messages, deliveries or connections: so many a second.
    pub(super) rate: f64,
    /// The server's processor time for each, in nanoseconds.
    pub(super) cpu: f64,
    /// How much of the time the server was running: 1 if it was the bottleneck.
    pub(super) busy: f64,
    /// Waits, in microseconds.
    pub(super) p50: f64,
    pub(super) p99: f64,
}

/// Measures each of so many in turn, round by round; the order moves on by one each round.
pub(super) fn in_turn(
    rounds: usize,
    count: usize,
    mut one: impl FnMut(usize) -> Result<Sample, String>,
) -> Result<Vec<Vec<Sample>>, String> {
    let mut samples = vec![Vec::new(); count];
    for round in 0..rounds {
        for turn in 0..count {
            let index = (round + turn) % count;
            samples[index].push(one(index)?);
        }
    }
    Ok(samples)
}

/// Processor time as a multiple of another's, round by round.
pub(super) fn quotients<'s>(rounds: &'s [Sample], others: &'s [Sample]) -> impl Iterator<Item = f64> + 's {
    rounds.iter().zip(others).map(|(sample, other)| sample.cpu / other.cpu)
}

/// The median of one of the figures.
pub(super) fn middle(rounds: &[Sample], figure: fn(&Sample) -> f64) -> f64 {
    median(rounds.iter().map(figure))
}

/// Runs the load's task with the words, beside the server with that process and address.
pub(super) fn run(project: &Project, task: &str, server: (u32, &str), words: &[String]) -> Result<Sample, String> {
    let mut load = peer(project, "load");
    let (id, address) = server;
    load.args([task, "--address", address, "--pid", &id.to_string()])
        .args(words);
    let text = process::output(&mut pinned(project, LOAD_CPU, &load))?;
    parse(&text).ok_or_else(|| format!("the load said {text:?}"))
}

fn parse(text: &str) -> Option<Sample> {
    let figures: HashMap<&str, f64> = text
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .filter_map(|(name, value)| Some((name, value.parse().ok()?)))
        .collect();
    let figure = |name| figures.get(name).copied();
    Some(Sample {
        rate: figure("rate")?,
        cpu: figure("cpu_ns")?,
        busy: figure("busy")?,
        p50: figure("p50_us")?,
        p99: figure("p99_us")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whole_or_not_at_all() {
        let sample = parse("rate=10 cpu_ns=2.5 busy=0.99 p50_us=1 p99_us=7\n").unwrap();
        assert_eq!((sample.rate, sample.cpu, sample.p99), (10.0, 2.5, 7.0));
        assert!(parse("rate=10 cpu_ns=2.5").is_none());
    }
}
