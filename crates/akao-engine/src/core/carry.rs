//! Carrying out what the interpreter asks for.

use super::{Core, Due, Effect, Inner, live};
use akao_contract::{ExecutionId, OpId, Tenant};
use akao_flow::{Command, Finish, TaskEnd, TaskSpec};
use akao_journal::{TaskRow, TaskStatus, Write};

impl Core {
    /// Carries out every command of the last reaction, in order.
    pub(super) fn carry_out_reaction(&mut self, execution: ExecutionId) {
        let mut commands = std::mem::take(&mut self.reaction.commands);
        for command in commands.drain(..) {
            self.carry_out(execution, command);
        }
        self.reaction.commands = commands;
    }

    pub(super) fn carry_out(&mut self, execution: ExecutionId, command: Command) {
        match command {
            Command::RunStep(step) => self.dispatch(execution, step),
            Command::CancelStep { op } => self.halt_step(execution, op),
            Command::StartTimer { op, fire_at_ms } => {
                if let Some(live) = self.live.get_mut(&execution) {
                    live.timers.insert(op, fire_at_ms);
                }
                self.due.insert((fire_at_ms, execution, Due::Timer(op)));
            }
            Command::CancelTimer { op } => {
                let fire_at_ms = self.live.get_mut(&execution).and_then(|live| live.timers.remove(&op));
                if let Some(fire_at_ms) = fire_at_ms {
                    self.due.remove(&(fire_at_ms, execution, Due::Timer(op)));
                }
            }
            Command::StartChild(start) => self.inner.push_back(Inner::StartChild { parent: execution, start: *start }),
            Command::CancelChild { child, .. } => self.inner.push_back(Inner::CancelChild { child }),
            Command::AwaitSignal { .. } => {}
            Command::OpenTask { op, task } => self.open_task(execution, op, &task),
            Command::CloseTask { op, reason } => self.writes.push(Write::CloseTask {
                execution,
                op,
                status: match reason {
                    TaskEnd::Expired => TaskStatus::Expired,
                    TaskEnd::Cancelled => TaskStatus::Cancelled,
                },
                at_ms: self.now_ms,
                body: None,
            }),
            Command::LoadBlob { op, blob } => {
                if let Some(live) = self.live.get(&execution) {
                    let tenant = live.tenant.clone();
                    self.effect(Effect::Load(execution, op, tenant, *blob));
                }
            }
            Command::Finish(finish) => self.finished(execution, finish),
        }
    }

    fn open_task(&mut self, execution: ExecutionId, op: OpId, task: &TaskSpec) {
        let tenant = self.live.get(&execution).map_or_else(Tenant::local, |live| live.tenant.clone());
        self.writes.push(Write::PutTask(Box::new(TaskRow {
            execution,
            op,
            tenant,
            title: task.title.clone(),
            assignee: task.assignee.clone(),
            role: task.assignee_role.clone(),
            due_ms: task.due_ms,
            status: TaskStatus::Open,
            created_ms: self.now_ms,
            closed_ms: None,
            body: serde_json::to_vec(task).unwrap_or_default(),
            result: None,
        })));
    }

    fn finished(&mut self, execution: ExecutionId, finish: Box<Finish>) {
        let Some(live) = self.live.get_mut(&execution) else { return };
        for (op, at) in std::mem::take(&mut live.timers) {
            self.due.remove(&(at, execution, Due::Timer(op)));
        }
        for op in std::mem::take(&mut live.op_rows) {
            self.writes.push(Write::DeleteOperation { execution, op });
        }
        live.blocked.clear();
        if let Some((parent, op)) = live.parent {
            let event = live::child_end(finish.status, &finish, op);
            self.inner.push_back(Inner::Event(parent, event));
        }
        live.finish = Some(finish.clone());
        self.effect(Effect::Ended(execution, finish));
    }
}
