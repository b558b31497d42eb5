//! The query of a request. A parameter that the route does not know, or that comes twice, is refused, so that nobody waits for
//! a filter that was misspelt.

use akao_contract::ExecutionStatus;
use akao_platform::{Error, PageRequest};
use jiff::Timestamp;

/// The query, as names and values.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

/// Parameters that may come more than once.
const REPEATABLE: [&str; 1] = ["status"];

impl Query {
    /// Reads a query of which `known` parameters may be part.
    pub(crate) fn read<'k>(text: Option<&str>, known: impl Iterator<Item = &'k str> + Clone) -> Result<Self, Error> {
        let mut found: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
            if !known.clone().any(|known| known == name) {
                let all = known.collect::<Vec<_>>().join(", ");
                let error = Error::invalid(format!("there is no parameter `{}`", shown(&name)));
                return Err(if all.is_empty() { error } else { error.hint(format!("The parameters are {all}.")) });
            }
            if found.iter().any(|(other, _)| *other == name) && !REPEATABLE.contains(&name.as_ref()) {
                return Err(Error::invalid(format!("the parameter `{name}` comes twice")));
            }
            found.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(found))
    }

    /// Reads those of a query's parameters that are `known`, and passes over what else stands there.
    pub(crate) fn read_known<'k>(
        text: Option<&str>,
        known: impl Iterator<Item = &'k str> + Clone,
    ) -> Result<Self, Error> {
        let all = url::form_urlencoded::parse(text.unwrap_or_default().as_bytes());
        let those = all.filter(|(name, _)| known.clone().any(|known| known == name));
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(those).finish();
        Self::read(Some(&text), known)
    }

    /// Reads whatever a query says: what other systems are told to send.
    pub(crate) fn any(text: Option<&str>) -> Self {
        Self(url::form_urlencoded::parse(text.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The names and values.
    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// A parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that must be there.
    pub(crate) fn needed(&self, name: &str) -> Result<&str, Error> {
        self.get(name).ok_or_else(|| Error::invalid(format!("the parameter `{name}` is missing")))
    }

    /// A truth; false when absent.
    pub(crate) fn truth(&self, name: &str) -> Result<bool, Error> {
        match self.get(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Error::invalid(format!("`{name}` is `true` or `false`"))),
        }
    }

    /// A time in RFC 3339, in Unix milliseconds.
    pub(crate) fn time(&self, name: &str) -> Result<Option<i64>, Error> {
        let read = |text: &str| {
            let moment: Result<Timestamp, _> = text.parse();
            moment.map(Timestamp::as_millisecond).map_err(|_| {
                Error::invalid(format!("`{name}` is not a time")).hint("Write for example `2026-01-31T08:00:00Z`.")
            })
        };
        self.get(name).map(read).transpose()
    }

    /// The states of executions that are wanted.
    pub(crate) fn statuses<T>(&self, read: impl Fn(&str) -> Option<T>, all: &str) -> Result<Vec<T>, Error> {
        let named = self.0.iter().filter(|(name, _)| name == "status").map(|(_, value)| value.as_str());
        let one = |text: &str| {
            read(text).ok_or_else(|| {
                Error::invalid(format!("there is no state `{}`", shown(text))).hint(format!("The states are {all}."))
            })
        };
        named.map(one).collect()
    }

    /// The states of executions that are wanted.
    pub(crate) fn execution_statuses(&self) -> Result<Vec<ExecutionStatus>, Error> {
        self.statuses(ExecutionStatus::parse, &ExecutionStatus::ALL.map(ExecutionStatus::as_str).join(", "))
    }

    /// The page that is wanted.
    pub(crate) fn page(&self) -> Result<PageRequest, Error> {
        PageRequest::new(self.get("limit"), self.get("cursor"))
    }
}

fn shown(text: &str) -> String {
    akao_contract::shortened(text.to_owned(), 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_route_does_not_know_is_refused() {
        let read = |text| Query::read(Some(text), ["limit", "status"].into_iter());
        assert!(read("limti=5").unwrap_err().suggestion.unwrap().contains("limit, status"));
        assert!(read("limit=5&limit=6").is_err());
        let query = read("status=running&status=queued&limit=5").unwrap();
        assert_eq!(query.execution_statuses().unwrap(), [ExecutionStatus::Running, ExecutionStatus::Queued]);
        assert_eq!(query.get("limit"), Some("5"));
        assert!(read("status=sleeping").unwrap().execution_statuses().is_err());
    }

    #[test]
    fn where_it_may_be_passed_over_only_what_is_known_counts() {
        let read = |text| Query::read_known(Some(text), ["code", "state"].into_iter());
        let query = read("client_info=a&code=%26x%3D+1&client_info=b&state=s&").unwrap();
        assert_eq!(query.into_pairs(), [("code".into(), "&x= 1".into()), ("state".into(), "s".into())]);
        assert!(read("state=s&other=1&state=t").is_err(), "what counts comes once");
    }
}
