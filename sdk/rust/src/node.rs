//! A node type: its id, its inputs and the work.

use crate::{
    context::Context,
    failure::{Failure, Kind},
    inputs::{problems, Inputs, Problem, Schema},
    outputs,
};
use serde::Serialize;
use serde_json::{json, Map, Value};

type Work = Box<dyn Fn(&Context, Map<String, Value>) -> Result<String, Failure> + Send + Sync>;
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
    work: Work,
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
        let (id, schemas, work) = (id.into(), I::schemas(), Box::new(work));
        Self { id, schemas, batch: false, health: None, validate: None, work }
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
        let found = self.problems(&parameters)?;
        if let Some(first) = found.first() {
            let problems: Vec<Value> = found.iter().map(Problem::to_json).collect();
            let failure = Failure::new(Kind::Input, format!("{} {}", first.path, first.message));
            return Err(failure.with_detail(json!({"problems": problems})));
        }
        (self.work)(context, self.filled(parameters))
    }

    fn filled(&self, mut parameters: Map<String, Value>) -> Map<String, Value> {
        for schema in &self.schemas {
            if let (Some(default), false) = (&schema.default, parameters.contains_key(schema.name)) {
                parameters.insert(schema.name.to_owned(), default.clone());
            }
        }
        parameters
    }
}
