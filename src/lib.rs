#![doc = include_str!("ARCHITECTURE.md")]

pub mod types;
pub mod contracts;
pub mod rules;
pub mod engine;
pub mod matching;
pub mod sim;
pub mod replay;

#[cfg(feature = "shell")]
pub mod config;
#[cfg(feature = "shell")]
pub mod telemetry;
#[cfg(feature = "shell")]
pub mod ingest;
#[cfg(feature = "shell")]
pub mod store;
#[cfg(feature = "shell")]
pub mod publish;
#[cfg(feature = "shell")]
pub mod collect;
#[cfg(feature = "shell")]
pub mod runtime;
#[cfg(feature = "shell")]
pub mod http;
#[cfg(feature = "shell")]
pub mod cli;
