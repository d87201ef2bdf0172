//! Work on the things of a list, several at once, with the results in the list's order.

use std::num::NonZero;
use std::sync::LazyLock;

/// The most threads that share a list.
const MOST: usize = 4;

/// A thread costs about what this much of a millisecond's work does, so fewer things than these get no thread of their
/// own.
const LEAST: usize = 8;

/// Threads that may work at once. Asking the system takes longer than judging a record.
static THREADS: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, NonZero::get));

/// What `work` makes of `list`, share by share; `work` gives one result for each thing of its share.
pub fn in_shares<T: Sync, R: Send>(list: &[T], work: impl Fn(&[T]) -> Vec<R> + Sync) -> Vec<R> {
    // A short list is not worth a question to the system.
    let most = (list.len() / LEAST).min(MOST);
    let threads = if most < 2 { 1 } else { most.min(*THREADS) };
    if threads == 1 {
        return work(list);
    }
    let work = &work;
    std::thread::scope(|scope| {
        let (own, others) = list.split_at(list.len().div_ceil(threads));
        let others: Vec<_> = others
            .chunks(own.len())
            .map(|share| {
                let thread = std::thread::Builder::new();
                (share, thread.spawn_scoped(scope, move || work(share)))
            })
            .collect();
        let mut done = work(own);
        for (share, other) in others {
            // A thread that was refused, and one that panicked: a defect that shows when its share is worked on again here.
            let others = other.ok().and_then(|other| other.join().ok());
            done.extend(others.unwrap_or_else(|| work(share)));
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thing_has_its_result_in_its_place() {
        for length in [0, 1, 7, 8, 15, 16, 17, 100, 1_001] {
            let list: Vec<usize> = (0..length).collect();
            let twice: Vec<usize> = list.iter().map(|it| it * 2).collect();
            let double = |share: &[usize]| share.iter().map(|it| it * 2).collect();
            assert_eq!(in_shares(&list, double), twice);
        }
    }
}
