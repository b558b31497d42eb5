//! What a route is: where it is, what it needs, what it takes and answers, and who does the work.

use crate::{App, answer::Answer, body, query::Query};
use akao_platform::{Actor, Code, Error, Permission, Platform, Source};
use axum::http::{HeaderMap, Method, header::HeaderName};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use std::{future::Future, pin::Pin, sync::Arc};

/// What a route needs. There is no default: whoever writes a route decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: it is for whoever is not signed in yet, and for machines that look after the server.
    Anyone,
    /// Somebody who is known.
    Known,
    /// Somebody who may do this.
    May(Permission),
    /// Who looks after the server, in person.
    Operator,
}

/// The body that a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// None.
    Nothing,
    /// JSON of this schema.
    Json(&'static str),
    /// A message of another system, of at most so many bytes: its signature is over the bytes, whatever they are called.
    Message(usize),
}

/// The body that a route answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// None.
    Nothing,
    /// JSON of this schema.
    Json(&'static str),
    /// A page of this schema.
    Page(&'static str),
    /// Server-sent events.
    Events,
    /// Text of this media type.
    Text(&'static str),
    /// Bytes to be saved, whatever they are.
    Bytes,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the query.
    Query,
    /// In a header.
    Header,
}

/// A parameter beside those of the path.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Where it stands.
    pub place: Place,
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub what: &'static str,
}

/// One route.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path; parameters stand in braces.
    pub path: &'static str,
    /// What it needs.
    pub access: Access,
    /// Its name in the OpenAPI document.
    pub operation: &'static str,
    /// What it does, as a short sentence.
    pub summary: &'static str,
    /// Its parameters beside those of the path.
    pub parameters: &'static [Parameter],
    /// Whether further parameters in the query are passed over: others, who send them, are told by their own standards what to send.
    pub passes_over: bool,
    /// The body that it takes.
    pub takes: Takes,
    /// The answers when it did what it was asked.
    pub gives: &'static [(u16, Gives)],
    /// Refusals beside those that every route of its kind may give.
    pub refuses: &'static [Code],
    /// Who does the work.
    pub(crate) handler: Handler,
}

/// The work of a route.
pub(crate) type Handler = fn(Call) -> Answering;

/// An answer that is being made.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send>>;

/// A request that has passed every check of its route.
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) actor: Option<Arc<Actor>>,
    pub(crate) path: Vec<(String, String)>,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The request's place in a trace, as a W3C `traceparent`.
    pub(crate) trace: Option<String>,
    /// Where it comes from.
    pub(crate) source: Source,
    /// The connection itself, once it speaks something else.
    pub(crate) upgrade: Option<hyper::upgrade::OnUpgrade>,
}

impl Call {
    /// The platform.
    pub(crate) fn platform(&self) -> &Platform {
        &self.app.platform
    }

    /// Who asks. Routes that anyone may ask have no use for it.
    pub(crate) fn actor(&self) -> Result<&Arc<Actor>, Error> {
        self.actor.as_ref().ok_or_else(|| Error::new(Code::Unauthenticated, "nobody is signed in"))
    }

    /// A parameter of the path.
    pub(crate) fn param(&self, name: &str) -> &str {
        self.path.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// A parameter of the path, as a text of its own.
    pub(crate) fn path_value(&self, name: &str) -> String {
        self.param(name).to_owned()
    }

    /// A header, where it is there and is text.
    pub(crate) fn header(&self, name: &HeaderName) -> Result<Option<&str>, Error> {
        let value = self.headers.get(name).map(|value| value.to_str());
        value.transpose().map_err(|_| Error::invalid(format!("the header `{name}` is not plain text")))
    }

    /// The body, read as what the route takes.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        body::parse(&self.body)
    }

    /// Does what blocks, in the actor's name.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Platform, &Actor) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let actor = Arc::clone(self.actor()?);
        self.platform().blocking(move |platform| work(platform, &actor)).await
    }

    /// As [`Call::blocking`], about what the path names by this parameter.
    pub(crate) async fn about<T: Send + 'static>(
        &self,
        parameter: &str,
        work: impl FnOnce(&Platform, &Actor, &str) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let name = self.param(parameter).to_owned();
        self.blocking(move |platform, actor| work(platform, actor, &name)).await
    }
}

/// Says what is common to every route, so that the tables stay readable.
macro_rules! route {
    ($method:ident $path:literal, $access:expr, $operation:literal, $summary:literal, $takes:expr, $gives:expr,
     $handler:path $(, parameters: $parameters:expr)? $(, passes_over: $passes_over:literal)? $(, refuses: $refuses:expr)?) => {
        $crate::route::Route {
            method: axum::http::Method::$method,
            path: $path,
            access: $access,
            operation: $operation,
            summary: $summary,
            parameters: route!(@or $($parameters)?),
            passes_over: false $(|| $passes_over)?,
            takes: $takes,
            gives: $gives,
            refuses: route!(@or $($refuses)?),
            handler: $handler,
        }
    };
    (@or) => { &[] };
    (@or $value:expr) => { $value };
}
pub(crate) use route;
