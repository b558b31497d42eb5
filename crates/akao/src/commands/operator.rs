//! `akao operator`: who looks after a server, somebody else for it when nobody can sign in as that any more, and the end of a tenant.

use crate::{
    belongs,
    cli::Context,
    exit::Exit,
    failure::Failure,
    live::steps::timestamp,
    output::table,
    store::{StoreArgs, no_server},
    wiring,
};
use akao_contract::Tenant;
use akao_platform::{Appointment, Code, Deletion, Error};
use serde_json::{Value, json};
use url::Url;

/// Commands about the operator of a server.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show who looks after the server.
    Show(ShowArgs),
    /// Let somebody else look after the server, and give a link by which they choose a password; the server may run meanwhile.
    Appoint(AppointArgs),
    /// Delete a tenant with everything of it; a server that runs does it within a minute, otherwise the next one that is started.
    DeleteTenant(DeleteTenantArgs),
}

/// Arguments of `akao operator show`.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    store: StoreArgs,
}

/// Arguments of `akao operator appoint`.
#[derive(Debug, clap::Args)]
pub(crate) struct AppointArgs {
    /// The address of an account that is there, perhaps that of the operator who lost the password.
    email: String,
    /// A tenant that the account owns from now on, where it belongs to none.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<Tenant>,
    /// Take the second factor away with the old password.
    #[arg(long)]
    second_factor: bool,
    /// The address by which the server is reached, for the link.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8420")]
    url: Url,
    #[command(flatten)]
    store: StoreArgs,
}

/// Arguments of `akao operator delete-tenant`.
#[derive(Debug, clap::Args)]
pub(crate) struct DeleteTenantArgs {
    /// The tenant.
    tenant: String,
    /// Its name once more: what is deleted does not come back.
    #[arg(long, value_name = "TENANT")]
    confirm: String,
    /// Cancel executions that have not ended; otherwise they keep the tenant.
    #[arg(long)]
    cancel: bool,
    #[command(flatten)]
    store: StoreArgs,
}

/// Runs a command.
pub(crate) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Show(args) => show(args, context),
        Command::Appoint(args) => appoint(args, context),
        Command::DeleteTenant(args) => delete_tenant(args, context),
    }
}

/// Platform data that are there: a mistyped folder is not to become a server.
fn store(args: &StoreArgs, context: &Context) -> Result<akao_store::Store, Failure> {
    let folder = wiring::data_dir(context)?;
    if args.keys(&folder)?.load()?.is_empty() && !belongs::is_of_server(&folder)? {
        return Err(no_server());
    }
    args.open_there(&folder)
}

fn show(args: &ShowArgs, context: &Context) -> Result<Exit, Failure> {
    let found = akao_platform::operators(&store(&args.store, context)?).map_err(refused)?;
    if found.is_empty() {
        return Err(Failure::not_found("nobody looks after this server")
            .hint("`akao operator appoint ADDRESS` names somebody; a new server is set up by its link."));
    }
    let output = &context.output;
    if output.json {
        let one = |found: &akao_platform::OperatorFound| -> Value {
            let tenants: Vec<Value> = found
                .memberships
                .iter()
                .map(|membership| json!({"tenant": membership.tenant, "role": membership.role}))
                .collect();
            let user = &found.user;
            json!({"user": user.id, "email": user.email, "name": user.name, "disabled": user.disabled, "memberships": tenants})
        };
        output.document(&json!({"operators": found.iter().map(one).collect::<Vec<_>>()}))?;
        return Ok(Exit::Success);
    }
    let row = |found: &akao_platform::OperatorFound| {
        let tenants: Vec<String> =
            found.memberships.iter().map(|membership| format!("{} ({})", membership.tenant, membership.role)).collect();
        vec![found.user.email.clone(), found.user.name.clone(), found.user.id.clone(), tenants.join(", ")]
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    output.text(&table(&["ADDRESS", "NAME", "ACCOUNT", "TENANTS"], &rows))?;
    Ok(Exit::Success)
}

fn appoint(args: &AppointArgs, context: &Context) -> Result<Exit, Failure> {
    let appointment =
        Appointment { email: args.email.clone(), tenant: args.tenant.clone(), drops_totp: args.second_factor };
    let store = store(&args.store, context)?;
    let appointed = akao_platform::appoint(&store, &appointment, wiring::now_ms()).map_err(refused)?;
    let url = args.url.as_str().trim_end_matches('/');
    // What follows `#` is not sent to servers, so that it stands in no log on the way.
    let link = format!("{url}/reset#{}", appointed.code.expose());
    let output = &context.output;
    if output.json {
        let instead_of: Vec<&str> = appointed.instead_of.iter().map(|user| user.email.as_str()).collect();
        output.document(&json!({
            "user": appointed.user.id, "email": appointed.user.email, "instead_of": instead_of, "link": link,
            "code": appointed.code.expose(), "expires_at": timestamp(appointed.expires_ms),
        }))?;
        return Ok(Exit::Success);
    }
    output.note(&format!(
        "{} looks after the server; one that runs knows it within a minute. Whoever opens this link first chooses the password:",
        appointed.user.email
    ));
    output.line(&link)?;
    output.note("It works once, within a day. The password before it stays good until then.");
    Ok(Exit::Success)
}

fn delete_tenant(args: &DeleteTenantArgs, context: &Context) -> Result<Exit, Failure> {
    let deletion = Deletion { tenant: args.tenant.clone(), confirmed: args.confirm.clone(), cancels: args.cancel };
    let store = store(&args.store, context)?;
    let journal = wiring::reader_if_any(&wiring::data_dir(context)?)?;
    let decided = akao_platform::delete_tenant(&store, journal.as_ref(), &deletion, wiring::now_ms());
    let tenant = decided.map_err(refused)?.name;
    let output = &context.output;
    if output.json {
        output.document(&json!({"tenant": tenant, "deleted": "decided"}))?;
        return Ok(Exit::Success);
    }
    output.line(&format!(
        "{tenant} is deleted and its keys are destroyed; a server that runs lets nobody of it in any more within 15 seconds"
    ))?;
    output.note("That server removes the rest within a minute, otherwise the next one that is started here.");
    output.note(
        "What others keep for it stays, such as its secrets in a Vault: remove them there before another tenant gets its name, which would have them.",
    );
    Ok(Exit::Success)
}

fn refused(error: Error) -> Failure {
    let failure = match error.code {
        Code::NotFound => Failure::not_found(error.message),
        Code::Invalid | Code::Conflict => Failure::usage(error.message),
        _ => Failure::storage(error.message),
    };
    match error.suggestion {
        Some(suggestion) => failure.hint(suggestion),
        None => failure,
    }
}
