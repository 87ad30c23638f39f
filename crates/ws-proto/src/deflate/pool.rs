//! State that connections take while they need it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Pools of one kind of state, one for each way it is set up.
pub(super) struct Pools<S, T> {
    pools: Mutex<Vec<Arc<Pool<S, T>>>>,
}

impl<S: PartialEq, T> Pools<S, T> {
    /// The pool for these settings. Peers choose among window sizes, so there are a few for each configuration.
    pub(super) fn of(&self, settings: S) -> Arc<Pool<S, T>> {
        let mut pools = lock(&self.pools);
        if let Some(pool) = pools.iter().find(|pool| pool.settings == settings) {
            return Arc::clone(pool);
        }
        let pool = Arc::new(Pool {
            settings,
            idle: Mutex::default(),
        });
        pools.push(Arc::clone(&pool));
        pool
    }
}

impl<S, T> Pools<S, T> {
    /// How many lie idle.
    #[cfg(test)]
    pub(super) fn idle(&self) -> usize {
        lock(&self.pools).iter().map(|pool| lock(&pool.idle).len()).sum()
    }
}

/// Idle state of equal settings. Whoever needs one takes it, and gives it back when it is done.
pub(super) struct Pool<S, T> {
    pub(super) settings: S,
    idle: Mutex<Vec<Box<T>>>,
}

impl<S, T> Pool<S, T> {
    /// An idle one as it was given back, if there is one.
    pub(super) fn take(&self) -> Option<Box<T>> {
        lock(&self.idle).pop()
    }

    /// Keeps one for whoever comes next, unless enough are idle.
    pub(super) fn give(&self, state: Box<T>) {
        let mut idle = lock(&self.idle);
        if idle.len() < MAX_IDLE {
            idle.push(state);
        }
    }
}

/// Nothing that could panic is done under a lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S, T> Default for Pools<S, T> {
    fn default() -> Self {
        Self {
            pools: Mutex::default(),
        }
    }
}

impl<S, T> fmt::Debug for Pools<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pools = lock(&self.pools);
        f.debug_list()
            .entries(pools.iter().map(|pool| lock(&pool.idle).len()))
            .finish()
    }
}

/// As many as usual machines have threads to use them: more would only lie there after a peak.
const MAX_IDLE: usize = 16;
