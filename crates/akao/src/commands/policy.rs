//! `akao policy`: what a data directory demands of packages before they are installed, shown and changed.

use super::packages::refused;
use crate::{
    acts::{self, Intent},
    cli::Context,
    commands::key::public_key,
    exit::Exit,
    failure::Failure,
    output::{Output, table},
    publisher::PublisherPlaces,
    wiring,
};
use akao_contract::{BareNumber, format_duration_ms, parse_duration_ms};
use akao_install::{Places, change_policy, read_policy};
use akao_package::{
    PublicKey,
    trust::{Policy, Prefix, SignatureRule},
};
use clap::ValueEnum;
use serde_json::{Value, json};

/// Every command of `akao policy`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show what is demanded.
    Show(ShowArgs),
    /// Change what is named, and leave the rest as it is.
    Set(SetArgs),
}

/// Arguments of `akao policy show`.
#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {}

/// Arguments of `akao policy set`.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("changes").required(true).multiple(true)))]
pub(crate) struct SetArgs {
    /// The signature of packages from repositories.
    #[arg(long, value_enum, value_name = "RULE", group = "changes")]
    repository: Option<Rule>,
    /// The signature of packages from git repositories.
    #[arg(long, value_enum, value_name = "RULE", group = "changes")]
    git: Option<Rule>,
    /// The signature of `.akao` files.
    #[arg(long, value_enum, value_name = "RULE", group = "changes")]
    file: Option<Rule>,
    /// The signature of folders.
    #[arg(long, value_enum, value_name = "RULE", group = "changes")]
    folder: Option<Rule>,
    /// How long after its publication an update is not taken by itself, such as `3d`; `0s` for not at all.
    #[arg(long, value_name = "DURATION", value_parser = duration, group = "changes")]
    cool_down: Option<u64>,
    /// Take packages below this prefix, such as `com.example.`, and those of no other publisher; may be given again.
    #[arg(long = "publisher", value_name = "PREFIX", group = "changes")]
    publishers: Vec<Prefix>,
    /// Take packages of every publisher.
    #[arg(long, conflicts_with = "publishers", group = "changes")]
    any_publisher: bool,
    /// The key that may sign the operator's kill list, and no other one; may be given again.
    #[arg(long = "kill-list-key", value_name = "KEY|FILE|NAME", group = "changes")]
    kill_list_keys: Vec<String>,
    /// Keep no kill list of the operator: one that is kept does not hold any more.
    #[arg(long, conflicts_with = "kill_list_keys", group = "changes")]
    no_kill_list: bool,
}

/// What is demanded of a signature, as it is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rule {
    /// A valid signature by a key that is trusted for the package.
    Trusted,
    /// A key that is not known yet is shown, and after consent the package is bound to it.
    FirstUse,
    /// No signature is needed; one that does not hold is refused nevertheless.
    Optional,
}

impl From<Rule> for SignatureRule {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Trusted => Self::Trusted,
            Rule::FirstUse => Self::FirstUse,
            Rule::Optional => Self::Optional,
        }
    }
}

fn duration(text: &str) -> Result<u64, String> {
    parse_duration_ms(text, BareNumber::Refused).map_err(|error| error.to_string())
}

/// Carries out one of the commands.
pub(crate) fn run(command: &Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Show(_) => show(context),
        Command::Set(args) => set(args, context),
    }
}

fn show(context: &Context) -> Result<Exit, Failure> {
    let places = Places::new(wiring::data_dir(context)?);
    let policy = read_policy(&places).map_err(|error| refused(&error, error.suggestion()))?;
    let output = &context.output;
    if output.json {
        output.document(&to_json(&policy))?;
    } else {
        output.text(&table(&["DEMAND", "VALUE"], &rows(&policy)))?;
        output.note("Change it with `akao policy set`.");
    }
    Ok(Exit::Success)
}

