//! Clients: people who start, signal and cancel while the owner is killed under them.

use crate::{
    facts::{Facts, Signalled, Started},
    program::{Answer, Place},
    random::Random,
    shapes::{self, SHAPES, SIGNALS, Shape},
};
use std::{
    fs,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// Executions that do not end by themselves, at most, so that they do not take all the slots.
const ENDLESS_MAX: usize = 12;

/// Numbers the questions of all clients.
static QUESTIONS: AtomicU64 = AtomicU64::new(0);

/// What the clients of one data directory share.
pub(crate) struct Clients {
    pub(crate) place: Place,
    pub(crate) port: u16,
    pub(crate) facts: Mutex<Facts>,
    pub(crate) stop: AtomicBool,
}

impl Clients {
    /// One client, until it is asked to stop.
    ///
    /// # Errors
    /// The program did something that no kill explains.
    pub(crate) fn work(&self, seed: u64) -> Result<(), String> {
        let mut random = Random::new(seed);
        while !self.stop.load(Ordering::Relaxed) {
            match random.below(10) {
                0..=5 => self.start_one(&mut random)?,
                6 => self.ask_again(&mut random)?,
                7 | 8 => self.signal_one(&mut random)?,
                _ => self.cancel_one(&mut random)?,
            }
        }
        Ok(())
    }

    pub(crate) fn facts<T>(&self, look: impl FnOnce(&mut Facts) -> T) -> T {
        look(&mut self.facts.lock().expect("no thread panics with it"))
    }

    fn start_one(&self, random: &mut Random) -> Result<(), String> {
        let shape = self.choose(random);
        let keyed = random.percent(60);
        let n = self.facts(|facts| {
            let n = facts.number();
            let key = keyed.then(|| format!("key {n}"));
            facts.starts.insert(n, Started { shape: shape.id, key, execution: None });
            n
        });
        self.start(n)
    }

    fn choose(&self, random: &mut Random) -> &'static Shape {
        let endless = self.facts(|facts| facts.executions("endless").len() - facts.cancelled.len());
        let mut at = random.below(SHAPES.iter().map(|shape| shape.weight).sum());
        for shape in SHAPES {
            if at < shape.weight {
                return if shape.id == "endless" && endless >= ENDLESS_MAX { &SHAPES[0] } else { shape };
            }
            at -= shape.weight;
        }
        &SHAPES[0]
    }

    /// Asks for the start with this number, perhaps again.
    pub(crate) fn start(&self, n: u64) -> Result<(), String> {
        let start = self.facts(|facts| facts.starts.get(&n).cloned()).ok_or("no such start")?;
        let shape = shapes::shape(start.shape).ok_or("no such shape")?;
        // Two clients may ask for the same start at once, so each question has a file of its own.
        let question = QUESTIONS.fetch_add(1, Ordering::Relaxed);
        let input_file = self.place.folder.join(format!("input-{n}-{question}.json"));
        let text = shapes::input(shape, n, self.port).to_string();
        fs::write(&input_file, text).map_err(|error| error.to_string())?;
        let (file, input) = (format!("{}.yaml", shape.id), format!("@{}", input_file.display()));
        let grant = format!("network.http=127.0.0.1:{}", self.port);
        let mut arguments = vec!["run", &file, "--detach", "--input", &input, "--grant", &grant];
        if let Some(key) = &start.key {
            arguments.extend(["--idempotency-key", key]);
        }
        let answer = self.place.ask(&arguments)?;
        let _ = fs::remove_file(&input_file);
        if answer.is_done() {
            return self.facts(|facts| facts.started(n, &answer.document));
        }
        explained(&answer, &[])
    }

    fn ask_again(&self, random: &mut Random) -> Result<(), String> {
        let unanswered = self.facts(|facts| facts.unanswered());
        if unanswered.is_empty() { Ok(()) } else { self.start(unanswered[random.index(unanswered.len())]) }
    }

    fn signal_one(&self, random: &mut Random) -> Result<(), String> {
        let next = self.facts(|facts| {
            if let Some(at) = facts.signals.iter().position(|signal| !signal.acknowledged)
                && random.percent(50)
            {
                return Some(at);
            }
            let waiting = facts.executions("signals");
            let taken = |id: &String| facts.signals.iter().filter(|signal| signal.execution == *id).count();
            let open: Vec<&String> = waiting.iter().filter(|id| taken(id) < SIGNALS.len()).collect();
            let execution = open.get(random.index(open.len().max(1))).map(|id| (*id).clone())?;
            let name = SIGNALS[taken(&execution)];
            let token = format!("{execution} {name}");
            facts.signals.push(Signalled { execution, name, token, acknowledged: false });
            Some(facts.signals.len() - 1)
        });
        next.map_or(Ok(()), |at| self.signal(at))
    }

    /// Sends the signal at this place of the list, perhaps again.
    pub(crate) fn signal(&self, at: usize) -> Result<(), String> {
        let signal = self.facts(|facts| facts.signals[at].clone());
        let payload = serde_json::json!({"token": signal.token}).to_string();
        let id = &signal.execution;
        let arguments = ["executions", "signal", id, signal.name, "--payload", &payload, "--signal-id", &signal.token];
        let answer = self.place.ask(&arguments)?;
        if answer.is_done() {
            self.facts(|facts| facts.signals[at].acknowledged = true);
            return Ok(());
        }
        // It ended meanwhile: the signal was taken, and only the answer was lost.
        explained(&answer, &["conflict"])
    }

    fn cancel_one(&self, random: &mut Random) -> Result<(), String> {
        let open: Vec<String> = self.facts(|facts| {
            let endless = facts.executions("endless");
            endless.into_iter().filter(|id| !facts.cancelled.contains(id)).collect()
        });
        if open.is_empty() { Ok(()) } else { self.cancel(&open[random.index(open.len())]) }
    }

    /// Cancels an execution, perhaps again.
    pub(crate) fn cancel(&self, id: &str) -> Result<(), String> {
        let answer = self.place.ask(&["executions", "cancel", id])?;
        // A conflict says that it has ended, which only an earlier cancel can have done.
        if answer.is_done() || answer.error("kind") == "conflict" {
            self.facts(|facts| {
                if !facts.cancelled.iter().any(|known| known == id) {
                    facts.cancelled.push(id.to_owned());
                }
            });
            return Ok(());
        }
        explained(&answer, &[])
    }
}

/// A refusal that the death of the owner explains; anything else is a finding.
fn explained(answer: &Answer, also: &[&str]) -> Result<(), String> {
    let kind = answer.error("kind");
    if ["stopped", "locked"].contains(&kind) || also.contains(&kind) {
        return Ok(());
    }
    // The owner was killed before it could say a word.
    if kind == "storage" && answer.error("message").ends_with("cannot start") {
        return Ok(());
    }
    Err(format!("a client was refused with code {}: {}", answer.code, answer.document))
}
