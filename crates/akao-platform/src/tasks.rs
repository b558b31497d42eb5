//! What waits for people, and their answers.

use crate::{Actor, Code, Error, Page, PageRequest, Permission, Platform, executions::unexpected, page::bad_cursor};
use akao_contract::{ExecutionId, OpId};
use akao_engine::{Reply, Request};
use akao_flow::Decision;
use akao_journal::{TaskFilter, TaskRow, TaskStatus};
use serde_json::json;
use std::sync::Arc;

/// Which tasks are wanted.
#[derive(Debug, Clone, Default)]
pub struct TaskList {
    /// In one of these states.
    pub statuses: Vec<TaskStatus>,
    /// For this person.
    pub assignee: Option<String>,
    /// For this role.
    pub role: Option<String>,
    /// Of this execution.
    pub execution: Option<ExecutionId>,
}

/// The task that a page ended with.
fn place(text: &str) -> Option<(ExecutionId, OpId)> {
    let (execution, op) = text.split_once(':')?;
    Some((execution.parse().ok()?, OpId(op.parse().ok()?)))
}

impl Platform {
    /// A page of the tenant's tasks, newest execution first. Blocks.
    ///
    /// # Errors
    /// The page cannot be meant, or the journal cannot be read.
    pub fn tasks(&self, actor: &Actor, list: &TaskList, page: &PageRequest) -> Result<Page<TaskRow>, Error> {
        let filter = TaskFilter {
            tenant: Some(actor.tenant.clone()),
            statuses: list.statuses.clone(),
            assignee: list.assignee.clone(),
            role: list.role.clone(),
            execution: list.execution,
            since_ms: None,
            after: page.after().map(|after| place(after).ok_or_else(bad_cursor)).transpose()?,
        };
        let more = u32::try_from(page.one_more()).unwrap_or(u32::MAX);
        let rows = self.journal(|reader| reader.tasks(&filter, more))?;
        Ok(page.page(rows, |row| format!("{}:{}", row.execution, row.op.0)))
    }

    /// A task of the tenant, named `EXECUTION:NUMBER`. Blocks.
    ///
    /// # Errors
    /// There is no such task.
    pub fn task(&self, actor: &Actor, name: &str) -> Result<TaskRow, Error> {
        let missing = || Error::not_found(format_args!("task `{}`", akao_contract::shortened(name.to_owned(), 60)));
        let (execution, op) = name.split_once(':').ok_or_else(missing)?;
        let op = OpId(op.parse().map_err(|_| missing())?);
        let execution = self.execution(actor, execution).map_err(|_| missing())?.id;
        self.journal(|reader| reader.task(execution, op))?.ok_or_else(missing)
    }

    /// Answers a task, in the actor's name.
    ///
    /// # Errors
    /// There is no such task, it is somebody else's, it is closed, or the answer does not fit its form.
    pub async fn complete_task(&self, actor: &Arc<Actor>, name: &str, decision: Decision) -> Result<(), Error> {
        let (who, named) = (Arc::clone(actor), name.to_owned());
        let task = self
            .blocking(move |platform| {
                let task = platform.task(&who, &named)?;
                platform.check_is_for(&who, &task)?;
                Ok(task)
            })
            .await?;
        let approved = decision.approved;
        let decision = Decision {
            by: Some(crate::address(actor.kind, &actor.email).unwrap_or(&actor.name).to_owned()),
            ..decision
        };
        let details = json!({"execution": task.execution, "task": task.op, "approved": approved});
        let executions = Arc::clone(&self.parts().executions);
        let act = async move {
            match executions.call(Request::CompleteTask { execution: task.execution, op: task.op, decision }).await {
                Ok(Reply::Done) => Ok(()),
                other => Err(unexpected(other)),
            }
        };
        self.announced(actor, "task.completed", details, act).await
    }

    /// Refuses whoever a task is not for: it is for the person that it names, for whoever has the role or is of the team that it
    /// names, and for everybody who may answer tasks where it names nobody. Who looks after the members may always answer, so that
    /// no execution waits for somebody who has left.
    fn check_is_for(&self, actor: &Actor, task: &TaskRow) -> Result<(), Error> {
        let is_free = task.assignee.is_none() && task.role.is_none();
        if is_free || actor.permissions.contains(Permission::MembersWrite) {
            return Ok(());
        }
        let known_as = crate::address(actor.kind, &actor.email).unwrap_or(&actor.name);
        let is_named = task.assignee.as_ref().is_some_and(|assignee| assignee.eq_ignore_ascii_case(known_as));
        if is_named || self.has_role(actor, task.role.as_deref())? {
            return Ok(());
        }
        let whom = [&task.assignee, &task.role].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        let whom = akao_contract::shortened(whom, 120);
        Err(Error::new(Code::Forbidden, format!("the task is for {whom}"))
            .hint("Whoever may change members can answer it as well."))
    }

    /// Whether somebody has a role, by a team too, or is of the team that has its name.
    fn has_role(&self, actor: &Actor, role: Option<&str>) -> Result<bool, Error> {
        let Some(role) = role else { return Ok(false) };
        if role.eq_ignore_ascii_case(&actor.role) {
            return Ok(true);
        }
        let user = actor.user.to_string();
        self.read(|work| {
            let teams = work.of(&actor.tenant).teams();
            let by_team = teams.roles_of(&user)?.iter().any(|found| role.eq_ignore_ascii_case(found));
            Ok(by_team || teams.members(role)?.contains(&user))
        })
    }
}