fn set(args: &SetArgs, context: &Context) -> Result<Exit, Failure> {
    let own = PublisherPlaces::of(context)?;
    let keys = args.kill_list_keys.iter().map(|text| public_key(text, &own)).collect::<Result<Vec<_>, _>>()?;
    let places = Places::new(own.root());
    let now = read_policy(&places).map_err(|error| refused(&error, error.suggestion()))?;
    let mut wanted = now.clone();
    args.apply(&mut wanted, keys.clone());
    if wanted == now {
        tell(&now, &[], &context.output)?;
        return Ok(Exit::Success);
    }
    let lines = |changes: &[Change]| changes.iter().map(Change::line).collect::<Vec<_>>();
    let intent = Intent::on_settings("", "changing_policy", json!({"changes": lines(&differences(&now, &wanted))}));
    let (after, changes) = acts::change_settings(own.root(), intent, || {
        let changed = change_policy(&places, |policy| args.apply(policy, keys));
        let (before, after) = changed.map_err(|error| refused(&error, error.suggestion()))?;
        let changes = differences(&before, &after);
        let document = json!({"what": "policy", "changes": lines(&changes)});
        Ok(((after, changes), document))
    })?;
    tell(&after, &changes, &context.output)?;
    Ok(Exit::Success)
}

impl SetArgs {
    fn apply(&self, policy: &mut Policy, keys: Vec<PublicKey>) {
        let rules = [
            (self.repository, &mut policy.repository),
            (self.git, &mut policy.git),
            (self.file, &mut policy.file),
            (self.folder, &mut policy.folder),
        ];
        for (wanted, place) in rules {
            *place = wanted.map_or(*place, SignatureRule::from);
        }
        policy.cool_down_ms = self.cool_down.unwrap_or(policy.cool_down_ms);
        if self.any_publisher {
            policy.allowed_publishers = None;
        } else if !self.publishers.is_empty() {
            policy.allowed_publishers = Some(self.publishers.clone());
        }
        if self.no_kill_list || !keys.is_empty() {
            policy.kill_list_keys = keys;
        }
    }
}

/// One demand that is another now.
struct Change {
    demand: String,
    from: String,
    to: String,
}

impl Change {
    fn line(&self) -> String {
        format!("{}: {}, was {}", self.demand, self.to, self.from)
    }
}

fn differences(before: &Policy, after: &Policy) -> Vec<Change> {
    let pairs = rows(before).into_iter().zip(rows(after));
    let change = |(before, after): (Vec<String>, Vec<String>)| match (&before[..], &after[..]) {
        ([demand, from], [_, to]) if from != to => {
            Some(Change { demand: demand.clone(), from: from.clone(), to: to.clone() })
        }
        _ => None,
    };
    pairs.filter_map(change).collect()
}

fn tell(after: &Policy, changes: &[Change], output: &Output) -> Result<(), Failure> {
    if output.json {
        let changes: Vec<Value> =
            changes.iter().map(|one| json!({"demand": one.demand, "from": one.from, "to": one.to})).collect();
        let mut document = to_json(after);
        document["changes"] = json!(changes);
        return output.document(&document);
    }
    if changes.is_empty() {
        output.note("It is so already.");
    }
    changes.iter().try_for_each(|change| output.line(&change.line()))
}

/// The demands with their values, in the order of the file.
fn rows(policy: &Policy) -> Vec<Vec<String>> {
    let publishers = policy.allowed_publishers.as_ref();
    let publishers = publishers.map_or("any".to_owned(), |prefixes| listed(prefixes.iter().map(Prefix::to_string)));
    let keys = listed(policy.kill_list_keys.iter().map(|key| key.fingerprint().to_string()));
    let cool_down = match policy.cool_down_ms {
        0 => "none".to_owned(),
        ms => format_duration_ms(ms),
    };
    let rows = [
        ("signature of packages from repositories", rule(policy.repository).to_owned()),
        ("signature of packages from git", rule(policy.git).to_owned()),
        ("signature of files", rule(policy.file).to_owned()),
        ("signature of folders", rule(policy.folder).to_owned()),
        ("publishers", publishers),
        ("age of automatic updates", cool_down),
        ("keys of the kill list", keys),
    ];
    rows.map(|(demand, value)| vec![demand.to_owned(), value]).into()
}

fn listed(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    if values.is_empty() { "none".to_owned() } else { values.join(", ") }
}

fn rule(rule: SignatureRule) -> &'static str {
    match rule {
        SignatureRule::Trusted => "by a trusted key",
        SignatureRule::FirstUse => "by the key of the first time",
        SignatureRule::Optional => "optional",
    }
}

fn to_json(policy: &Policy) -> Value {
    let keys: Vec<_> = policy.kill_list_keys.iter().map(PublicKey::fingerprint).collect();
    json!({
        "repository": policy.repository, "git": policy.git, "file": policy.file, "folder": policy.folder,
        "publishers": policy.allowed_publishers, "cool_down": format_duration_ms(policy.cool_down_ms),
        "kill_list_keys": keys,
    })
}
