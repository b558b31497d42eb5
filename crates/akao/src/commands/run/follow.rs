//! Shows an execution while it goes on, until it has ended or somebody leaves.

use super::result::Report;
use crate::{
    cli::Context,
    commands::executions::debugger::Debugger,
    exit::Exit,
    failure::Failure,
    live::{Steps, Update, lines, lines::Lines, steps, terminal},
    output::Output,
    site::Site,
    stop::{Stop, Stops},
    wiring,
};
use akao_contract::{ExecutionId, OpId};
use akao_engine::{Executions, Request, Told};
use akao_flow::{Catalogue, Note};
use akao_journal::{TaskFilter, TaskStatus};
use std::{
    collections::BTreeSet,
    io::{self, IsTerminal},
};

/// Tasks of one execution that are told while it is watched.
const TASKS_TOLD_MAX: u32 = 100;

/// What is wanted of the view.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// Whether events go to standard output as JSON lines.
    pub(crate) events: bool,
    /// Whether a debugger asks what to do.
    pub(crate) debug: bool,
    /// Whether Ctrl-C cancels the execution; otherwise it only leaves.
    pub(crate) cancels: bool,
}

/// How the view was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The execution has come to this end, or was left by a word of the debugger.
    End(Exit),
    /// Somebody pressed Ctrl-C, or the terminal went away: it goes on without the view.
    Left,
    /// The program was asked to end.
    Terminated,
}

impl Seen {
    /// How the program ends.
    pub(crate) fn exit(self) -> Exit {
        match self {
            Self::End(exit) => exit,
            Self::Left | Self::Terminated => Exit::Cancelled,
        }
    }
}

/// Something that the view waits for.
enum Cause {
    Update(Option<Update>),
    Line(Option<String>),
    Stop(Stop),
    Tick,
}

/// Follows an execution to its end and presents it.
pub(crate) async fn follow(
    executions: &dyn Executions,
    site: &Site,
    execution: ExecutionId,
    catalogue: &Catalogue,
    view: View,
    context: &Context,
) -> Result<Seen, Failure> {
    let output = &context.output;
    let mut follower = site.follower(execution, catalogue)?;
    let mut screen = Screen::new(view, execution, output);
    let mut stops = Stops::new()?;
    let mut tick = tokio::time::interval(terminal::REDRAW_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut cancelled = false;
    let mut debugger = view.debug.then(|| Debugger::new(execution));
    // Whether the execution was held since a person was asked last, and whether a person is asked now.
    let (mut held, mut asks) = (false, false);
    loop {
        let cause = tokio::select! {
            update = follower.next(executions) => Cause::Update(update?),
            line = typed(&mut debugger), if asks => Cause::Line(line?),
            stop = stops.next() => Cause::Stop(stop),
            _ = tick.tick(), if screen.draws() => Cause::Tick,
        };
        match cause {
            Cause::Update(None) => break,
            Cause::Update(Some(Update::Told(told))) => {
                debugger.iter_mut().for_each(Debugger::interrupted);
                screen.tell(&told, site)?;
                held |= told.notes.iter().any(|note| matches!(note, Note::Held { .. }));
                // What was held in the past, or was released from another terminal, is nothing to ask about.
                let holds = debugger.is_some() && screen.steps.holds();
                held &= holds;
                asks &= holds;
                if held && !follower.has_ready() {
                    (held, asks) = (false, true);
                }
            }
            Cause::Update(Some(Update::Step(op, event))) => screen.steps.take_event(op, &event),
            Cause::Line(line) => {
                let Some(debugger) = &mut debugger else { continue };
                asks = !debugger.take(line.as_deref(), executions, &screen.steps, context).await?;
                if debugger.has_left() {
                    output.note(&format!("Come back with `akao executions debug {execution}`."));
                    return Ok(Seen::End(Exit::Success));
                }
            }
            Cause::Tick => screen.draw(),
            Cause::Stop(Stop::Terminate) => return Ok(Seen::Terminated),
            Cause::Stop(Stop::Hangup) => return Ok(Seen::Left),
            Cause::Stop(Stop::Interrupt) if cancelled || !view.cancels => return Ok(Seen::Left),
            Cause::Stop(Stop::Interrupt) => {
                cancelled = true;
                screen.say("Cancelling; Ctrl-C again leaves at once.");
                let reason = Some("Ctrl-C".to_owned());
                executions.call(Request::Cancel { execution, reason, force: false }).await?;
            }
        }
    }
    screen.finish();
    let row = site.row_left(execution)?;
    let report = Report::new(row);
    if view.events {
        output.document(&report.last_event(&screen.steps))?;
        return Ok(Seen::End(Exit::of(report.row.status)));
    }
    report.present(&screen.steps, output).map(Seen::End)
}

/// What is typed, when there is a debugger to type for.
async fn typed(debugger: &mut Option<Debugger>) -> Result<Option<String>, Failure> {
    match debugger {
        Some(debugger) => debugger.line().await,
        None => std::future::pending().await,
    }
}

/// Where the progress of the execution is shown.
struct Screen<'a> {
    execution: ExecutionId,
    steps: Steps,
    output: &'a Output,
    /// Tasks whose names were told.
    tasks_told: BTreeSet<OpId>,
    events: bool,
    drawing: Option<terminal::Drawing>,
    lines: Lines,
}

