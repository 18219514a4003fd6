//! The local store of a task: hot entities in memory under a byte budget, sled behind them, written in whole commits.
