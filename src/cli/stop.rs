//! Ctrl-C and SIGTERM: asked for, never sudden. A second one ends the process at once.

use super::exit::{Exit, Stop};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether someone has asked the program to end.
#[derive(Clone, Debug)]
pub(super) struct Asked(Arc<AtomicBool>);

impl Asked {
    pub(super) fn listen() -> Result<Self, Stop> {
        let flag = Arc::new(AtomicBool::new(false));
        let refused =
            |error: std::io::Error| Stop::new(Exit::Found, format!("signals cannot be heard: {error}"));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal sets the flag, the second finds it set.
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))
                .map_err(refused)?;
            signal_hook::flag::register(signal, Arc::clone(&flag)).map_err(refused)?;
        }
        Ok(Self(flag))
    }

    pub(super) fn to_stop(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
