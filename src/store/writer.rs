//! The thread that puts batches on disk. One a store, started with its first batch; it is idle most of the time.

use super::Writes;
use super::disk::Disk;
use crate::engine::lane::io::{StoreFault, StorePosition};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Whole commits with their position.
pub(super) struct Batch {
    pub(super) writes: Arc<Writes>,
    pub(super) position: StorePosition,
}

/// The writer; dropping it waits for what it was given.
pub(super) struct Writer {
    batches: Option<SyncSender<Batch>>,
    thread: Option<JoinHandle<()>>,
    given: AtomicU64,
    done: Arc<Done>,
}

#[derive(Default)]
struct Done {
    count: Mutex<u64>,
    changed: Condvar,
    /// A step of housekeeping is under way. The last of a large merge waits for the disk.
    is_tidying: AtomicBool,
}

impl Writer {
    /// Starts the thread. `rebuild` is the ratio of files to data, and the size of files, beyond which the database is
    /// written anew.
    pub(super) fn start(disk: Arc<Disk>, rebuild: (u64, u64)) -> Self {
        let (failed, unstarted) = (Arc::clone(&disk), Arc::clone(&disk));
        Self::with(
            {
                let disk = Arc::clone(&disk);
                move |batch| {
                    disk.write(&batch.writes, batch.position);
                    disk.rebuild_if_bloated(rebuild);
                }
            },
            move || disk.tidy(),
            move || {
                failed.fail(StoreFault::Corrupt(String::from("its writer panicked")));
            },
            |error| {
                unstarted.fail(StoreFault::Unusable(format!("its writer cannot be started: {error}")));
            },
        )
    }

    fn with(
        put: impl FnMut(&Batch) + Send + 'static,
        tidy: impl FnMut() -> bool + Send + 'static,
        failed: impl Fn() + Send + 'static,
        unstarted: impl FnOnce(&std::io::Error),
    ) -> Self {
        // Room for none: the batch before must be taken over first, so at most two are in memory.
        let (batches, receiver) = sync_channel(0);
        let done = Arc::new(Done::default());
        let thread = {
            let done = Arc::clone(&done);
            std::thread::Builder::new()
                .name(String::from("store-writer"))
                .spawn(move || run(&receiver, &done, (put, tidy), &failed))
        };
        match thread {
            Ok(thread) => {
                Self { batches: Some(batches), thread: Some(thread), given: AtomicU64::new(0), done }
            }
            // What a batch holds is soon in no memory and not on disk: nothing that the store answers can be believed.
            Err(error) => {
                unstarted(&error);
                Self { batches: None, thread: None, given: AtomicU64::new(0), done }
            }
        }
    }

    /// Hands a batch over; waits while the one before is not yet done.
    pub(super) fn write(&self, batch: Batch) {
        self.wait();
        if let Some(batches) = &self.batches
            && batches.send(batch).is_ok()
        {
            self.given.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// Whether it would take a batch at once.
    pub(super) fn is_idle(&self) -> bool {
        !self.done.is_tidying.load(Ordering::Acquire)
            && *self.done.count.lock().unwrap_or_else(PoisonError::into_inner)
                >= self.given.load(Ordering::Acquire)
    }

    /// Waits until all it was given is on disk, or the disk has failed.
    pub(super) fn wait(&self) {
        let given = self.given.load(Ordering::Acquire);
        let mut count = self.done.count.lock().unwrap_or_else(PoisonError::into_inner);
        while *count < given {
            count = self.done.changed.wait(count).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.batches = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a store's writer panicked");
        }
    }
}

/// Counts every batch, whatever becomes of it: the lane waits for the count. Between batches it keeps house, a step at a time.
/// sled panics on some damage.
fn run(
    batches: &Receiver<Batch>,
    done: &Done,
    (mut put, mut tidy): (impl FnMut(&Batch), impl FnMut() -> bool),
    failed: &impl Fn(),
) {
    let mut is_untidy = true;
    loop {
        let batch = match batches.try_recv() {
            Ok(batch) => batch,
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) if is_untidy => {
                done.is_tidying.store(true, Ordering::Release);
                is_untidy = catch_unwind(AssertUnwindSafe(&mut tidy)).unwrap_or_else(|_| {
                    failed();
                    false
                });
                done.is_tidying.store(false, Ordering::Release);
                continue;
            }
            Err(TryRecvError::Empty) => match batches.recv() {
                Ok(batch) => batch,
                Err(_) => return,
            },
        };
        if catch_unwind(AssertUnwindSafe(|| put(&batch))).is_err() {
            failed();
        }
        is_untidy = true;
        *done.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        done.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn whoever_waits_for_a_batch_that_panicked_is_set_free() {
        let (failed, told) = channel();
        let writer = Writer::with(
            |_| panic!("damage"),
            || false,
            move || failed.send(()).unwrap(),
            |_| unreachable!(),
        );
        let position = StorePosition {
            changelog_next: 1,
            input_next: 1,
            stream_time_ms: 0,
            sequence: 1,
            marker_offset: -1,
            committed_at_ms: 0,
        };
        for _ in 0..2 {
            writer.write(Batch { writes: Arc::default(), position });
            writer.wait();
            assert_eq!(told.try_recv(), Ok(()));
        }
    }

    #[test]
    fn a_writer_that_keeps_house_is_not_idle() {
        let (began, begun) = channel();
        let (go, gone) = channel();
        let tidy = move || {
            began.send(()).unwrap();
            gone.recv().unwrap_or(false)
        };
        let writer = Writer::with(|_| {}, tidy, || unreachable!(), |_| unreachable!());
        // Dropped before the writer, which waits for its thread.
        let go = go;
        for more in [true, false] {
            begun.recv().unwrap();
            assert!(!writer.is_idle());
            go.send(more).unwrap();
        }
    }
}
