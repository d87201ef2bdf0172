//! Things that are each looked at again and again, when they say so, by a few threads.
//!
//! One idle thread keeps the time. Before it works on something that is due, it sees that another one keeps the time
//! instead: so something that takes long delays nothing else while a thread is to be had, and mostly there are only two.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Nothing is waited for longer than this: after a suspend, what is due is noticed this late at most.
const LONGEST: Duration = Duration::from_secs(1);

/// What is to be done for the key of an entry.
pub(super) enum After<T> {
    /// The entry is looked at again in so many milliseconds.
    Again(T, u64),
    /// It is dropped.
    Drop,
}

/// The entries, by their keys, with the times in milliseconds at which each is due.
pub(super) struct Schedule<K, T> {
    inner: Mutex<Inner<K, T>>,
    changed: Condvar,
}

struct Inner<K, T> {
    due: BinaryHeap<Reverse<(u64, K)>>,
    /// None while somebody works on it.
    entries: BTreeMap<K, Option<T>>,
    /// Threads that work or wait.
    threads: usize,
    /// Threads that work.
    working: usize,
    over: bool,
}

impl<K: Ord + Clone, T> Schedule<K, T> {
    /// Nothing is scheduled.
    pub fn new() -> Self {
        Self {
            inner: Mutex::new(Inner {
                due: BinaryHeap::new(),
                entries: BTreeMap::new(),
                threads: 0,
                working: 0,
                over: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Adds the entry, due at once, where there is none of this key.
    pub fn add(&self, key: K, entry: impl FnOnce() -> T) {
        let mut inner = self.lock();
        if !inner.entries.contains_key(&key) {
            inner.entries.insert(key.clone(), Some(entry()));
            inner.due.push(Reverse((0, key)));
            self.changed.notify_one();
        }
    }

    /// How many threads there are, at work or waiting.
    pub fn threads(&self) -> usize {
        self.lock().threads
    }

    /// Makes everything due now.
    pub fn hurry(&self) {
        let mut inner = self.lock();
        let due = std::mem::take(&mut inner.due);
        inner.due = due
            .into_iter()
            .map(|Reverse((_, key))| Reverse((0, key)))
            .collect();
        self.changed.notify_all();
    }

    /// Lets the threads end.
    pub fn end(&self) {
        self.lock().over = true;
        self.changed.notify_all();
    }

    /// Works on one entry that is due at `now`. Returns whether there was one.
    pub fn work_once(&self, now: &dyn Fn() -> u64, work: &dyn Fn(&K, T) -> After<T>) -> bool {
        let mut inner = self.lock();
        let Some((key, entry)) = inner.take_due(now()) else {
            return false;
        };
        drop(inner);
        self.finish(key, entry, now, work);
        true
    }

    /// Works on what is due until the end. `more` is called where another thread is needed to keep the time meanwhile; it
    /// must call [`Self::began`] first for one that it starts.
    pub fn work(&self, now: &dyn Fn() -> u64, work: &dyn Fn(&K, T) -> After<T>, more: &dyn Fn()) {
        let mut inner = self.lock();
        loop {
            if inner.over || inner.threads > inner.working + 2 {
                inner.threads -= 1;
                return;
            }
            let Some((key, entry)) = inner.take_due(now()) else {
                inner = self.wait(inner, now);
                continue;
            };
            inner.working += 1;
            let alone = inner.threads <= inner.working;
            drop(inner);
            match alone {
                true => more(),
                // Somebody who waits for nothing in particular keeps the time from here on.
                false => self.changed.notify_one(),
            }
            self.finish(key, entry, now, work);
            inner = self.lock();
            inner.working -= 1;
        }
    }

    /// Counts a thread that is about to call [`Self::work`].
    pub fn began(&self) {
        self.lock().threads += 1;
    }

    /// Takes back [`Self::began`] for a thread that the system refused.
    pub fn refused(&self) {
        self.lock().threads -= 1;
    }

    fn finish(&self, key: K, entry: T, now: &dyn Fn() -> u64, work: &dyn Fn(&K, T) -> After<T>) {
        let after = work(&key, entry);
        let mut inner = self.lock();
        match after {
            After::Again(entry, time) => {
                inner.entries.insert(key.clone(), Some(entry));
                inner.due.push(Reverse((now() + time, key)));
                self.changed.notify_one();
            }
            After::Drop => {
                inner.entries.remove(&key);
            }
        }
    }

    fn wait<'a>(
        &self,
        inner: MutexGuard<'a, Inner<K, T>>,
        now: &dyn Fn() -> u64,
    ) -> MutexGuard<'a, Inner<K, T>> {
        let next = inner
            .due
            .peek()
            .map(|Reverse((at, _))| at.saturating_sub(now()));
        let time = next.map_or(LONGEST, Duration::from_millis).min(LONGEST);
        let waited = self.changed.wait_timeout(inner, time);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Inner<K, T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Clone, T> Inner<K, T> {
    fn take_due(&mut self, now: u64) -> Option<(K, T)> {
        while self.due.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Reverse((_, key)) = self.due.pop()?;
            if let Some(entry) = self.entries.get_mut(&key).and_then(Option::take) {
                return Some((key, entry));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc::channel;
    use std::thread::Scope;

    #[test]
    fn an_entry_is_worked_on_when_it_is_due_and_dropped_at_its_end() {
        let schedule = Schedule::new();
        let time = AtomicU64::new(5);
        let now = || time.load(Ordering::SeqCst);
        schedule.add("a", || 0);
        schedule.add("a", || panic!("it is there"));
        let work = |_: &&str, count: u32| match count {
            0 => After::Again(1, 10),
            _ => After::Drop,
        };
        assert!(schedule.work_once(&now, &work));
        assert!(!schedule.work_once(&now, &work), "it is not due");
        time.store(14, Ordering::SeqCst);
        assert!(!schedule.work_once(&now, &work));
        time.store(15, Ordering::SeqCst);
        assert!(schedule.work_once(&now, &work));
        schedule.hurry();
        assert!(!schedule.work_once(&now, &work), "it is dropped");
        schedule.add("a", || 0);
        assert!(schedule.work_once(&now, &work), "it is new again");
        schedule.hurry();
        assert!(schedule.work_once(&now, &work), "it was hurried");
    }

    struct Shared<'a> {
        schedule: &'a Schedule<u32, ()>,
        work: &'a (dyn Fn(&u32, ()) -> After<()> + Sync),
    }

    /// Starts a thread, and each starts another where it is needed, up to ten.
    fn start<'scope>(scope: &'scope Scope<'scope, '_>, shared: &'scope Shared<'scope>) {
        if shared.schedule.threads() < 10 {
            shared.schedule.began();
            scope.spawn(move || {
                let more = || start(scope, shared);
                shared.schedule.work(&|| 0, &shared.work, &more);
            });
        }
    }

    /// Entries that hang do not keep others from their time: there are more threads while they hang, and few afterwards.
    #[test]
    fn what_hangs_delays_nothing_else() {
        let schedule = Schedule::new();
        let hang = Mutex::new(());
        let (say, heard) = channel();
        for number in 0..20 {
            schedule.add(number, || ());
        }
        let hung = hang.lock().expect("no panic");
        let work = |number: &u32, ()| {
            if *number < 5 {
                drop(hang.lock());
            }
            let _ = say.send(*number);
            After::Drop
        };
        let shared = Shared {
            schedule: &schedule,
            work: &work,
        };
        std::thread::scope(|scope| {
            start(scope, &shared);
            let mut done: Vec<u32> = (0..15).map(|_| heard.recv().expect("done")).collect();
            done.sort_unstable();
            assert_eq!(done, (5..20).collect::<Vec<_>>());
            assert!(schedule.threads() >= 6);
            drop(hung);
            for _ in 0..5 {
                heard.recv().expect("done");
            }
            while schedule.threads() > 3 {
                std::thread::yield_now();
            }
            schedule.end();
        });
        assert_eq!(schedule.threads(), 0);
    }
}
