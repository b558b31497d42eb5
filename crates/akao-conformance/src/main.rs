//! `akao-conformance [OPTIONS] -- COMMAND…`: plays the golden transcripts against a program.
//!
//! It prints a line for each transcript and, where one fails, what was expected and what came. The exit code is 0 when all
//! passed, 1 when one failed and 2 when the call makes no sense.

use akao_conformance::{Failure, Options, Transcript, golden, play};
use clap::Parser;
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::Mutex,
    thread,
    time::Duration,
};

/// Plays golden transcripts of Akao's node protocol against a program.
#[derive(Parser)]
struct Args {
    /// Only transcripts whose name holds this.
    #[arg(long, default_value = "")]
    only: String,
    /// A folder of transcripts, or one file, in place of those that this program brings along.
    #[arg(long)]
    transcripts: Option<PathBuf>,
    /// How many transcripts are played at once.
    #[arg(long, default_value_t = 4)]
    jobs: usize,
    /// How long one answer may take.
    #[arg(long, default_value_t = 10_000)]
    timeout_ms: u64,
    /// Prints the transcripts and plays none.
    #[arg(long)]
    list: bool,
    /// The program and its arguments.
    #[arg(last = true, required_unless_present = "list")]
    command: Vec<OsString>,
}

type Reading = Result<Vec<Transcript>, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let args = Args::parse();
    let transcripts = match read(args.transcripts.as_deref()) {
        Ok(transcripts) => transcripts.into_iter().filter(|t| t.name.contains(&args.only)).collect::<Vec<_>>(),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(2);
        }
    };
    if transcripts.is_empty() {
        eprintln!("error: no transcript has `{}` in its name", args.only);
        return ExitCode::from(2);
    }
    if args.list {
        for transcript in &transcripts {
            println!("{:32} {}", transcript.name, transcript.title);
        }
        return ExitCode::SUCCESS;
    }
    if play_all(&transcripts, &args) == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(path: Option<&Path>) -> Reading {
    let Some(path) = path else { return Ok(golden()?) };
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        files = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "transcript"));
        files.sort();
    }
    let parse = |file: &PathBuf| {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Transcript::parse(&name, &fs::read_to_string(file)?)?)
    };
    files.iter().map(parse).collect()
}

/// Plays everything, prints what came of it and gives the number of failures.
fn play_all(transcripts: &[Transcript], args: &Args) -> usize {
    let options = Options { timeout: Duration::from_millis(args.timeout_ms) };
    let open = Mutex::new(transcripts.iter());
    let failed = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let Some(transcript) = open.lock().expect("no player panics with the list").next() else { break };
                    let result = play(transcript, command(&args.command), &options);
                    let mut failed = failed.lock().expect("no player panics while it prints");
                    print(transcript, &result);
                    *failed += usize::from(result.is_err());
                }
            });
        }
    });
    let failed = failed.into_inner().expect("all players have ended");
    println!("{} passed, {failed} failed", transcripts.len() - failed);
    failed
}

fn command(words: &[OsString]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

fn print(transcript: &Transcript, result: &Result<(), Failure>) {
    match result {
        Ok(()) => println!("passed  {}: {}", transcript.name, transcript.title),
        Err(failure) => {
            println!("FAILED  {}: {}", transcript.name, transcript.title);
            for line in failure.to_string().lines() {
                println!("        {line}");
            }
            for line in failure.stderr.lines().take(20) {
                println!("        stderr: {line}");
            }
        }
    }
}
