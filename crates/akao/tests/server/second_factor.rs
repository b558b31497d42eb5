//! The second factor, and new passwords by the operator. The test is the device: it makes codes as the specification says.

use crate::server::{PASSWORD, Person, Server};
use rustix::process::Signal;
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

/// The code that a device shows, so many steps of 30 seconds from now.
fn code(seed: &str, steps: i64) -> String {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: String = seed.chars().map(|letter| format!("{:05b}", LETTERS.find(letter).expect("base 32"))).collect();
    let key: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
    let step = i64::try_from(now / 30).expect("a number") + steps;
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = aws_lc_rs::hmac::sign(&key, &step.to_be_bytes());
    let from = usize::from(tag.as_ref()[19] & 15);
    let word = u32::from_be_bytes(tag.as_ref()[from..from + 4].try_into().expect("four bytes"));
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

fn sign_in(server: &Server, totp: Option<&str>) -> crate::server::Answer {
    let mut body = json!({"email": "ada@example.com", "password": PASSWORD});
    if let Some(totp) = totp {
        body["totp"] = json!(totp);
    }
    server.anybody().post("/api/v1/session", &[], &body)
}

/// Gives a person a second factor; the seed and the recovery codes. The code of the step before now is used up.
fn enrol(person: &Person<'_>) -> (String, Vec<String>) {
    let made = person.post("/api/v1/me/totp", &[], &json!({"password": PASSWORD})).is(200).body;
    let seed = made["seed"].as_str().expect("a seed").to_owned();
    let uri = made["uri"].as_str().expect("an address");
    assert!(uri.starts_with("otpauth://totp/Akao%3Aada%40example.com?secret=") && uri.contains(&seed), "{uri}");
    let confirmed = person.post("/api/v1/me/totp/confirm", &[], &json!({"code": code(&seed, -1)})).is(200).body;
    let codes = confirmed["recovery_codes"].as_array().expect("codes").iter();
    (seed, codes.map(|code| code.as_str().expect("a code").to_owned()).collect())
}

#[test]
fn a_password_alone_is_not_enough_and_a_code_counts_once() {
    let server = Server::new();
    let owner = server.owner();
    let token = owner.new_token(None);
    owner.post("/api/v1/me/totp", &[], &json!({"password": "wrong horse battery"})).refuses(403, "forbidden");
    server.token(&token).post("/api/v1/me/totp", &[], &json!({"password": PASSWORD})).refuses(403, "forbidden");
    owner.post("/api/v1/me/totp/confirm", &[], &json!({"code": "123456"})).refuses(409, "conflict");
    owner.post("/api/v1/me/totp", &[], &json!({"password": PASSWORD})).is(200);
    owner.post("/api/v1/me/totp/confirm", &[], &json!({"code": "abcdef"})).refuses(403, "forbidden");
    sign_in(&server, None).is(201);
    let (seed, recovery) = enrol(&owner);
    assert_eq!(recovery.len(), 10);
    assert_eq!(owner.get("/api/v1/me").is(200).body["second_factor"], true);
    owner.post("/api/v1/me/totp", &[], &json!({"password": PASSWORD})).refuses(409, "conflict");
    sign_in(&server, None).refuses(401, "second_factor_required");
    sign_in(&server, Some("000000x")).refuses(401, "unauthenticated");
    sign_in(&server, Some(&code(&seed, 5))).refuses(401, "unauthenticated");
    let now = code(&seed, 0);
    sign_in(&server, Some(&now)).is(201);
    sign_in(&server, Some(&now)).refuses(401, "unauthenticated");
    sign_in(&server, Some(&code(&seed, -1))).refuses(401, "unauthenticated");
    // What is on paper works once, as people type it.
    sign_in(&server, Some(&recovery[0].to_lowercase().replace('-', " "))).is(201);
    sign_in(&server, Some(&recovery[0])).refuses(401, "unauthenticated");
    // Whoever only knows the address is not told that there is one.
    let wrong = json!({"email": "ada@example.com", "password": "wrong horse battery"});
    server.anybody().post("/api/v1/session", &[], &wrong).refuses(401, "unauthenticated");
    // An invitation does not lead around it.
    let invited = owner.post("/api/v1/tenants", &[], &json!({"tenant": "globex", "owner": "ada@example.com"})).is(201);
    let mut joined = json!({"code": invited.body["code"], "password": PASSWORD});
    server.anybody().post("/api/v1/members/join", &[], &joined).refuses(401, "second_factor_required");
    joined["totp"] = json!(recovery[1]);
    server.anybody().post("/api/v1/members/join", &[], &joined).is(201);
    owner.post("/api/v1/me/totp/disable", &[], &json!({"password": "wrong horse battery"})).refuses(403, "forbidden");
    owner.post("/api/v1/me/totp/disable", &[], &json!({"password": PASSWORD})).is(204);
    sign_in(&server, None).is(201);
}

#[test]
fn whoever_guesses_codes_is_slowed_down_and_no_seed_is_kept_in_the_clear() {
    let mut server = Server::new();
    let (seed, recovery) = {
        let owner = server.owner();
        let made = enrol(&owner);
        for _ in 0..10 {
            sign_in(&server, Some("123456x")).refuses(401, "unauthenticated");
        }
        let refused = sign_in(&server, Some(&code(&made.0, 0))).refuses(429, "too_many_requests");
        assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| (1..=300).contains(&seconds)));
        made
    };
    server.end(Signal::TERM);
    for entry in std::fs::read_dir(server.folder.path()).expect("a folder") {
        let path = entry.expect("an entry").path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        for secret in std::iter::once(&seed).chain(&recovery) {
            let plain = secret.replace('-', "");
            let found = [secret, &plain]
                .iter()
                .any(|secret| bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
            assert!(!found, "{secret} is in {}", path.display());
        }
    }
}

#[test]
fn the_operator_lets_somebody_choose_a_new_password() {
    let server = Server::new();
    let owner = server.owner();
    let editor = server.member(&owner, "editor");
    let stranger = server.other_owner(&owner, "globex");
    let ask = json!({"email": "editor@example.com", "second_factor": true});
    stranger.post("/api/v1/password-resets", &[], &ask).refuses(403, "forbidden");
    owner.post("/api/v1/password-resets", &[], &json!({"email": "nobody@example.com"})).refuses(404, "not_found");
    let first = owner.post("/api/v1/password-resets", &[], &ask).is(201).body;
    let given = owner.post("/api/v1/password-resets", &[], &ask).is(201).body;
    let new = "another horse battery staple";
    let reset = |code: &serde_json::Value, password: &str| {
        server.anybody().post("/api/v1/session/reset", &[], &json!({"code": code, "password": password}))
    };
    reset(&first["code"], new).refuses(403, "forbidden");
    reset(&json!("akao_reset_guess"), new).refuses(403, "forbidden");
    reset(&given["code"], "short").refuses(400, "invalid_request");
    editor.get("/api/v1/me").is(200);
    reset(&given["code"], new).is(204);
    reset(&given["code"], new).refuses(403, "forbidden");
    editor.get("/api/v1/me").refuses(401, "unauthenticated");
    let sign_in = |password: &str| {
        server.anybody().post("/api/v1/session", &[], &json!({"email": "editor@example.com", "password": password}))
    };
    sign_in(PASSWORD).refuses(401, "unauthenticated");
    sign_in(new).is(201);
    let lines = owner.get("/api/v1/audit").is(200).body;
    let what: Vec<&str> =
        lines["items"].as_array().expect("lines").iter().filter_map(|line| line["what"].as_str()).take(2).collect();
    assert_eq!(what, ["session.begun", "password.reset"]);
}
