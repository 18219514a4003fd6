//! The command line as a person meets it: each file of `tests/cmd` is a session with its expected output. With
//! `TRYCMD=overwrite` they are written anew, to be reviewed.

#[test]
fn sessions_on_the_command_line() {
    // No colour and no width of whoever runs the tests; nothing of their configuration.
    trycmd::TestCases::new().env("NO_COLOR", "1").env("COLUMNS", "100").case("tests/cmd/*.md");
}
