//! The reference of the decisions, tested by itself.

mod reference;
