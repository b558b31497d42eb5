//! What every database has to offer: statements with numbered parameters, and rows of three kinds of values. It is small
//! on purpose, so that a second database is one more implementation and not one more copy of each query.

use crate::StoreError;

/// A value of a column. Truths are 0 and 1, times are Unix milliseconds, hashes are hexadecimal text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
}

impl Value {
    /// The value as it stands in the name of a row.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Integer(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Integer(truth.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    table: &'static str,
    values: Vec<Value>,
}

impl Row {
    pub(crate) fn new(table: &'static str, values: Vec<Value>) -> Self {
        Self { table, values }
    }

    /// The values, in order.
    pub(crate) fn into_values(self) -> Vec<Value> {
        self.values
    }

    fn damaged(&self, column: usize) -> StoreError {
        StoreError::Damaged { table: self.table, column }
    }

    pub(crate) fn text(&self, column: usize) -> Result<String, StoreError> {
        match self.values.get(column) {
            Some(Value::Text(text)) => Ok(text.clone()),
            _ => Err(self.damaged(column)),
        }
    }

    pub(crate) fn text_if_any(&self, column: usize) -> Result<Option<String>, StoreError> {
        match self.values.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.text(column).map(Some),
        }
    }

    pub(crate) fn integer(&self, column: usize) -> Result<i64, StoreError> {
        match self.values.get(column) {
            Some(Value::Integer(number)) => Ok(*number),
            _ => Err(self.damaged(column)),
        }
    }

    pub(crate) fn integer_if_any(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.values.get(column) {
            Some(Value::Null) => Ok(None),
            _ => self.integer(column).map(Some),
        }
    }

    pub(crate) fn truth(&self, column: usize) -> Result<bool, StoreError> {
        Ok(self.integer(column)? != 0)
    }

    pub(crate) fn parsed<T: std::str::FromStr>(&self, column: usize) -> Result<T, StoreError> {
        self.text(column)?.parse().map_err(|_| self.damaged(column))
    }
}

/// In whose name a statement is run. A database that can tell rows apart shows no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope<'a> {
    /// What belongs to this tenant.
    Tenant(&'a str),
    /// What belongs to no tenant, or is found by a secret before one is known.
    Accounts,
}

/// A view or a transaction of a database. Parameters are `?1`, `?2`, …
pub(crate) trait Access {
    /// The rows that a statement finds; `table` is for messages.
    fn query(&self, scope: Scope<'_>, table: &'static str, sql: &str, values: &[Value])
    -> Result<Vec<Row>, StoreError>;
    /// How many rows a statement changed. A second row with the same unique key is [`StoreError::Taken`].
    fn execute(&self, scope: Scope<'_>, sql: &str, values: &[Value]) -> Result<usize, StoreError>;
}

/// Statements in one scope.
#[derive(Clone, Copy)]
pub(crate) struct Statements<'a> {
    database: &'a dyn Access,
    scope: Scope<'a>,
}

impl<'a> Statements<'a> {
    pub(crate) fn new(database: &'a dyn Access, scope: Scope<'a>) -> Self {
        Self { database, scope }
    }

    /// The same view or transaction in another scope.
    pub(crate) fn within<'b>(self, scope: Scope<'b>) -> Statements<'b>
    where
        'a: 'b,
    {
        Statements { database: self.database, scope }
    }

    pub(crate) fn query(self, table: &'static str, sql: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        self.database.query(self.scope, table, sql, values)
    }

    pub(crate) fn one(self, table: &'static str, sql: &str, values: &[Value]) -> Result<Option<Row>, StoreError> {
        Ok(self.query(table, sql, values)?.into_iter().next())
    }

    pub(crate) fn execute(self, sql: &str, values: &[Value]) -> Result<usize, StoreError> {
        self.database.execute(self.scope, sql, values)
    }
}
