//! `ieum completions` and `ieum man`: made from the command line itself, so that they cannot differ from it.

use super::args::Args;
use super::exit::{Exit, Outcome, Stop};
use clap::CommandFactory;
use std::io::Write;
use std::path::PathBuf;

/// Print completions for a shell.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  ieum completions bash > ~/.local/share/bash-completion/completions/ieum\n  \
                        ieum completions zsh > ~/.zfunc/_ieum"
)]
pub(super) struct Completions {
    /// Which shell.
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Print the manual page, or write one per command into a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  ieum man | man -l -\n  ieum man --dir ~/.local/share/man/man1")]
pub(super) struct Man {
    /// Write all pages into this folder.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn completions(args: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "ieum", &mut script);
    written(std::io::stdout().write_all(&script))
}

pub(super) fn man(args: &Man) -> Outcome {
    match &args.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir)
                .map_err(|error| Stop::new(Exit::Found, format!("{}: {error}", dir.display())))?;
            written(clap_mangen::generate_to(Args::command(), dir))
        }
        None => {
            let mut page = Vec::new();
            written(clap_mangen::Man::new(Args::command()).render(&mut page))?;
            written(std::io::stdout().write_all(&page))
        }
    }
}

fn written(result: std::io::Result<()>) -> Outcome {
    match result {
        Ok(()) => Ok(Exit::Ok),
        // A reader that had enough (`| head`) is no failure.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Ok),
        Err(error) => Err(Stop::new(Exit::Found, error.to_string())),
    }
}
