//! One data directory from its first owner to its end: clients work, owners are killed, then everything comes to rest.

use crate::{
    checks::Record,
    clients::Clients,
    facts::{Facts, Signalled, Started},
    outside::Outside,
    program::{Place, tail, wait_until_gone},
    random::Random,
    shapes::{FLAKY_REFUSALS, SIGNALS},
};
use akao_contract::ExecutionStatus;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    path::Path,
    process::Child,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Clients that work at the same time.
const CLIENTS: u64 = 2;

/// How long everything may take to come to rest once nobody is killed any more.
const REST_WITHIN: Duration = Duration::from_secs(90);

/// What a generation did, for the last line of the test.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) kills: u64,
    /// Kills of an owner that had the lock of the data directory.
    pub(crate) owners_killed: u64,
    pub(crate) executions: u64,
    pub(crate) signals: u64,
    pub(crate) cancels: u64,
    pub(crate) cut_off: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.kills += other.kills;
        self.owners_killed += other.owners_killed;
        self.executions += other.executions;
        self.signals += other.signals;
        self.cancels += other.cancels;
        self.cut_off += other.cut_off;
    }
}

/// Runs a generation in `folder`.
///
/// # Errors
/// What was promised and not kept.
pub(crate) fn run(seed: u64, kills: u64, folder: &Path) -> Result<Tally, String> {
    crate::shapes::write_files(folder);
    let place = Place { folder: folder.to_owned() };
    let _no_owner_stays = LastOwner(place.clone());
    let outside = Outside::start(FLAKY_REFUSALS);
    let clients =
        Clients { place, port: outside.port, facts: Mutex::new(Facts::default()), stop: AtomicBool::new(false) };
    let mut killer = Killer { random: Random::new(seed), clients: &clients, tally: Tally::default() };
    let told = |problem: String| {
        let data = clients.place.data();
        format!("{problem}\n\nowner.log:\n{}", tail(&data.join("owner.log")))
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..CLIENTS)
            .map(|worker| {
                let clients = &clients;
                scope.spawn(move || clients.work(seed.wrapping_mul(1_000).wrapping_add(worker)))
            })
            .collect();
        let killed = killer.kill(kills);
        clients.stop.store(true, Ordering::Relaxed);
        let worked = workers.into_iter().map(|worker| worker.join().unwrap_or(Err("a client broke off".into())));
        worked.fold(killed, Result::and)
    })
    .and_then(|()| killer.come_to_rest(&outside))
    .map_err(told)?;
    Ok(killer.tally)
}

/// Ends whoever still owns the data directory, also when the test fails.
struct LastOwner(Place);

impl Drop for LastOwner {
    fn drop(&mut self) {
        let _ = self.0.end_owner(Signal::KILL);
    }
}

struct Killer<'a> {
    random: Random,
    clients: &'a Clients,
    tally: Tally,
}

