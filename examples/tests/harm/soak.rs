//! The same attacks for as long as one wants, on one server of each shell, beside clients that mean no harm.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ws_proto::deflate::Deflate;

use crate::cases;
use crate::child::SERVE;
use crate::ground::{Case, Ground};
use crate::process::{Process, Reading};
use crate::shells::Shell;

pub(crate) const SOAK: &str = "soak";

/// What the servers of a soak are like; there is no attack of this name in the suite.
pub(crate) const CASE: Case = Case {
    name: SOAK,
    setup: |setup| {
        setup.impatient();
        setup.compress(Deflate::shared());
        setup.connections = 500;
    },
    heap: usize::MAX / 2,
    attack: |_| Vec::new(),
};

/// Soaks the servers of all shells at the same time, and tells what they held.
pub(crate) fn run(time: Duration) -> ExitCode {
    let until = Instant::now() + time;
    let soaked: Vec<_> = thread::scope(|scope| {
        let started = Shell::ALL.map(|shell| (shell, scope.spawn(move || soak(shell, until))));
        started.map(|(shell, soaking)| (shell, soaking.join())).into()
    });
    let mut code = ExitCode::SUCCESS;
    for (shell, result) in soaked {
        let name = shell.name();
        match result {
            Ok(soaked) => soaked.print(name),
            Err(_) => {
                println!("soak: {name}: FAILED");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

struct Soaked {
    attacks: u64,
    served: u64,
    /// At the start, in the middle, at the end.
    readings: [(Reading, u64); 3],
}

impl Soaked {
    fn print(&self, name: &str) {
        println!(
            "soak: {name}: {} attacks, {} good clients served",
            self.attacks, self.served
        );
        for (when, (reading, resident)) in ["start", "middle", "end"].into_iter().zip(self.readings) {
            println!(
                "soak: {name}: {when:6} heap {:>8} B, resident {resident:>6} KiB, {} files, {} threads, {} tasks",
                reading.heap, reading.files, reading.threads, reading.tasks
            );
        }
    }
}

/// Panics on growth, a leak, a good client that is not served, or an attack that has not the end it should.
fn soak(shell: Shell, until: Instant) -> Soaked {
    let mut process = Process::start(SERVE, shell, SOAK, None);
    let address = process.line().parse().expect("the first line is the address");
    let ground = Ground::new(address, &process);
    let attacks: Vec<_> = cases::against_servers()
        .into_iter()
        .filter(|case| ATTACKS.contains(&case.name))
        .collect();
    assert_eq!(attacks.len(), ATTACKS.len(), "every name is that of an attack");

    ground.serves();
    let idle = process.reading();
    // The first time everything grows to its size.
    attacks.iter().for_each(|case| attack(case, &ground));
    let before = process.settle(idle.and(POOLS));
    let start = (before, process.resident());
    let half = Instant::now() + until.saturating_duration_since(Instant::now()) / 2;
    let (mut attacked, served) = (0, AtomicU64::new(0));
    let mut middle = start;
    for (index, until) in [half, until].into_iter().enumerate() {
        thread::scope(|scope| {
            scope.spawn(|| {
                while Instant::now() < until {
                    ground.serves();
                    served.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(BETWEEN_GOOD_CLIENTS);
                }
            });
            for case in attacks.iter().cycle() {
                if Instant::now() >= until {
                    break;
                }
                attack(case, &ground);
                attacked += 1;
            }
        });
        if index == 0 {
            middle = (process.settle(before), process.resident());
        }
    }
    let end = (process.settle(before), process.resident());
    assert!(
        end.1 < start.1 + RESIDENT_SLACK,
        "KiB resident: {} and then {}",
        start.1,
        end.1
    );
    Soaked {
        attacks: attacked,
        served: served.into_inner(),
        readings: [start, middle, end],
    }
}

fn attack(case: &Case, ground: &Ground) {
    let outcome = catch_unwind(AssertUnwindSafe(|| drop((case.attack)(ground))));
    assert!(
        outcome.is_ok(),
        "the attack {} has another end than it should",
        case.name
    );
}

/// Those that end as they should under the deadlines of a soak, one after the other.
const ATTACKS: &[&str] = &[
    "echoes_are_never_read",
    "pongs_are_never_read",
    "pongs_nobody_asked_for",
    "a_request_that_stops",
    "a_header_that_stops",
    "pings_are_never_answered",
    "a_header_of_32_mib",
    "ten_thousand_headers",
    "empty_lines_without_end",
    "no_http_at_all",
    "a_body_behind_a_request_to_upgrade",
    "a_page_of_another_origin",
    "nonsense_right_behind_the_request",
    "long_requests_that_never_end",
    "lengths_beyond_any_limit",
    "lengths_that_are_none",
    "lengths_that_wrap_with_what_has_come",
    "the_longest_frames_without_their_payload",
    "more_empty_fragments_than_allowed",
    "fragments_without_end",
    "a_close_and_then_silence",
    "a_close_that_is_never_answered",
    "frames_after_a_close",
    "frames_after_a_close_without_end",
    "a_half_close_at_every_point",
    "a_reset_at_every_point",
    "a_thousand_connects_and_drops",
    "a_bomb_without_context",
    "a_bomb_in_fragments",
];

/// How much heap the first round may leave behind: pools of buffers and decompressors, tables.
const POOLS: usize = 2 << 20;

/// How much larger the process may become in KiB, after all that has come and gone: what the system's library keeps of
/// the memory that it got back, and of the stacks of threads that have ended (up to 40 MiB).
const RESIDENT_SLACK: u64 = 64 << 10;

/// So that attacks have their turn.
const BETWEEN_GOOD_CLIENTS: Duration = Duration::from_millis(2);
