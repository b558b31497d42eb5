//! What a search finds, in which order, and how fast it is not allowed to be slow.

use super::*;
use crate::testing::{index_of, release};

fn index() -> Index {
    let named = |name: &str, description: &str| {
        let mut release = release("1.0.0");
        release.name = name.to_owned();
        release.description = description.to_owned();
        release
    };
    let mut inventory = named("Inventory", "Lists machines of the data centre");
    inventory.capabilities = vec!["inventory.list".into(), "info.facts".into()];
    let mut mailer = named("Mailer", "Sends invoices and other letters");
    mailer.permissions = vec!["network.tcp=mail.example.com:587".into()];
    let mut old = named("Old mailer", "Sends letters");
    old.deprecated = Some("Use com.example.mailer.".into());
    index_of([
        ("com.example.enrich", vec![named("Enrich orders", "Adds customer data to orders")]),
        ("com.example.inventory", vec![inventory]),
        ("com.example.mailer", vec![mailer]),
        ("com.example.old-mailer", vec![old]),
        ("com.example.stock", vec![named("Stock", "Keeps an inventory of goods")]),
        ("com.example.empty", vec![]),
    ])
}

fn found(query: &str) -> Vec<String> {
    let search = Search::of(&index());
    search.find(query, 10).into_iter().map(|hit| hit.package.id.as_str()["com.example.".len()..].to_owned()).collect()
}

#[test]
fn every_field_is_searched_and_the_better_match_is_first() {
    for (query, expected) in [
        ("enrich", vec!["enrich"]),
        ("ORDERS customer", vec!["enrich"]),
        ("inventory", vec!["inventory", "stock"]),
        ("inventory.list", vec!["inventory"]),
        ("capability:inventory.list", vec!["inventory"]),
        ("capability:info", vec!["inventory"]),
        ("permission:network.tcp", vec!["mailer"]),
        ("permission:mail", vec!["mailer"]),
        ("mailer", vec!["mailer", "old-mailer"]),
        ("com.example.stock", vec!["stock"]),
        ("letters invoices", vec!["mailer"]),
        ("nothing-like-this", vec![]),
        ("enrich nothing-like-this", vec![]),
    ] {
        assert_eq!(found(query), expected, "{query}");
    }
}

#[test]
fn slips_of_the_hand_are_forgiven() {
    for query in ["inventroy", "invntory", "inventoryy", "inwentory"] {
        assert_eq!(found(query)[0], "inventory", "{query}");
    }
    let index = index();
    let search = Search::of(&index);
    assert!(search.find("inventroy", 1)[0].corrected);
    assert!(!search.find("inven", 1)[0].corrected, "a beginning is no slip");
    assert_eq!(found("enr"), ["enrich"], "a beginning");
    assert_eq!(found("xnr"), [""; 0], "a short word is not corrected");
}

#[test]
fn any_text_is_a_query() {
    assert_eq!(found("").len(), 5, "all of them");
    let long = "x".repeat(100_000);
    for query in [":", "capability:", "a:b:c", "💥", "\u{0}", "  ", "ſtraße", long.as_str()] {
        let _ = found(query);
    }
}

#[test]
fn the_number_of_answers_is_bounded() {
    let index = index();
    assert_eq!(Search::of(&index).find("", 2).len(), 2);
    assert_eq!(Search::of(&index).find("mailer", 0), []);
}

#[test]
fn what_does_not_count_takes_nobodys_place() {
    let index = index();
    let search = Search::of(&index);
    let all = search.find("inventory", 10);
    assert!(all.len() > 1, "{all:?}");
    let best = all[0].package.id.clone();
    let others = search.find_among("inventory", all.len() - 1, |package| package.id != best);
    assert_eq!(others.len(), all.len() - 1);
    assert!(others.iter().all(|hit| hit.package.id != best));
    assert!(search.find_among("", 10, |_| false).is_empty());
}
