//! What a node would see and may do: manifest, grants and caps in, an explanation out.

use akao_contract::Permission;
use akao_contract::manifest::{Limit, ResourceCaps};
use akao_manifest::{Explanation, explain, read};

const MANIFEST: &str = "manifest: 1
id: com.example.enrich
name: Enrich orders
version: 1.2.0
runtime: { type: python, command: ./main.py, args: [--mode, server] }
permissions:
  - filesystem.read: [volume://orders]
  - filesystem.write: [volume://orders/out]
  - network.http: { hosts: [\"*.example.com:443\", api.other.example] }
  - network.tcp
  - secrets: [CRM_TOKEN]
  - system.exec: [jq]
resources: { memory: 512MB, cpu: 1 }
";

fn explained(grants: &[&str], caps: &ResourceCaps) -> Explanation {
    let parsed = read(MANIFEST).unwrap();
    let grants: Vec<Permission> = grants.iter().map(|text| text.parse().unwrap()).collect();
    explain(&parsed.manifest, &parsed.permissions, &grants, caps)
}

fn places(explanation: &Explanation) -> Vec<String> {
    let mode = |writable| if writable { "rw" } else { "ro" };
    explanation.sees.iter().map(|seen| format!("{} {}", seen.path, mode(seen.writable))).collect()
}

#[test]
fn without_grants_there_is_nothing_but_the_base() {
    let explanation = explained(&[], &ResourceCaps::default());
    assert_eq!(places(&explanation), ["/usr ro", "/etc ro", "/package ro", "/workspace rw", "/tmp rw"]);
    assert_eq!(explanation.command, ["/package/main.py", "--mode", "server"]);
    assert!(explanation.reaches.is_empty() && explanation.secrets.is_empty() && explanation.runs.is_empty());
    let told: Vec<String> = explanation
        .asks
        .iter()
        .map(|asked| {
            assert!(!asked.complete && asked.granted.is_empty());
            format!("{} {}", asked.position.unwrap().line, asked.grant.as_deref().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [
            "7 --grant filesystem.read=volume://orders",
            "8 --grant filesystem.write=volume://orders/out",
            "9 --grant network.http=*.example.com:443",
            "9 --grant network.http=api.other.example",
            "10 --grant network.tcp=HOST:PORT",
            "11 --grant secrets=CRM_TOKEN --secret CRM_TOKEN=env:CRM_TOKEN",
            "12 --grant system.exec=jq",
        ]
    );
}

#[test]
fn what_holds_is_as_narrow_as_both_sides_say() {
    let grants = [
        "filesystem.read=volume://orders/2024",
        "filesystem.write=volume://orders",
        "network.http=api.example.com:443",
        "network.http=api.other.example:443",
        "network.http=elsewhere.example:443",
        "network.tcp=db.example.com:5432",
        "secrets=CRM_TOKEN",
        "secrets=OTHER",
        "system.exec=jq",
    ];
    let explanation = explained(&grants, &ResourceCaps::default());
    assert_eq!(places(&explanation)[5..], ["/volumes/orders/2024 ro", "/volumes/orders/out rw"]);
    assert_eq!(explanation.reaches, ["api.example.com:443", "api.other.example:443", "db.example.com:5432"]);
    assert_eq!(explanation.secrets, ["CRM_TOKEN"]);
    assert_eq!(explanation.runs, ["jq"]);
    let complete: Vec<bool> = explanation.asks.iter().map(|asked| asked.complete).collect();
    assert_eq!(complete, [false, true, false, false, true, true, true]);
    let unused: Vec<String> = explanation.unused_grants.iter().map(Permission::to_string).collect();
    assert_eq!(unused, ["network.http=elsewhere.example:443", "secrets=OTHER"]);
}

#[test]
fn a_host_without_a_port_is_reached_at_the_ports_of_the_web() {
    let explanation = explained(&["network.http=api.other.example"], &ResourceCaps::default());
    assert_eq!(explanation.reaches, ["api.other.example:443", "api.other.example:80"]);
}

#[test]
fn a_grant_that_nobody_asks_for_is_told() {
    let text = MANIFEST.replace("  - network.tcp\n", "");
    let parsed = read(&text).unwrap();
    let grants = ["network.tcp=db.example.com:5432".parse().unwrap()];
    let explanation = explain(&parsed.manifest, &parsed.permissions, &grants, &ResourceCaps::default());
    assert_eq!(explanation.unused_grants, grants);
    assert!(explanation.reaches.is_empty());
}

#[test]
fn caps_narrow_the_limits_and_are_told() {
    let caps = ResourceCaps { memory_bytes: Some(256_000_000), timeout_ms: Some(60_000), ..ResourceCaps::default() };
    let explanation = explained(&[], &caps);
    let memory = &explanation.limits[0];
    assert_eq!((memory.limit, memory.asked.as_str(), memory.held.as_str()), (Limit::Memory, "512MB", "256MB"));
    let capped: Vec<Limit> = explanation.limits.iter().filter(|held| held.capped).map(|held| held.limit).collect();
    assert_eq!(capped, [Limit::Memory]);
}
