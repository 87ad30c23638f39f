//! What a process has used, by the kernel's accounting; and how long answers took.

use std::fs;
use std::time::{Duration, Instant};

use crate::{Plan, WARM_UP};

/// One run: the warm-up, of which nothing counts, and the time that is measured.
pub(crate) struct Run<'p> {
    plan: &'p Plan,
    measure: fn(u32) -> Usage,
    /// Begins with the time that is measured.
    usage: Option<Usage>,
    until: Instant,
    count: u64,
    waits: Vec<Duration>,
}

impl<'p> Run<'p> {
    pub(crate) fn begin(plan: &'p Plan, measure: fn(u32) -> Usage) -> Self {
        Self {
            plan,
            measure,
            usage: None,
            until: Instant::now() + WARM_UP,
            count: 0,
            waits: Vec::with_capacity(WAITS),
        }
    }

    /// So many are done, after one wait.
    pub(crate) fn note(&mut self, count: usize, wait: Duration) {
        self.count += count as u64;
        if self.waits.len() < WAITS {
            self.waits.push(wait);
        }
    }

    /// Whether the time is over; what it has been like is printed then.
    pub(crate) fn is_over(&mut self) -> bool {
        if Instant::now() < self.until {
            return false;
        }
        if let Some(usage) = self.usage.take() {
            usage.print(self.count, &mut self.waits);
            return true;
        }
        self.usage = Some((self.measure)(self.plan.pid));
        self.until = Instant::now() + self.plan.time;
        self.count = 0;
        self.waits.clear();
        false
    }
}

/// The server's processor time and the clock, from one moment on.
pub(crate) struct Usage {
    pid: u32,
    time: fn(u32) -> Duration,
    began: Instant,
    before: Duration,
}

impl Usage {
    /// Of a server whose threads stay the same: to the tick of the scheduler.
    pub(crate) fn of(pid: u32) -> Self {
        Self::by(threads, pid)
    }

    /// Of a server whose threads may end: to the hundredth of a second.
    pub(crate) fn of_all(pid: u32) -> Self {
        Self::by(process, pid)
    }

    fn by(time: fn(u32) -> Duration, pid: u32) -> Self {
        Self {
            pid,
            time,
            began: Instant::now(),
            before: time(pid),
        }
    }

    /// One line: how many a second, the server's processor time for each in nanoseconds, how much of the time the server
    /// was running, and the waits in microseconds.
    fn print(self, count: u64, waits: &mut [Duration]) {
        let used = ((self.time)(self.pid) - self.before).as_secs_f64();
        let elapsed = self.began.elapsed().as_secs_f64();
        waits.sort_unstable();
        let percentile = |percent: usize| {
            waits
                .get(waits.len() * percent / 100)
                .map_or(0.0, |wait| wait.as_secs_f64() * 1e6)
        };
        println!(
            "rate={:.0} cpu_ns={:.1} busy={:.3} p50_us={:.1} p99_us={:.1}",
            count as f64 / elapsed,
            used * 1e9 / count as f64,
            used / elapsed,
            percentile(50),
            percentile(99),
        );
    }
}

fn threads(pid: u32) -> Duration {
    let schedstat = |path: String| {
        let text = fs::read_to_string(path).ok()?;
        text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    };
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the server's process");
    tasks
        .flatten()
        .filter_map(|task| schedstat(format!("{}/schedstat", task.path().display())))
        .sum()
}

fn process(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the server's process");
    // The name, which may hold anything, ends with the last parenthesis; user and system time are the fields 14 and 15.
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks.map(|ticks| TICK * ticks.parse().expect("a number")).sum()
}

/// More than any run has: room that does not move.
const WAITS: usize = 4 << 20;

/// The unit of times in `/proc`, on every Linux.
const TICK: Duration = Duration::from_millis(10);
