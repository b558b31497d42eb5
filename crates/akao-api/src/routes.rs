//! The table of routes: one module for each group, each with its routes and their handlers.

mod accounts;
mod audit;
mod catalogue;
mod custom_nodes;
mod debugger;
mod device;
mod executions;
pub(crate) mod history;
mod hooks;
mod large_values;
mod members;
mod oidc;
mod operation;
mod packages;
mod roles;
mod runners;
mod schedules;
mod secrets;
mod services;
mod session;
mod setup;
mod tasks;
mod teams;
mod tenants;
mod tokens;
mod webhooks;
mod workflows;

use crate::{live, route::Route};
use std::sync::LazyLock;

/// Every route.
pub fn table() -> &'static [Route] {
    static TABLE: LazyLock<Vec<Route>> = LazyLock::new(|| {
        let groups = [
            operation::routes(),
            setup::routes(),
            session::routes(),
            device::routes(),
            oidc::routes(),
            accounts::routes(),
            tenants::routes(),
            tokens::routes(),
            members::routes(),
            services::routes(),
            roles::routes(),
            teams::routes(),
            workflows::routes(),
            custom_nodes::routes(),
            executions::routes(),
            history::routes(),
            large_values::routes(),
            catalogue::routes(),
            runners::routes(),
            packages::routes(),
            schedules::routes(),
            hooks::routes(),
            webhooks::routes(),
            live::routes(),
            debugger::routes(),
            tasks::routes(),
            secrets::routes(),
            audit::routes(),
        ];
        groups.into_iter().flatten().collect()
    });
    &TABLE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, route::Takes};
    use std::collections::BTreeSet;

    #[test]
    fn every_route_has_a_place_and_a_name_of_its_own() {
        let names: BTreeSet<&str> = table().iter().map(|route| route.operation).collect();
        let places: BTreeSet<String> = table().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
        assert_eq!((names.len(), places.len()), (table().len(), table().len()));
    }

    /// What is open to everybody is a decision; this list is where it is reviewed.
    #[test]
    fn what_anyone_may_ask_is_listed() {
        let open = table().iter().filter(|route| route.access == Access::Anyone);
        let open: Vec<String> = open.map(|route| format!("{} {}", route.method, route.path)).collect();
        let expected = [
            "GET /healthz",
            "GET /readyz",
            "GET /api/v1/openapi.json",
            "GET /api/v1/openapi-3.0.json",
            "GET /reference",
            "GET /reference.js",
            "GET /reference.css",
            "GET /setup",
            "GET /setup.js",
            "GET /api/v1/setup",
            "POST /api/v1/setup",
            "POST /api/v1/session",
            "POST /api/v1/session/reset",
            "GET /device",
            "GET /device.js",
            "POST /api/v1/device",
            "POST /api/v1/device/token",
            "GET /api/v1/oidc",
            "GET /api/v1/oidc/{provider}/login",
            "POST /api/v1/oidc/{provider}/login",
            "GET /api/v1/oidc/{provider}/callback",
            "POST /api/v1/members/join",
            "POST /hooks/{tenant}/{hook}",
        ];
        assert_eq!(open, expected);
    }

    #[test]
    fn only_methods_that_change_something_take_a_body() {
        let reads = table().iter().filter(|route| matches!(route.method.as_str(), "GET" | "DELETE"));
        for route in reads {
            assert_eq!(route.takes, Takes::Nothing, "{}", route.operation);
        }
    }
}
