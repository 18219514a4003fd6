//! The `ieum` command.

fn main() -> std::process::ExitCode {
    ieum::cli::main()
}