impl Killer<'_> {
    /// Starts owners and kills them, and looks each time whether all that was acknowledged is there.
    fn kill(&mut self, kills: u64) -> Result<(), String> {
        while self.tally.kills < kills {
            let mut child = self.start_owner();
            thread::sleep(self.moment());
            let killed = self.kill_one(&mut child);
            // The child may be a process that had nothing to do because a client had started an owner before it.
            let _ = child.kill();
            child.wait().map_err(|error| error.to_string())?;
            killed?;
            let facts = self.clients.facts(|facts| facts.clone());
            if self.clients.place.data().join("journal.db").exists()
                && facts.starts.values().any(|s| s.execution.is_some())
            {
                Record::open(&self.clients.place.data())?.nothing_is_lost(&facts)?;
            }
        }
        Ok(())
    }

    /// A process that is or becomes the owner: in the background, or a run in the foreground.
    fn start_owner(&mut self) -> Child {
        let place = &self.clients.place;
        if !self.random.percent(20) {
            return place.spawn(&["owner"]);
        }
        let n = self.clients.facts(|facts| {
            let n = facts.number();
            facts.foreground.push(n);
            n
        });
        place.spawn(&["run", "chain.yaml", "--set", &format!("n={n}")])
    }

    /// A time from the first moments of a start to long after it, each order of magnitude as often as the others.
    fn moment(&mut self) -> Duration {
        let most: u64 = [4_000, 30_000, 120_000, 350_000][self.random.index(4)];
        Duration::from_micros(self.random.below(most))
    }

    /// Kills the owner, or the process that is about to become it.
    fn kill_one(&mut self, child: &mut Child) -> Result<(), String> {
        let owner = self.clients.place.owner();
        let pid = match owner {
            Some(pid) => pid,
            None => Pid::from_child(child),
        };
        let is_child = pid == Pid::from_child(child);
        if is_child && child.try_wait().map_err(|error| error.to_string())?.is_some() {
            return Ok(());
        }
        if kill_process(pid, Signal::KILL).is_ok() {
            self.tally.kills += 1;
            self.tally.owners_killed += u64::from(owner.is_some());
            wait_until_gone(pid)?;
        }
        Ok(())
    }

    /// Nobody is killed any more: what was cut off is asked for again, and everything must end.
    fn come_to_rest(&mut self, outside: &Outside) -> Result<(), String> {
        let clients = self.clients;
        let mut last = clients.place.spawn(&["owner"]);
        let rested = self.answer_all();
        // An owner that is told to end does so by itself.
        let told = clients.place.end_owner(Signal::TERM);
        let ended = last.wait();
        rested?;
        told?;
        ended.map_err(|error| error.to_string())?;
        let facts = clients.facts(|facts| facts.clone());
        Record::open(&clients.place.data())?.everything_is_right(&facts, outside, &clients.place.folder)?;
        self.ask_the_program(&facts)?;
        self.count(&facts)
    }

    /// Asks again for what was not answered and gives every execution what it waits for, until all have ended.
    fn answer_all(&self) -> Result<(), String> {
        let clients = self.clients;
        for n in clients.facts(|facts| facts.unanswered()) {
            clients.start(n)?;
        }
        let end = Instant::now() + REST_WITHIN;
        let mut round = 0;
        loop {
            let open = self.open()?;
            if open.is_empty() {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(format!("these executions are stuck: {open:?}"));
            }
            // Whatever waits says what for; the others go on by themselves.
            if round % 10 == 0 {
                for (id, workflow, waiting) in &open {
                    self.answer(id, workflow, waiting.as_deref())?;
                }
            }
            round += 1;
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn open(&self) -> Result<Vec<(String, String, Option<String>)>, String> {
        let open =
            [ExecutionStatus::Queued, ExecutionStatus::Running, ExecutionStatus::Waiting, ExecutionStatus::Paused];
        let rows = Record::open(&self.clients.place.data())?.rows(&open)?;
        Ok(rows.into_iter().map(|row| (row.id.to_string(), row.workflow, row.waiting)).collect())
    }

    /// Gives an execution what it waits for.
    fn answer(&self, id: &str, workflow: &str, waiting: Option<&str>) -> Result<(), String> {
        let clients = self.clients;
        match (workflow, waiting) {
            ("endless", _) => clients.cancel(id),
            ("signals", Some(waiting)) => {
                let name = SIGNALS.iter().find(|name| waiting.split(", ").any(|part| part == format!("signal {name}")));
                let name = *name.ok_or_else(|| format!("{id} waits for `{waiting}`"))?;
                let at = clients.facts(|facts| {
                    let known = facts.signals.iter().position(|sent| sent.execution == id && sent.name == name);
                    known.unwrap_or_else(|| {
                        let token = format!("{id} {name}");
                        facts.signals.push(Signalled { execution: id.into(), name, token, acknowledged: false });
                        facts.signals.len() - 1
                    })
                });
                clients.signal(at)
            }
            _ => Ok(()),
        }
    }

    /// The program says the same as the journal: all is sound, and replays are equal.
    fn ask_the_program(&mut self, facts: &Facts) -> Result<(), String> {
        let place = &self.clients.place;
        let report = place.ask(&["doctor"])?;
        if !report.is_done() || report.document["sound"] != true {
            return Err(format!("doctor says {}", report.document));
        }
        let known: Vec<&Started> = facts.starts.values().filter(|start| start.execution.is_some()).collect();
        for _ in 0..known.len().min(4) {
            let id = known[self.random.index(known.len())].execution.as_deref().unwrap_or_default();
            let replayed = place.ask(&["executions", "replay", id])?;
            if !replayed.is_done() || replayed.document["equal"] != true {
                return Err(format!("{id} replays as {}", replayed.document));
            }
        }
        Ok(())
    }

    fn count(&mut self, facts: &Facts) -> Result<(), String> {
        let rows = Record::open(&self.clients.place.data())?.rows(&[])?;
        self.tally.executions = rows.len() as u64;
        self.tally.cut_off = rows.iter().filter(|row| row.status == ExecutionStatus::Failure).count() as u64;
        self.tally.signals = facts.signals.len() as u64;
        self.tally.cancels = facts.cancelled.len() as u64;
        Ok(())
    }
}
