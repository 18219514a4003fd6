#![doc = include_str!("ARCHITECTURE.md")]

pub mod types;
pub mod contracts;
pub mod rules;
pub mod engine;

#[cfg(feature = "shell")]
pub mod cli;
