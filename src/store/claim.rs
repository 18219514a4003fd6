//! Which directories the stores of this process have open.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A directory that a store of this process has open. Whoever else of this process wants it waits for a moment of its own
/// lanes; one that is locked without a claim is another process's.
pub(super) struct Claim(PathBuf);

static CLAIMED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

impl Claim {
    pub(super) fn take(dir: &Path) -> Option<Self> {
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        claimed.insert(dir.to_path_buf()).then(|| Self(dir.to_path_buf()))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        CLAIMED.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}
