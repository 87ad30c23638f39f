//! Every attack, by what is attacked.

mod bombs;
mod crowds;
mod endings;
mod fragments;
mod hostile_servers;
mod lengths;
mod opening;
mod slow;
mod unread;

use crate::shells::Shell;
use crate::{caller, ground};

/// What clients do to servers.
pub(crate) fn against_servers() -> Vec<ground::Case> {
    let groups = [
        unread::CASES,
        slow::CASES,
        opening::CASES,
        lengths::CASES,
        fragments::CASES,
        endings::CASES,
        crowds::CASES,
        bombs::CASES,
    ];
    groups.into_iter().flatten().copied().collect()
}

/// What servers do to clients.
pub(crate) fn against_clients(shell: Shell) -> Vec<caller::Case> {
    let mut cases = hostile_servers::CASES.to_vec();
    if shell == Shell::Tokio {
        // The others show redirects to the application.
        cases.push(hostile_servers::REDIRECTS);
    }
    cases
}

/// For what costs next to nothing: a few buffers and queues.
const LITTLE: usize = MIB;
const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
