//! A bounded number of threads for what may take long, such as probes. What keeps deadlines never waits for it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, Scope};

/// Something to be done.
pub(super) type Job<'scope> = Box<dyn FnOnce() + Send + 'scope>;

/// Does jobs in the order in which they were given, so many at a time. A thread lives for as long as there is something
/// to do.
pub(super) struct Background<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    most: usize,
    queue: Arc<Mutex<Queue<'scope>>>,
}

#[derive(Default)]
struct Queue<'scope> {
    jobs: VecDeque<Job<'scope>>,
    threads: usize,
}

impl<'scope, 'env> Background<'scope, 'env> {
    /// No thread yet, and never more than `most`; without any, jobs are done at once by whoever gives them.
    pub fn new(scope: &'scope Scope<'scope, 'env>, most: usize) -> Self {
        Self {
            scope,
            most,
            queue: Arc::default(),
        }
    }

    /// Has the job done. `false` where the system refuses the thread and no other is there to do it: then it is dropped.
    pub fn submit(&self, job: Job<'scope>) -> bool {
        if self.most == 0 {
            drop(catch_unwind(AssertUnwindSafe(job)));
            return true;
        }
        let mut queue = lock(&self.queue);
        queue.jobs.push_back(job);
        if queue.threads >= self.most {
            return true;
        }
        let theirs = Arc::clone(&self.queue);
        let started = Builder::new().spawn_scoped(self.scope, move || work(&theirs));
        match started {
            Ok(_) => queue.threads += 1,
            Err(_) if queue.threads > 0 => {}
            Err(_) => {
                queue.jobs.pop_back();
                return false;
            }
        }
        true
    }
}

fn work(queue: &Mutex<Queue<'_>>) {
    loop {
        let job = {
            let mut queue = lock(queue);
            let job = queue.jobs.pop_front();
            if job.is_none() {
                queue.threads -= 1;
            }
            job
        };
        match job {
            // A job that panics is a defect that was reported, and ends nothing else.
            Some(job) => drop(catch_unwind(AssertUnwindSafe(job))),
            None => return,
        }
    }
}

/// Nothing panics while it holds the lock.
fn lock<'a, 'scope>(queue: &'a Mutex<Queue<'scope>>) -> MutexGuard<'a, Queue<'scope>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    #[test]
    fn everything_is_done_by_so_many_threads_at_most() {
        let (now, most, done) = (
            AtomicUsize::new(0),
            AtomicUsize::new(0),
            AtomicUsize::new(0),
        );
        std::thread::scope(|scope| {
            let background = Background::new(scope, 3);
            for number in 0..50 {
                let (now, most, done) = (&now, &most, &done);
                assert!(background.submit(Box::new(move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    now.fetch_sub(1, Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                    assert!(number % 10 != 0, "a defect in one job");
                })));
            }
        });
        assert_eq!(done.load(Ordering::SeqCst), 50);
        assert!(most.load(Ordering::SeqCst) <= 3);
    }

    #[test]
    fn jobs_that_hang_keep_others_waiting_only_once_every_thread_hangs() {
        std::thread::scope(|scope| {
            let background = Background::new(scope, 2);
            let (release, hung) = channel::<()>();
            let (say, heard) = channel();
            background.submit(Box::new(move || assert!(hung.recv().is_err())));
            background.submit(Box::new(move || assert!(say.send(()).is_ok())));
            heard.recv().expect("the second job is done");
            drop(release);
        });
    }
}
