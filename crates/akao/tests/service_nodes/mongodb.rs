//! `dev.akao.mongodb` against a server that speaks its protocol. Debian has no MongoDB; what stands in for it is in
//! `nodes/services/stand-ins`.

use crate::{Installed, PASSWORD, certificate::Certificate, desk::users, standin::StandIn};
use serde_json::{Value, json};

/// A server on which `app` must sign in; with a certificate it speaks TLS alone.
fn server(certificate: Option<&Certificate>) -> StandIn {
    let mut given = json!({"user": "app", "password": PASSWORD});
    if let Some(certificate) = certificate {
        given["cert"] = json!(certificate.file());
        given["key"] = json!(certificate.key());
    }
    StandIn::start("mongodb.mjs", &given)
}

fn installed(user: u32, server: &StandIn) -> Installed {
    let usual = json!({
        "host": "127.0.0.1", "port": server.port, "user": "app", "tls": "none", "database": "shop", "collection": "item",
    });
    Installed::new(user, "mongodb", "MONGODB_PASSWORD", usual, &[server.host()])
}

/// An operation with what it takes.
fn operation(name: &str, mut more: Value) -> Value {
    more["operation"] = json!(name);
    more
}

fn find(filter: Value, parameters: Value) -> Value {
    operation("find", json!({"filter": filter, "parameters": parameters}))
}

#[test]
fn documents_are_put_in_found_changed_and_taken_out() {
    for user in users() {
        let server = server(None);
        let first = json!({
            "_id": 1, "name": "${input.name}", "price": {"$numberDecimal": "1.10"}, "at": {"$date": "2026-02-01T00:05:00Z"},
            "big": {"$numberLong": "9007199254740993"}, "raw": {"$binary": {"base64": "AP8=", "subType": "00"}}, "n": 5,
            "half": 0.5, "list": [1, null, {"$oid": "507f1f77bcf86cd799439011"}],
        });
        let bound = json!({"$parameter": "name"});
        let ended = installed(user, &server).steps(&[
            operation("insert", json!({"documents": [first, {"_id": 2, "name": "$name", "n": 7}, {"name": "c", "n": 9}]})),
            find(json!({"name": bound}), json!({"name": "${input.name}"})),
            find(json!({"name": "${input.name}"}), json!({})),
            operation("count", json!({"filter": {"n": {"$gte": {"$parameter": "least"}}}, "parameters": {"least": 7}})),
            operation(
                "aggregate",
                json!({
                    "pipeline": [{"$match": {"name": bound}}, {"$project": {"name": 1, "said": bound}}, {"$limit": {"$parameter": "most"}}],
                    "parameters": {"name": "$name", "most": 1},
                }),
            ),
            operation("update", json!({"filter": {"_id": 2}, "update": {"$set": {"name": bound}, "$inc": {"n": 1}}, "parameters": {"name": "b"}})),
            operation("update", json!({"filter": {"_id": 5}, "update": {"$set": {"n": 1}}, "upsert": true})),
            operation("find", json!({"sort": {"n": -1}, "skip": 1, "limit": 1, "projection": {"_id": 1, "n": 1}})),
            operation("delete", json!({"filter": {"n": {"$lt": 9}}, "many": true})),
            operation("count", json!({})),
        ]);
        let ids = &ended[0].outputs()["ids"];
        assert_eq!((&ended[0].outputs()["affected"], &ids[1]), (&json!(3), &json!(2)));
        assert!(ids[2]["$oid"].as_str().is_some_and(|id| id.len() == 24), "{ids}");
        let mut expected = first.clone();
        expected["name"] = json!("Robert'); drop table item; --");
        assert_eq!(ended[1].outputs()["documents"], json!([expected]));
        assert_eq!(ended[2].outputs()["documents"], json!([]), "a filter is never a template");
        assert_eq!(ended[3].outputs()["count"], 2);
        assert_eq!(ended[4].outputs()["documents"], json!([{"name": "$name", "said": "$name"}]), "a text is no field");
        assert_eq!((&ended[5].outputs()["count"], &ended[5].outputs()["affected"]), (&json!(1), &json!(1)));
        assert_eq!((&ended[6].outputs()["count"], &ended[6].outputs()["affected"]), (&json!(0), &json!(1)));
        assert_eq!(ended[7].outputs()["documents"], json!([{"_id": 2, "n": 8}]));
        assert_eq!(ended[8].outputs()["affected"], 3);
        assert_eq!(ended[9].outputs()["count"], 1);
    }
}

