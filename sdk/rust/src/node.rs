//! A node type: its id, its inputs and the work.

use crate::{
    calls::Calls,
    context::Context,
    failure::{Failure, Kind},
    inputs::{problems, Inputs, Problem, Schema},
    outputs,
};
use serde::Serialize;
use serde_json::{json, Map, Value};

type Each = Box<dyn Fn(&Context, Map<String, Value>) -> Result<String, Failure> + Send + Sync>;
type Staying = Box<dyn Fn(&mut Calls<'_>) + Send + Sync>;

/// What a node does with its calls.
pub(crate) enum Work {
    /// Each by itself.
    Each(Each),
    /// One after the other, on a thread that it does not leave.
    Staying(Staying),
}

type Validate = Box<dyn Fn(Map<String, Value>) -> Result<Vec<Problem>, Failure> + Send + Sync>;

/// A node's own word on its health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// All is well.
    Healthy(String),
    /// It works, with less than it should have.
    Degraded(String),
    /// It does not work.
    Unhealthy(String),
}

impl Health {
    /// The higher, the worse.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Healthy(_) => 0,
            Self::Degraded(_) => 1,
            Self::Unhealthy(_) => 2,
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let (status, detail) = match self {
            Self::Healthy(detail) => ("healthy", detail),
            Self::Degraded(detail) => ("degraded", detail),
            Self::Unhealthy(detail) => ("unhealthy", detail),
        };
        json!({"status": status, "detail": detail})
    }
}

/// A node type.
pub struct Node {
    pub(crate) id: String,
    pub(crate) schemas: Vec<Schema>,
    pub(crate) batch: bool,
    pub(crate) health: Option<Box<dyn Fn() -> Health + Send + Sync>>,
    validate: Option<Validate>,
    pub(crate) work: Work,
}

impl Node {
    /// A node type of a function; its inputs are declared by [`inputs!`](crate::inputs), its outputs are anything that
    /// serde writes as an object.
    pub fn new<I: Inputs, O: Serialize>(
        id: impl Into<String>,
        work: impl Fn(&Context, I) -> Result<O, Failure> + Send + Sync + 'static,
    ) -> Self {
        let work =
            move |context: &Context, parameters| outputs::encode(&work(context, I::from_parameters(parameters)?)?);
        Self::of::<I>(id.into(), Work::Each(Box::new(work)))
    }

    /// A node type whose work stays on one thread from call to call, with what is bound to that thread. It asks for one call
    /// after the other and answers each; calls come one at a time then, whatever the host allows. When it ends it is begun again
    /// with the next call.
    pub fn staying<I: Inputs>(id: impl Into<String>, work: impl Fn(&mut Calls<'_>) + Send + Sync + 'static) -> Self {
        Self::of::<I>(id.into(), Work::Staying(Box::new(work)))
    }

    fn of<I: Inputs>(id: String, work: Work) -> Self {
        Self { id, schemas: I::schemas(), batch: false, health: None, validate: None, work }
    }

    pub(crate) fn stays(&self) -> bool {
        matches!(self.work, Work::Staying(_))
    }

    /// Lets a call with `{"$items": […]}` run the work once for each item.
    #[must_use]
    pub fn batch(self) -> Self {
        Self { batch: true, ..self }
    }

    /// Gives the node a word on its own health.
    #[must_use]
    pub fn health(self, health: impl Fn() -> Health + Send + Sync + 'static) -> Self {
        Self { health: Some(Box::new(health)), ..self }
    }

    /// Adds a check of parameters that fit the declaration.
    #[must_use]
    pub fn validate<I: Inputs>(self, check: impl Fn(I) -> Vec<Problem> + Send + Sync + 'static) -> Self {
        let validate = move |parameters| Ok(check(I::from_parameters(parameters)?));
        Self { validate: Some(Box::new(validate)), ..self }
    }

    /// What is wrong with parameters: by the declaration, and where that finds nothing, by the node's own check.
    pub(crate) fn problems(&self, parameters: &Map<String, Value>) -> Result<Vec<Problem>, Failure> {
        let found = problems(&self.schemas, parameters);
        match &self.validate {
            Some(validate) if found.is_empty() => validate(self.filled(parameters.clone())),
            _ => Ok(found),
        }
    }

    /// Checks the parameters, works, and gives the outputs as text.
    pub(crate) fn execute(&self, context: &Context, parameters: Map<String, Value>) -> Result<String, Failure> {
        self.check(&parameters)?;
        match &self.work {
            Work::Each(work) => work(context, self.filled(parameters)),
            Work::Staying(_) => Err(Failure::new(Kind::Internal, "this node asks for its calls itself")),
        }
    }

    /// Refuses parameters that do not fit.
    pub(crate) fn check(&self, parameters: &Map<String, Value>) -> Result<(), Failure> {
        let found = self.problems(parameters)?;
        let Some(first) = found.first() else { return Ok(()) };
        let problems: Vec<Value> = found.iter().map(Problem::to_json).collect();
        let failure = Failure::new(Kind::Input, format!("{} {}", first.path, first.message));
        Err(failure.with_detail(json!({"problems": problems})))
    }

    pub(crate) fn filled(&self, mut parameters: Map<String, Value>) -> Map<String, Value> {
        for schema in &self.schemas {
            if let (Some(default), false) = (&schema.default, parameters.contains_key(schema.name)) {
                parameters.insert(schema.name.to_owned(), default.clone());
            }
        }
        parameters
    }
}
