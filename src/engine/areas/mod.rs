//! The areas stage: counts the households of a building or a district, and decides the rules of areas.
//!
//! Households tell their areas on which days they have events of which kind; an area keeps that over the history and
//! decides at each tick what it was told until then. Its rules, episodes, alerts and jobs are those of
//! [`households`](super::households): one machine, told by its role whose state it keeps.

use super::households::{Households, HouseholdsConfig, Role};
use super::layout::Layout;
use super::letter::Letters;
use super::task::PackSource;
use crate::contracts::Contracts;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// Name of the stage.
pub const NAME: &str = "areas";
/// Its changelog topic.
pub const CHANGELOG: &str = "ieum.areas.changelog";

/// The stage over its contracts, partition counts, packs and a writer of letters.
pub fn stage(
    contracts: Arc<Contracts>,
    layout: Layout,
    packs: Arc<dyn PackSource>,
    config: HouseholdsConfig,
    letters: Arc<Letters>,
) -> Households {
    Households::in_role(Role::Areas, contracts, layout, packs, config, letters)
}
