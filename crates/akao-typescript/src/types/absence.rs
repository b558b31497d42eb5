//! Whether what is of a type may also be missing. A type of which nothing is known, such as one of a package, may be `undefined`
//! like anything else: TypeScript takes a type that it does not find for `any`, too. Whoever knows that it must be there finds out
//! when the step runs; whoever was refused for leaving out what may be left out could do nothing about it.

use super::names::{In, Named, name_of};
use oxc_ast::ast::{TSType, TSTypeAliasDeclaration, TSTypeName, TSTypeReference};

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
            | TSType::TSImportType(_)
            | TSType::TSTypeQuery(_) => true,
            TSType::TSUnionType(union) => union.types.iter().any(|one| self.may_be_undefined(one, depth + 1)),
            TSType::TSIntersectionType(all) => all.types.iter().all(|one| self.may_be_undefined(one, depth + 1)),
            TSType::TSParenthesizedType(within) => self.may_be_undefined(&within.type_annotation, depth + 1),
            TSType::TSTypeReference(reference) => self.named_may_be_undefined(reference, depth),
            _ => false,
        }
    }

    fn named_may_be_undefined(self, reference: &TSTypeReference<'_>, depth: usize) -> bool {
        match name_of(&reference.type_name).map(|name| (name, self.known(name))) {
            Some((_, Some(Some((there, Named::Alias(alias)))))) => {
                self.alias_may_be_undefined(there, alias, reference, depth)
            }
            Some((_, Some(known))) => known.is_none(),
            Some((name, None)) => self.made_may_be_undefined(name, reference, depth),
            // Of a module as a whole, which is not followed, or one of an enumeration's values.
            None => !self.is_of_enumeration(&reference.type_name),
        }
    }

    fn alias_may_be_undefined(
        self,
        there: Self,
        alias: &TSTypeAliasDeclaration<'_>,
        reference: &TSTypeReference<'_>,
        depth: usize,
    ) -> bool {
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

    /// What the language itself has under a name that is declared nowhere: most of it is there, some is what it is made of.
    fn made_may_be_undefined(self, name: &str, reference: &TSTypeReference<'_>, depth: usize) -> bool {
        let argument = |at: usize| reference.type_arguments.as_ref().and_then(|given| given.params.get(at));
        let may = |at: usize| argument(at).is_some_and(|one| self.may_be_undefined(one, depth + 1));
        match name {
            "Awaited" | "Extract" | "NoInfer" | "Partial" | "Readonly" | "Required" => may(0),
            "Exclude" => may(0) && !matches!(argument(1), Some(TSType::TSUndefinedKeyword(_))),
            "ReturnType" | "ThisParameterType" => true,
            _ => false,
        }
    }

    fn is_of_enumeration(self, name: &TSTypeName<'_>) -> bool {
        let TSTypeName::QualifiedName(name) = name else { return false };
        let known = name_of(&name.left).and_then(|left| self.known(left));
        matches!(known, Some(Some((_, Named::Enum(_)))))
    }
}
