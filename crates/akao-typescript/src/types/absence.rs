//! Whether what is of a type may also be missing.

use super::names::{In, Named, name_of};
use oxc_ast::ast::{TSType, TSTypeReference};

impl In<'_, '_, '_> {
    /// Whether `undefined` is of a type, as far as the type and its aliases say so; what is worked out from others may be.
    pub(super) fn may_be_undefined(self, given: &TSType<'_>, depth: usize) -> bool {
        match given {
            TSType::TSUndefinedKeyword(_)
            | TSType::TSVoidKeyword(_)
            | TSType::TSAnyKeyword(_)
            | TSType::TSUnknownKeyword(_)
            | TSType::TSIndexedAccessType(_)
            | TSType::TSConditionalType(_)
            | TSType::TSTypeQuery(_) => true,
            TSType::TSUnionType(union) => union.types.iter().any(|one| self.may_be_undefined(one, depth + 1)),
            TSType::TSParenthesizedType(within) => self.may_be_undefined(&within.type_annotation, depth + 1),
            TSType::TSTypeReference(reference) => self.alias_may_be_undefined(reference, depth),
            _ => false,
        }
    }

    fn alias_may_be_undefined(self, reference: &TSTypeReference<'_>, depth: usize) -> bool {
        let known = name_of(&reference.type_name).and_then(|name| self.known(name));
        let Some(Some((there, Named::Alias(alias)))) = known else { return false };
        if !self.goes_on(depth) {
            return true;
        }
        // It may be whatever it is given, and that is given where nothing is said as well.
        let given = reference.type_arguments.iter().flat_map(|given| &given.params);
        let mut may = given.map(|one| self.may_be_undefined(one, depth + 1));
        let parameters = alias.type_parameters.iter().flat_map(|parameters| &parameters.params);
        let has_default = parameters.into_iter().any(|one| one.default.is_some());
        has_default || may.any(|may| may) || there.may_be_undefined(&alias.type_annotation, depth + 1)
    }
}
