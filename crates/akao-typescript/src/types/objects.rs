//! What the type of an object says: which members it has, which of them must be there, and whether there may be others.

use super::names::{In, Named, name_of};
use crate::literal;
use akao_node::{Map, Value, json};
use oxc_ast::ast::{TSSignature, TSType, TSTypeParameterInstantiation, TSTypeReference};

/// What the configuration of a node has beside its props.
const CONFIGURATION: &str = "NodeConfiguration";

/// The members of an object, where they are known.
#[derive(Default)]
struct Members {
    properties: Map<String, Value>,
    required: Vec<String>,
    /// What else there may be.
    rest: Option<Value>,
}

impl Members {
    fn extend(&mut self, other: Self) {
        self.properties.extend(other.properties);
        self.required.extend(other.required);
        self.rest = self.rest.take().or(other.rest);
    }

    /// `is_closed`: whether what is not listed is a mistake.
    fn to_schema(self, is_closed: bool) -> Value {
        let mut schema = json!({"type": "object", "properties": self.properties});
        let mut required = self.required;
        required.sort_unstable();
        required.dedup();
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        match self.rest {
            Some(rest) => schema["additionalProperties"] = if is_anything(&rest) { json!(true) } else { rest },
            None if is_closed => schema["additionalProperties"] = json!(false),
            None => {}
        }
        schema
    }
}

pub(super) fn is_anything(schema: &Value) -> bool {
    schema.as_object().is_some_and(Map::is_empty)
}

impl In<'_, '_, '_> {
    /// The schema of props of this type; none where it says nothing of them.
    pub(super) fn props(self, given: &TSType<'_>, is_open: bool) -> Option<Value> {
        let members = self.members(given, 0)?;
        let says = !members.properties.is_empty() || members.rest.as_ref().is_some_and(|rest| !is_anything(rest));
        let mut schema = members.to_schema(true);
        if is_open {
            schema["additionalProperties"] = json!(true);
        }
        says.then_some(schema)
    }

    fn members(self, given: &TSType<'_>, depth: usize) -> Option<Members> {
        if !self.goes_on(depth) {
            return None;
        }
        match given {
            TSType::TSTypeLiteral(literal) => Some(self.listed(&literal.members, depth)),
            TSType::TSParenthesizedType(within) => self.members(&within.type_annotation, depth + 1),
            TSType::TSIntersectionType(all) => {
                let mut together = Members::default();
                for one in &all.types {
                    together.extend(self.members(one, depth + 1)?);
                }
                Some(together)
            }
            TSType::TSTypeReference(reference) => self.referred(reference, depth),
            _ => None,
        }
    }

    fn referred(self, reference: &TSTypeReference<'_>, depth: usize) -> Option<Members> {
        let name = name_of(&reference.type_name)?;
        let arguments = reference.type_arguments.as_deref();
        if let Some(known) = self.known(name) {
            let (there, known) = known?;
            return there.known_members(known, arguments, depth);
        }
        let argument = |at: usize| arguments.and_then(|arguments| arguments.params.get(at));
        match name {
            "Readonly" | "Required" => self.members(argument(0)?, depth + 1),
            "Partial" => Some(Members { required: Vec::new(), ..self.members(argument(0)?, depth + 1)? }),
            "Record" if matches!(argument(0)?, TSType::TSStringKeyword(_)) => {
                Some(Members { rest: Some(self.schema(argument(1)?, depth + 1)), ..Members::default() })
            }
            _ => None,
        }
    }

    fn known_members(
        self,
        known: Named<'_, '_>,
        arguments: Option<&TSTypeParameterInstantiation<'_>>,
        depth: usize,
    ) -> Option<Members> {
        match known {
            _ if arguments.is_some() => None,
            Named::Alias(alias) if alias.type_parameters.is_none() => self.members(&alias.type_annotation, depth + 1),
            Named::Interface(interface) if interface.type_parameters.is_none() => {
                let mut members = Members::default();
                for base in &interface.extends {
                    let name = name_of(&base.type_name)?;
                    match self.known(name) {
                        Some(Some((there, known))) if self.goes_on(depth + 1) => {
                            members.extend(there.known_members(known, base.type_arguments.as_deref(), depth + 1)?);
                        }
                        None | Some(None) if name == CONFIGURATION => {}
                        _ => return None,
                    }
                }
                members.extend(self.listed(&interface.body.body, depth));
                Some(members)
            }
            _ => None,
        }
    }

    fn listed(self, signatures: &[TSSignature<'_>], depth: usize) -> Members {
        let mut members = Members::default();
        for signature in signatures {
            match signature {
                TSSignature::TSPropertySignature(property) => {
                    let Some(name) = literal::key(&property.key).filter(|_| !property.computed) else {
                        members.rest = Some(json!({}));
                        continue;
                    };
                    let given = property.type_annotation.as_ref();
                    let schema = given.map_or(json!({}), |given| self.schema(&given.type_annotation, depth + 1));
                    // What may be `undefined` need not be there.
                    let is_optional = property.optional
                        || given.is_none_or(|given| self.may_be_undefined(&given.type_annotation, depth));
                    if !is_optional {
                        members.required.push(name.clone());
                    }
                    members.properties.insert(name, schema);
                }
                TSSignature::TSIndexSignature(index) => {
                    members.rest = Some(self.schema(&index.type_annotation.type_annotation, depth + 1));
                }
                TSSignature::TSMethodSignature(method) => {
                    let name = literal::key(&method.key);
                    members.properties.extend(name.map(|name| (name, json!({}))));
                }
                _ => {}
            }
        }
        members
    }

    pub(super) fn object(self, given: &TSType<'_>, depth: usize) -> Value {
        // A value may have more members than its type: that is no mistake within props.
        self.members(given, depth).map_or(json!({}), |members| members.to_schema(false))
    }
}
