//! The control stage: decides time, completeness and packs, once, for all.

use serde::{Deserialize, Serialize};

/// Samples, positions, source completeness.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlState {}