impl<'a> Screen<'a> {
    fn new(view: View, execution: ExecutionId, output: &'a Output) -> Self {
        let draws = !view.events && !view.debug && !output.json && !output.quiet && io::stderr().is_terminal();
        Self {
            execution,
            steps: Steps::default(),
            output,
            tasks_told: BTreeSet::new(),
            events: view.events,
            drawing: draws.then(terminal::Drawing::default),
            lines: Lines::default(),
        }
    }

    fn draws(&self) -> bool {
        self.drawing.is_some()
    }

    fn tell(&mut self, told: &Told, site: &Site) -> Result<(), Failure> {
        self.steps.take(told);
        if self.events {
            let events = steps::events(self.execution, told);
            return events.iter().try_for_each(|line| self.output.document(line));
        }
        if self.output.json || self.output.quiet {
            return Ok(());
        }
        if !self.draws() {
            self.lines.tell(&self.steps, told, self.output);
        }
        for note in &told.notes {
            match note {
                Note::Log { address, line } if self.draws() => {
                    if let Some(line) = lines::log(&self.steps, address, line, self.output) {
                        self.say(&line);
                    }
                }
                Note::Waiting { what, .. } if what.starts_with("task ") => self.tell_tasks(site)?,
                Note::Waiting { what, .. } => {
                    if let Some(signal) = what.strip_prefix("signal ") {
                        self.say(&advice(signal, self.execution));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Says how the tasks that wait are completed.
    fn tell_tasks(&mut self, site: &Site) -> Result<(), Failure> {
        let filter =
            TaskFilter { statuses: vec![TaskStatus::Open], execution: Some(self.execution), ..TaskFilter::default() };
        for task in site.tasks(filter, TASKS_TOLD_MAX)? {
            if self.tasks_told.insert(task.op) {
                self.say(&format!("Complete it with: akao tasks complete {}:{} --approve", task.execution, task.op));
            }
        }
        Ok(())
    }

    fn draw(&mut self) {
        if let Some(drawing) = &mut self.drawing {
            // A terminal that went away shows nothing; the execution goes on.
            let _ = drawing.draw(&self.steps, wiring::now_ms(), self.output.color_err);
        }
    }

    fn clear(&mut self) {
        if let Some(drawing) = &mut self.drawing {
            let _ = drawing.clear();
        }
    }

    fn say(&mut self, line: &str) {
        self.clear();
        self.output.note(line);
    }

    /// Leaves the last state of the tree standing.
    fn finish(&mut self) {
        if let Some(drawing) = &mut self.drawing {
            // As in `draw`.
            let _ = drawing.leave(&self.steps, wiring::now_ms(), self.output.color_err);
        }
        self.lines.finish(self.output);
    }
}

/// What to type so that an execution goes on that waits for a signal.
fn advice(signal: &str, execution: ExecutionId) -> String {
    match signal.split_once(" with key ") {
        Some((name, key)) => format!("Go on with: akao executions signal {execution} {name} --key {key}"),
        None => format!("Go on with: akao executions signal {execution} {signal}"),
    }
}
