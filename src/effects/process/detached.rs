//! The processes that this one started and does not wait for. They are reaped without a thread for each.

use std::process::Child;
use std::sync::{Mutex, PoisonError};

use super::group;
use crate::ports::ProcessGroup;

static CHILDREN: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Remembers the child, to be reaped when it has ended. Returns what it is recognised by.
pub(super) fn keep(child: Child) -> ProcessGroup {
    reap();
    let process = ProcessGroup {
        pid: child.id(),
        started: group::started(child.id()),
    };
    let mut children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
    children.push(child);
    process
}

/// Reaps those that have ended.
pub(super) fn reap() {
    let mut children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
    // A status that cannot be asked for is somebody else's, or gone.
    children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
}
