//! Executions made from the history of others: forks and imports.

use super::{
    Core,
    live::Attributes,
    load::Fresh,
    requests::{check_path, unreadable},
};
use crate::{
    entry::{Entry, read_entries},
    export,
    request::{CallError, Reply},
    store::Store,
};
use akao_contract::{Address, ExecutionId, ExecutionStatus};
use akao_flow::{Breakpoint, Event, Machine, Note, Reaction, Start};
use akao_journal::{ExecutionRow, Write};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

impl Core {
    /// Starts a new execution from the state before a step, with edited values.
    ///
    /// The history up to the event that started the step is taken over; a breakpoint holds the step, the edits are made,
    /// and the execution goes on. All of that is in the new execution's journal, so that it replays like any other.
    pub(super) fn fork(
        &mut self,
        store: &dyn Store,
        (source, at): (ExecutionId, &str),
        edits: Vec<(String, Value)>,
        secrets: BTreeMap<String, akao_step::Secret>,
        (made, trace): (Option<ExecutionId>, Option<String>),
    ) -> Result<Reply, CallError> {
        for (path, _) in &edits {
            check_path(path)?;
        }
        let row = store.execution(source).map_err(unreadable)?;
        let row = row.ok_or_else(|| CallError::not_found(format!("there is no execution {source}")))?;
        let version = self.version(store, &row.tenant, row.definition).map_err(CallError::conflict)?;
        let entries = self.entries(store, source)?;
        let attributes: Attributes = serde_json::from_slice(&row.attributes).unwrap_or_default();
        // It belongs to what asked for it now, not to what once asked for its origin.
        let attributes = Attributes { trace, ..attributes };
        let Some(Entry { event: Event::Started(start), .. }) = entries.first() else {
            return Err(CallError::conflict(format!("execution {source} has not started")));
        };
        let start = (**start).clone();
        let (index, address) = self.find_start(&row.tenant, &version.program, &entries, at)?;
        let execution = self.new_id(store, made)?;
        let stop = Breakpoint { at: address.to_string(), condition: None, once: true };
        let mut breakpoints = start.breakpoints.clone();
        if index == 0 {
            breakpoints.push(stop.clone());
        }
        let fresh = Fresh {
            start: Start { execution, debug: false, breakpoints, ..start },
            version,
            attributes,
            secrets: secrets.clone(),
            parent: None,
            forked_from: Some((source, index as u64)),
            queue_key: None,
        };
        let mut events: Vec<(i64, Event)> = Vec::with_capacity(index + edits.len() + 3);
        if index > 0 {
            events.extend(entries[1..index].iter().map(|entry| (entry.at, entry.event.clone())));
            events.push((entries[index].at, Event::BreakpointSet(stop)));
            events.push((entries[index].at, entries[index].event.clone()));
        }
        for (path, value) in edits {
            events.push((self.now_ms, Event::ValueEdited { path, value, at: Some(address.clone()) }));
        }
        events.push((self.now_ms, Event::ResumeRequested));
        // The history tells of the time before, the row of this execution.
        let row = ExecutionRow { started_ms: self.now_ms, ..fresh.row(ExecutionStatus::Running) };
        self.retrace(fresh, row, events);
        Ok(Reply::Started { execution, status: ExecutionStatus::Running, repeated: false, position: None })
    }

    fn entries(&self, store: &dyn Store, execution: ExecutionId) -> Result<Vec<Entry>, CallError> {
        let mut entries = Vec::new();
        for frame in store.frames(execution, 0).map_err(unreadable)? {
            let read = read_entries(&frame.body);
            entries.extend(read.map_err(|problem| CallError::Quarantined { execution, reason: problem.to_string() })?);
        }
        Ok(entries)
    }

