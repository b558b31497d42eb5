//! Shows an execution while it goes on, until it has ended or somebody leaves.

use super::result::Report;
use crate::{
    cli::Context,
    commands::executions::debug,
    exit::Exit,
    failure::Failure,
    live::{Follower, Steps, Update, lines, lines::Lines, terminal},
    output::Output,
    wiring,
};
use akao_contract::ExecutionId;
use akao_engine::{Executions, Request, Told};
use akao_flow::{Catalogue, Note};
use std::{
    io::{self, IsTerminal},
    path::Path,
};
use tokio::signal::unix::{SignalKind, signal};

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

/// Something that the view waits for.
enum Cause {
    Update(Option<Update>),
    Interrupt,
    Tick,
}

/// Follows an execution to its end and presents it.
pub(crate) async fn follow(
    executions: &dyn Executions,
    folder: &Path,
    execution: ExecutionId,
    catalogue: &Catalogue,
    view: View,
    context: &Context,
) -> Result<Exit, Failure> {
    let output = &context.output;
    let mut follower = Follower::new(folder, execution, catalogue)?;
    let mut screen = Screen::new(view, output);
    let mut interrupts = signal(SignalKind::interrupt())
        .map_err(|error| Failure::internal("cannot listen for Ctrl-C").because(&error))?;
    let mut tick = tokio::time::interval(terminal::REDRAW_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut cancelled = false;
    let mut debugger = view.debug.then(|| debug::Debugger::new(execution));
    loop {
        let cause = tokio::select! {
            update = follower.next(executions) => Cause::Update(update?),
            _ = interrupts.recv() => Cause::Interrupt,
            _ = tick.tick(), if screen.draws() => Cause::Tick,
        };
        match cause {
            Cause::Update(None) => break,
            Cause::Update(Some(Update::Told(told))) => {
                screen.tell(&told, execution)?;
                if let Some(debugger) = &mut debugger
                    && told.notes.iter().any(|note| matches!(note, Note::Held { .. }))
                {
                    screen.clear();
                    debugger.ask(executions, &screen.steps, context).await?;
                    if debugger.has_left() {
                        output.note(&format!("Come back with `akao executions debug {execution}`."));
                        return Ok(Exit::Success);
                    }
                }
            }
            Cause::Update(Some(Update::Step(op, event))) => screen.step_event(op, &event),
            Cause::Tick => screen.draw(),
            Cause::Interrupt if cancelled || !view.cancels => return Ok(Exit::Cancelled),
            Cause::Interrupt => {
                cancelled = true;
                screen.say("Cancelling; Ctrl-C again leaves at once.");
                let reason = Some("Ctrl-C".to_owned());
                executions.call(Request::Cancel { execution, reason, force: false }).await?;
            }
        }
    }
    screen.finish();
    let row = wiring::reader(folder)?.execution(execution)?;
    let row = row.ok_or_else(|| Failure::not_found(format!("execution {execution} was pruned meanwhile")))?;
    let report = Report::new(row);
    if view.events {
        return Ok(Exit::of(report.row.status));
    }
    report.present(&screen.steps, output)
}

/// Where the progress of the execution is shown.
struct Screen<'a> {
    steps: Steps,
    output: &'a Output,
    events: bool,
    drawing: Option<terminal::Drawing>,
    lines: Lines,
}

impl<'a> Screen<'a> {
    fn new(view: View, output: &'a Output) -> Self {
        let draws = !view.events && !view.debug && !output.json && !output.quiet && io::stderr().is_terminal();
        Self {
            steps: Steps::default(),
            output,
            events: view.events,
            drawing: draws.then(terminal::Drawing::default),
            lines: Lines::default(),
        }
    }

    fn draws(&self) -> bool {
        self.drawing.is_some()
    }

    fn tell(&mut self, told: &Told, execution: ExecutionId) -> Result<(), Failure> {
        self.steps.take(told);
        if self.events {
            return lines::events(told).iter().try_for_each(|line| self.output.document(line));
        }
        if !self.draws() && !self.output.json {
            self.lines.tell(&self.steps, told, self.output);
        }
        for note in &told.notes {
            if let Note::Waiting { what, .. } = note
                && let Some(advice) = advice(what, execution)
                && !self.output.json
            {
                self.say(&advice);
            }
        }
        Ok(())
    }

    fn step_event(&mut self, op: akao_contract::OpId, event: &akao_step::StepEvent) {
        self.steps.take_event(op, event);
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

/// What to type so that a waiting execution goes on.
fn advice(what: &str, execution: ExecutionId) -> Option<String> {
    if let Some(signal) = what.strip_prefix("signal ") {
        return Some(match signal.split_once(" with key ") {
            Some((name, key)) => format!("Go on with: akao executions signal {execution} {name} --key {key}"),
            None => format!("Go on with: akao executions signal {execution} {signal}"),
        });
    }
    what.starts_with("task ")
        .then(|| format!("Complete it with: akao tasks list, then akao tasks complete {execution}:OPERATION --approve"))
}
