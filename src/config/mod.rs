//! Configuration: one TOML file, `IEUM__SECTION__KEY` over it, `--set` over that; all mistakes at once.