    /// The event that led to the first start of a step, or to its being held before, and the step's full address. What let
    /// a held step go on must not be gone through again: it would pass the breakpoint that holds it for the edits.
    fn find_start(
        &self,
        tenant: &akao_contract::Tenant,
        program: &Arc<akao_flow::Program>,
        entries: &[Entry],
        at: &str,
    ) -> Result<(usize, Address), CallError> {
        let wanted: Option<Address> = at.parse().ok();
        let is_it = |note: &Note| match note {
            Note::Started { address, id, .. } | Note::Held { address, id, .. } => match &wanted {
                Some(wanted) => address == wanted || (address.place() == *wanted),
                None => id.as_str() == at,
            }
            .then(|| address.clone()),
            _ => None,
        };
        let mut machine: Option<Machine> = None;
        let mut reaction = Reaction::default();
        for (index, entry) in entries.iter().enumerate() {
            reaction.clear();
            match (&mut machine, entry.event.clone()) {
                (None, Event::Started(start)) => {
                    machine = Some(Machine::start(Arc::clone(program), *start, true, &mut reaction));
                }
                (Some(machine), event) => {
                    let event = crate::replay::with_blob(machine, event, |blob| {
                        self.read_blob(tenant, blob).map_err(|error| error.message)
                    })
                    .map_err(CallError::conflict)?;
                    machine.apply(entry.at, event, &mut reaction);
                }
                (None, _) => break,
            }
            if let Some(address) = reaction.notes.iter().find_map(is_it) {
                return Ok((index, address));
            }
        }
        Err(CallError::Invalid {
            message: format!("no step `{at}` was started in this execution"),
            suggestion: Some(
                "Use a node id or an address such as `/0/2[17]/1`; `akao executions show` lists them.".into(),
            ),
        })
    }

    /// Applies a history to a new execution without carrying out what it led to, then takes up what is open.
    fn retrace(&mut self, fresh: Fresh, row: akao_journal::ExecutionRow, events: Vec<(i64, Event)>) {
        let execution = fresh.start.execution;
        let tenant = fresh.start.tenant.clone();
        self.begin_quietly(fresh, Some(Box::new(row)));
        for (at_ms, event) in events {
            let Some(live) = self.live.get(&execution) else { return };
            let read = |blob: &akao_contract::BlobRef| self.read_blob(&tenant, blob).map_err(|error| error.message);
            let Ok(event) = crate::replay::with_blob(&live.machine, event, read) else { continue };
            let Some(live) = self.live.get_mut(&execution) else { return };
            self.reaction.clear();
            live.apply(at_ms.max(live.last_ms), event, &mut self.reaction, false);
            self.batch_events += 1;
            let finish = self.reaction.commands.iter().find_map(|command| match command {
                akao_flow::Command::Finish(finish) => Some(finish.clone()),
                _ => None,
            });
            if let (Some(finish), Some(live)) = (finish, self.live.get_mut(&execution)) {
                live.finish = Some(finish);
            }
        }
        self.take_up_new(execution);
    }

    /// Takes in an exported execution as it is: its journal, definition and blobs.
    pub(super) fn import(&mut self, store: &dyn Store, text: &str) -> Result<Reply, CallError> {
        let export = export::Export::parse(text).map_err(CallError::invalid)?;
        let execution = export.row.id;
        if self.live.contains_key(&execution) || store.execution(execution).map_err(unreadable)?.is_some() {
            return Err(CallError::conflict(format!("execution {execution} is here already")));
        }
        export.check(&self.catalogue).map_err(CallError::invalid)?;
        for (media_type, bytes) in export.blobs() {
            self.blobs
                .put(&export.row.tenant, &bytes, &media_type)
                .map_err(|problem| CallError::invalid(format!("a value cannot be stored: {problem}")))?;
        }
        self.head.extend(export.definition_writes());
        let (row, frame) = export.rows().map_err(CallError::invalid)?;
        let status = row.status;
        self.head.push(Write::InsertExecution(Box::new(row)));
        self.writes.extend(frame);
        Ok(Reply::Started { execution, status, repeated: false, position: None })
    }
}
