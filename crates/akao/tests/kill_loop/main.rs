//! The kill loop: the real program is killed with SIGKILL at random moments while people start, signal and cancel
//! executions, and is started again on the same data directory. Nothing that was acknowledged may be lost, no step may be
//! completed twice, and nothing may be stuck.
//!
//! | file | what it is |
//! |---|---|
//! | `generation.rs` | one data directory: kills under load, then the quiet end in which everything must come to rest |
//! | `clients.rs` | what people do meanwhile, all of it through the program's commands |
//! | `facts.rs` | what was asked for and what was acknowledged |
//! | `shapes.rs` | the workflows, and what each must end with |
//! | `outside.rs` | a server that remembers which requests arrived |
//! | `checks.rs` | what must hold after each restart and at the end |
//! | `../support/program.rs` | the program's processes |
//!
//! `AKAO_KILLS` (default 300) says how many kills, `AKAO_KILL_SEED` where the seeds begin. A seed decides what is done and
//! when it is killed; what the machine does in between it does not decide, so a failure may need several tries. The data
//! directory of a failure is kept, and its path is in the message.

mod checks;
mod clients;
mod facts;
mod generation;
mod outside;
#[path = "../support/program.rs"]
mod program;
mod random;
mod shapes;

use generation::Tally;
use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

/// Kills of one data directory.
const KILLS_PER_GENERATION: u64 = 30;

/// Data directories that are worked on at the same time.
const AT_ONCE: usize = 2;

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, found `{text}`")),
        Err(_) => default,
    }
}

#[test]
fn nothing_is_lost_doubled_or_stuck_whenever_the_program_is_killed() {
    let (first, kills) = (number("AKAO_KILL_SEED", 1), number("AKAO_KILLS", 300));
    let generations = kills.div_ceil(KILLS_PER_GENERATION);
    let (next, tally) = (AtomicU64::new(0), Mutex::new(Tally::default()));
    let problem: Mutex<Option<String>> = Mutex::new(None);
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while problem.lock().expect("no thread panics with it").is_none() {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= generations {
                        return;
                    }
                    let own = KILLS_PER_GENERATION.min(kills - at * KILLS_PER_GENERATION);
                    match one(first + at, own) {
                        Ok(done) => tally.lock().expect("no thread panics with it").add(done),
                        Err(told) => {
                            problem.lock().expect("no thread panics with it").get_or_insert(told);
                        }
                    }
                }
            });
        }
    });
    if let Some(problem) = problem.into_inner().expect("all threads have ended") {
        panic!("{problem}");
    }
    let tally = tally.into_inner().expect("all threads have ended");
    println!("{tally:?} in {:.1} s", began.elapsed().as_secs_f64());
    if kills >= 100 {
        // On a busy machine a kill comes before much was done, so that only the order of magnitude is asked for.
        assert!(tally.owners_killed * 4 > tally.kills, "many kills hit an owner: {tally:?}");
        assert!(
            tally.executions * 4 > tally.kills && tally.signals > 0 && tally.cancels > 0,
            "there was work: {tally:?}"
        );
    }
}

/// One data directory, which is kept when something is wrong with it.
fn one(seed: u64, kills: u64) -> Result<Tally, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let ended = std::panic::catch_unwind(|| generation::run(seed, kills, folder.path()));
    let problem = match ended {
        Ok(Ok(tally)) => return Ok(tally),
        Ok(Err(problem)) => problem,
        Err(_) => "a panic, see above".to_owned(),
    };
    let kept = folder.keep();
    Err(format!(
        "seed {seed}: {problem}\n\nthe folder is kept: {}\nrun it again: AKAO_KILL_SEED={seed} AKAO_KILLS={kills} cargo \
         test -p akao --test kill_loop -- --nocapture",
        kept.display()
    ))
}
