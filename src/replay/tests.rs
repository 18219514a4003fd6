pub(crate) mod fixture;

mod backtest;
mod form;
mod replays;
mod whynot;
