//! Lanes on threads, their supervisor, the clock's sampler, packs; from configuration to a running process.