#[test]
fn more_than_allowed_is_an_error_unless_it_is_said_otherwise() {
    let server = server(None);
    let many: Vec<Value> = (0..500).map(|id| json!({"_id": id})).collect();
    let ended = installed(users()[0], &server).steps(&[
        operation("insert", json!({"documents": many})),
        operation("find", json!({"maxRows": 499})),
        operation("find", json!({"maxBytes": 100})),
        operation("find", json!({"maxRows": 2, "truncate": true})),
        operation("find", json!({"maxRows": 500})),
    ]);
    ended[1].failed("resource", "more than `maxRows`, 499", false);
    ended[2].failed("resource", "more than `maxBytes`, 100", false);
    let truncated = ended[3].outputs();
    assert_eq!((&truncated["documents"], &truncated["truncated"]), (&json!([{"_id": 0}, {"_id": 1}]), &json!(true)));
    assert_eq!((&ended[4].outputs()["count"], &ended[4].outputs()["truncated"]), (&json!(500), &json!(false)));
}

#[test]
fn values_hold_no_operators_and_refusals_have_a_kind() {
    let server = server(None);
    let bound = json!({"name": {"$parameter": "name"}});
    let cases = [
        (find(bound.clone(), json!({"name": {"$ne": null}})), "input", "holds `$ne`", false),
        (find(bound.clone(), json!({"name": {"a": [{"$gt": 1}]}})), "input", "holds `$gt`", false),
        (
            find(bound.clone(), json!({"name": {"$regularExpression": {"pattern": ".", "options": ""}}})),
            "input",
            "holds `BSONRegExp`",
            false,
        ),
        (find(bound, json!({"other": 1})), "input", "which are: other", false),
        (
            find(json!({"$or": [{"$where": {"$parameter": "code"}}]}), json!({"code": "true"})),
            "input",
            "`$where` runs what it holds",
            false,
        ),
        (find(json!({"x": {"$oid": "short"}}), json!({})), "input", "not Extended JSON", false),
        (operation("update", json!({"update": {"name": "x"}})), "input", "operators such as `$set`", false),
        (operation("insert", json!({})), "input", "`insert` needs `documents`", false),
        (operation("insert", json!({"documents": [{"_id": 1}, {"_id": 1}]})), "user", "E11000", false),
        (operation("aggregate", json!({"pipeline": [{"$none": 1}]})), "user", "Unrecognized pipeline stage", false),
        (operation("find", json!({"user": "stranger"})), "permission", "Authentication failed", false),
        (operation("find", json!({"user": null})), "permission", "requires authentication", false),
        (operation("find", json!({"port": 1, "timeout": 2000})), "connection", "`detail.grant`", true),
        (operation("find", json!({"host": "db.example.com", "timeout": 2000})), "connection", "is not known", true),
    ];
    let props: Vec<Value> = cases.iter().map(|(props, ..)| props.clone()).collect();
    let ended = installed(users()[0], &server).steps(&props);
    for ((_, kind, words, retryable), ended) in cases.iter().zip(&ended) {
        ended.failed(kind, words, *retryable);
    }
    let doubled = cases.iter().position(|(_, _, words, _)| *words == "E11000").expect("it is among them");
    assert_eq!(ended[doubled].error["detail"]["code"], 11000);
}

#[test]
fn a_certificate_is_verified_unless_it_is_said_otherwise() {
    let (certificate, other) = (Certificate::new(), Certificate::new());
    let server = server(Some(&certificate));
    let secure = |ca: Option<&str>| operation("count", json!({"tls": "verify", "ca": ca, "timeout": 4000}));
    let ended = installed(users()[0], &server).steps(&[
        secure(Some(&certificate.pem)),
        secure(None),
        secure(Some(&other.pem)),
        secure(Some("no certificate")),
        operation("count", json!({"timeout": 4000})),
    ]);
    assert_eq!(ended[0].outputs()["count"], 0);
    ended[1].failed("protocol", "TLS with 127.0.0.1", false);
    ended[2].failed("protocol", "TLS with 127.0.0.1", false);
    ended[3].failed("input", "`ca` holds no certificate", false);
    ended[4].failed("connection", "127.0.0.1", true);
}
