//! Packages of the server, for its operator: found in repositories, installed and updated after having agreed to what was shown,
//! enabled, disabled, taken back and taken away. What tenants see of them is in `catalogue.rs`.

use super::{catalogue::named, tokens::PAGE};
use crate::{
    Access,
    answer::Answer,
    route::{Answering, Call, Gives, Parameter, Place, Route, Takes, route},
};
use akao_platform::{Actor, Code, Error, PackageOrder, PackageSwitch, Platform};
use serde::Deserialize;
use serde_json::{Value, json};

const SEARCH: &[Parameter] = &[Parameter {
    place: Place::Query,
    name: "query",
    what: "Words; slips of the pen are corrected. `capability:NAME` and `permission:NAME` look there only.",
}];

const VERSION: &[Parameter] =
    &[Parameter { place: Place::Query, name: "version", what: "One version of it, instead of all of the package." }];

const REFUSES: &[Code] = &[Code::NotFound, Code::Conflict];

/// Most packages that a search answers.
const HITS_MAX: usize = 50;

/// Longest query, in bytes.
const QUERY_BYTES_MAX: usize = 400;

/// The answer of a route that changes what is installed.
const DONE: &[(u16, Gives)] = &[(200, Gives::Json("PackagesDone"))];

pub(super) fn routes() -> Vec<Route> {
    let operator = Access::Operator;
    vec![
        route!(GET "/api/v1/packages/search", operator, "search_packages",
            "Packages of the repositories that the server knows, best first.",
            Takes::Nothing, &[(200, Gives::Json("PackagesFound"))], search, parameters: SEARCH, refuses: REFUSES),
        route!(GET "/api/v1/packages/repositories", operator, "list_repositories",
            "The repositories that the server knows, and when the kill list of each was looked at last. None is asked.",
            Takes::Nothing, &[(200, Gives::Page("Repository"))], repositories, parameters: PAGE,
            refuses: &[Code::Conflict]),
        route!(POST "/api/v1/packages/preview", operator, "preview_packages",
            "What would be installed or updated, and what somebody has to agree to; nothing is written.",
            Takes::Json("PackageOrder"), &[(200, Gives::Json("PackagePlan"))], preview, refuses: REFUSES),
        route!(POST "/api/v1/packages/install", operator, "install_package",
            "Installs a package from a repository, when it is still what was agreed to.",
            Takes::Json("AgreedOrder"), DONE, install, refuses: REFUSES),
        route!(POST "/api/v1/packages/update", operator, "update_packages",
            "Updates a package, or all of them, when the update is still what was agreed to.",
            Takes::Json("AgreedOrder"), DONE, update, refuses: REFUSES),
        route!(POST "/api/v1/packages/{package}/enable", operator, "enable_package",
            "Lets workflows use a package again.", Takes::Nothing, DONE, enable, refuses: REFUSES),
        route!(POST "/api/v1/packages/{package}/disable", operator, "disable_package",
            "Keeps workflows from using a package: none that does is started any more.",
            Takes::Json("DisablePackage"), DONE, disable, refuses: REFUSES),
        route!(POST "/api/v1/packages/{package}/rollback", operator, "rollback_package",
            "Makes the version before the one that is used where none is named.",
            Takes::Nothing, DONE, rollback, refuses: REFUSES),
        route!(DELETE "/api/v1/packages/{package}", operator, "uninstall_package",
            "Takes a package away, unless workflows or executions are pinned to it.",
            Takes::Nothing, DONE, uninstall, parameters: VERSION, refuses: REFUSES),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderBody {
    #[serde(default)]
    update: bool,
    package: Option<String>,
    versions: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgreedBody {
    package: Option<String>,
    versions: Option<String>,
    consent: String,
    #[serde(default)]
    grants: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisableBody {
    reason: String,
}

/// What is to be installed or updated.
fn order(update: bool, package: Option<String>, versions: Option<String>) -> Result<PackageOrder, Error> {
    match (update, package, versions) {
        (true, package, None) => Ok(PackageOrder::Update { package }),
        (true, _, Some(_)) => Err(Error::invalid("an update takes no `versions`")
            .hint("It goes to the newest version that fits; install the version that you want.")),
        (false, Some(package), versions) => Ok(PackageOrder::Install { package, versions }),
        (false, None, _) => Err(Error::invalid("`package` is missing").hint("Name one, such as `com.example.enrich`.")),
    }
}

fn done(events: &[Value]) -> Answer {
    Answer::json(&json!({"done": events}))
}

fn search(call: Call) -> Answering {
    Box::pin(async move {
        let query = call.query.get("query").unwrap_or_default().trim().to_owned();
        if query.is_empty() || query.len() > QUERY_BYTES_MAX {
            return Err(Error::invalid(format!("`query` is a few words of at most {QUERY_BYTES_MAX} bytes")));
        }
        let found = call.blocking(move |platform, _| platform.search_packages(&query, HITS_MAX)).await?;
        Ok(Answer::json(&found))
    })
}

fn repositories(call: Call) -> Answering {
    Box::pin(async move {
        let all = call.blocking(|platform, _| platform.repositories()).await?;
        named(&call, all, &["repository"])
    })
}

fn preview(call: Call) -> Answering {
    Box::pin(async move {
        let OrderBody { update, package, versions } = call.json()?;
        let order = order(update, package, versions)?;
        let plan = call.blocking(move |platform, _| platform.preview_packages(&order)).await?;
        Ok(Answer::json(&plan))
    })
}

fn install(call: Call) -> Answering {
    carry_out(call, false)
}

fn update(call: Call) -> Answering {
    carry_out(call, true)
}

fn carry_out(call: Call, update: bool) -> Answering {
    Box::pin(async move {
        let AgreedBody { package, versions, consent, grants } = call.json()?;
        let order = order(update, package, versions)?;
        let work = move |platform: &Platform, actor: &Actor| platform.order_packages(actor, &order, &consent, &grants);
        Ok(done(&call.blocking(work).await?))
    })
}

fn enable(call: Call) -> Answering {
    switch(call, PackageSwitch::Enable)
}

fn rollback(call: Call) -> Answering {
    switch(call, PackageSwitch::Rollback)
}

fn disable(call: Call) -> Answering {
    match call.json() {
        Ok(DisableBody { reason }) => switch(call, PackageSwitch::Disable { reason }),
        Err(error) => Box::pin(async move { Err(error) }),
    }
}

fn switch(call: Call, switch: PackageSwitch) -> Answering {
    Box::pin(async move {
        let work =
            move |platform: &Platform, actor: &Actor, package: &str| platform.switch_package(actor, package, &switch);
        Ok(done(&call.about("package", work).await?))
    })
}

fn uninstall(call: Call) -> Answering {
    Box::pin(async move {
        let version = call.query.get("version").map(str::to_owned);
        let work = move |platform: &Platform, actor: &Actor, package: &str| {
            platform.uninstall_package(actor, package, version.as_deref())
        };
        Ok(done(&call.about("package", work).await?))
    })
}
