//! The server over loopback, by real clients: the checked way out of the program, and requests written by hand.

mod support;

use akao_contract::Permission;
use akao_host::{CheckedEgress, EgressOptions};
use akao_repository::{
    Access, EgressFetch, Folder, Kind, Limits, NewRepository, Online, Repository, Roles, Settings, serve,
};
use akao_step::{Egress, HttpAnswer, HttpCall};
use jiff::Timestamp;
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use support::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn running(dir: &Path, settings: Settings) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let dir = dir.to_owned();
    let task = tokio::spawn(async move {
        serve(dir, listener, settings, async { drop(stopped.await) }).await.unwrap();
    });
    Running { address, stop, task }
}

impl Running {
    async fn end(self) {
        drop(self.stop);
        self.task.await.unwrap();
    }

    async fn get(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> HttpAnswer {
        let call = HttpCall {
            method: method.into(),
            url: format!("http://{}{path}", self.address),
            headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            body: Vec::new(),
            timeout: Duration::from_secs(10),
            redirects_max: 0,
            answer_bytes_max: 1 << 20,
        };
        egress().http(&grants(self.address), call).await.unwrap()
    }

    /// The answer to bytes as they are.
    async fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        // A connection that is reset after its answer has answered.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

fn egress() -> Arc<dyn Egress> {
    Arc::new(CheckedEgress::new(EgressOptions::default()))
}

fn grants(address: SocketAddr) -> Vec<Permission> {
    vec![format!("network.http={address}").parse().unwrap()]
}

fn header<'a>(answer: &'a HttpAnswer, name: &str) -> &'a str {
    answer.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

fn access(ground: &Ground, address: SocketAddr, state: &str) -> Access {
    let fetch = EgressFetch::new(&format!("http://{address}"), egress(), grants(address)).unwrap();
    let state = ground.temp.path().join(state);
    Access { fetch: Arc::new(fetch), root: ground.root.clone(), state, limits: Limits::default() }
}

#[tokio::test]
async fn a_client_installs_over_http() {
    let ground = Ground::filled();
    let server = running(ground.folder.dir(), Settings::default()).await;
    let repository = Repository::open(access(&ground, server.address, "http"), start()).await.unwrap();
    let (enrich, version) = (id("com.example.enrich"), "1.0.0".parse().unwrap());
    let into = ground.temp.path().join("downloads");
    let downloaded = repository.download(&enrich, &version, &into, start()).await.unwrap();
    assert_eq!(fs::read(downloaded.archive).unwrap(), archive("com.example.enrich", "1.0.0"));
    // What is published while the server runs is there at once.
    publish(&ground.folder, "com.example.enrich", "1.1.0", start());
    let repository = Repository::open(access(&ground, server.address, "http"), start()).await.unwrap();
    assert_eq!(repository.index().package(&enrich).unwrap().releases.len(), 2);
    server.end().await;
}

#[tokio::test]
async fn any_web_server_will_do() {
    let ground = Ground::filled();
    let Ok(mut python) = Command::new("/usr/bin/python3")
        .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"])
        .current_dir(ground.folder.dir())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
    else {
        eprintln!("skipped: there is no Python");
        return;
    };
    let mut line = String::new();
    let mut output = std::io::BufReader::new(python.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    let port: u16 = line.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or_else(|| panic!("{line}"));
    let opened = Repository::open(access(&ground, ([127, 0, 0, 1], port).into(), "python"), start()).await;
    python.kill().unwrap();
    python.wait().unwrap();
    assert_eq!(opened.unwrap().index().len(), 2);
}

#[tokio::test]
async fn files_are_answered_whole_in_parts_and_only_when_they_are_new() {
    let ground = Ground::filled();
    let server = running(ground.folder.dir(), Settings::default()).await;
    let part = format!("/{}", named(ground.folder.dir(), "targets", "index-"));
    let whole = server.get("GET", &part, &[]).await;
    assert_eq!((whole.status, header(&whole, "content-type")), (200, "application/zstd"));
    assert_eq!(header(&whole, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header(&whole, "x-content-type-options"), "nosniff");
    let tag = header(&whole, "etag").to_owned();
    assert!(part.contains(tag.trim_matches('"')), "{tag}");

    let same = server.get("GET", &part, &[("if-none-match", &format!("\"x\", W/{tag}"))]).await;
    assert_eq!((same.status, same.body.len(), header(&same, "etag")), (304, 0, tag.as_str()));

    let piece = server.get("GET", &part, &[("range", "bytes=2-5")]).await;
    assert_eq!((piece.status, piece.body.as_slice()), (206, &whole.body[2..6]));
    assert_eq!(header(&piece, "content-range"), format!("bytes 2-5/{}", whole.body.len()));
    let same = server.get("GET", &part, &[("range", "bytes=2-5"), ("if-range", &tag)]).await;
    assert_eq!(same.status, 206);
    let other = server.get("GET", &part, &[("range", "bytes=2-5"), ("if-range", "\"other\"")]).await;
    assert_eq!((other.status, other.body == whole.body), (200, true));
    let beyond = server.get("GET", &part, &[("range", "bytes=99999999-")]).await;
    assert_eq!((beyond.status, header(&beyond, "content-range")), (416, &*format!("bytes */{}", whole.body.len())));

    let head = server.get("HEAD", &part, &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(header(&head, "content-length"), whole.body.len().to_string());

    let stamp = server.get("GET", "/metadata/timestamp.json", &[]).await;
    assert_eq!((header(&stamp, "cache-control"), header(&stamp, "content-type")), ("no-cache", "application/json"));
    ground.folder.refresh(&[key(1)], start()).unwrap();
    let again = server.get("GET", "/metadata/timestamp.json", &[("if-none-match", header(&stamp, "etag"))]).await;
    assert_eq!(again.status, 200, "it is another one now");
    let missing = server.get("GET", "/metadata/2.root.json", &[]).await;
    assert_eq!((missing.status, header(&missing, "cache-control")), (404, "no-store"));
    server.end().await;
}

#[tokio::test]
async fn nothing_else_is_served() {
    let ground = Ground::filled();
    let dir = ground.folder.dir();
    fs::write(dir.join("secret.txt"), "secret").unwrap();
    fs::write(ground.temp.path().join("outside.txt"), "secret").unwrap();
    fs::write(dir.join("targets/.hidden"), "secret").unwrap();
    fs::create_dir(dir.join("targets/folder")).unwrap();
    std::os::unix::fs::symlink(ground.temp.path().join("outside.txt"), dir.join("targets/link.akao")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.join("targets/pipe.akao"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    let server = running(dir, Settings::default()).await;
    for path in [
        "/secret.txt",
        "/.lock",
        "/targets/",
        "/targets",
        "/targets/folder",
        "/targets/.hidden",
        "/targets/link.akao",
        "/targets/pipe.akao",
        "/targets/../secret.txt",
        "/targets/%2e%2e/secret.txt",
        "/targets/..%2f..%2foutside.txt",
        "/targets/..\\secret.txt",
        "//etc/passwd",
        "/metadata//etc/passwd",
        "/metadata/../../outside.txt",
        "/metadata/timestamp.json%00.png",
        "/metadata/timestamp.json/",
    ] {
        let answer =
            server.raw(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await;
        let refused = answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 400");
        assert!(refused && !answer.contains("secret\r\n") && !answer.ends_with("secret"), "{path}: {answer}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        let request = format!("{method} /metadata/timestamp.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = server.raw(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("allow: GET, HEAD"), "{method}: {answer}");
    }
    server.end().await;
}

#[tokio::test]
async fn requests_without_measure_are_cut_off_and_others_go_on() {
    let ground = Ground::filled();
    let settings = Settings { head_timeout: Duration::from_millis(200), ..Settings::default() };
    let server = running(ground.folder.dir(), settings).await;
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(500));
    for request in [long, many, "\u{0}\u{1}\u{2}\r\n\r\n".to_owned()] {
        let answer = server.raw(request.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    // Whoever never finishes the headers is cut off, here after the time for them.
    let answer = server.raw(b"GET / HTTP/1.1\r\nhost: x\r\n").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    assert_eq!(server.get("GET", "/", &[]).await.status, 200);
    server.end().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let ground = Ground::filled();
    let settings = Settings { connections_max: 2, head_timeout: Duration::from_millis(300), ..Settings::default() };
    let server = running(ground.folder.dir(), settings).await;
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(TcpStream::connect(server.address).await.unwrap());
    }
    // The ten send nothing and are cut off two by two; then it is this one's turn.
    assert_eq!(server.get("GET", "/", &[]).await.status, 200);
    drop(held);
    server.end().await;
}

#[tokio::test]
async fn a_request_under_way_is_finished_when_the_server_stops() {
    let ground = Ground::filled();
    let server = running(ground.folder.dir(), Settings::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /metadata/1.root.json HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0u8; 12];
    stream.read_exact(&mut first).await.unwrap();
    let address = server.address;
    server.end().await;
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with("}\n"), "the answer is complete: {rest}");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_search_answers_from_the_index_as_it_is() {
    let ground = Ground::filled();
    let server = running(ground.folder.dir(), Settings::default()).await;
    let search = |answer: HttpAnswer| -> serde_json::Value { serde_json::from_slice(&answer.body).unwrap() };
    let found = search(server.get("GET", "/search?q=enrihc", &[]).await);
    assert_eq!(found["hits"][0]["id"], "com.example.enrich");
    assert_eq!(found["hits"][0]["corrected"], true);
    assert_eq!(search(server.get("GET", "/search?q=weather", &[]).await)["hits"].as_array().unwrap().len(), 0);
    publish(&ground.folder, "com.example.weather", "1.0.0", start());
    let found = search(server.get("GET", "/search?q=weather&limit=1", &[]).await);
    assert_eq!(found["hits"][0]["id"], "com.example.weather");
    for bad in ["/search?q=x&limit=0", "/search?limit=1000", &format!("/search?q={}", "x".repeat(300))] {
        let answer = server.get("GET", bad, &[]).await;
        assert_eq!((answer.status, header(&answer, "content-type")), (400, "application/problem+json"), "{bad}");
    }
    server.end().await;
}

#[tokio::test]
async fn online_keys_keep_a_served_repository_valid() {
    let temp = tempfile::tempdir().unwrap();
    let folder = Folder::at(temp.path().join("repository"));
    let one = |number: u8| akao_repository::Holders::one(key(number).public());
    let roles = Roles { root: one(1), targets: one(2), snapshot: one(3), timestamp: one(3) };
    let new = NewRepository { name: "Served".into(), kind: Kind::Served, roles };
    let root = folder.init(&new, &[key(1), key(2), key(3)], start()).unwrap();
    let later = Arc::new(Mutex::new(days(2)));
    let clock = later.clone();
    let online = Online {
        keys: vec![key(3)],
        clock: Arc::new(move || -> Timestamp { *clock.lock().unwrap() }),
        told: Arc::new(|_| {}),
    };
    let before = fs::read(folder.dir().join("metadata/timestamp.json")).unwrap();
    let server = running(folder.dir(), Settings { online: Some(online), ..Settings::default() }).await;
    let stamp = folder.dir().join("metadata/timestamp.json");
    for _ in 0..500 {
        if fs::read(&stamp).unwrap() != before {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_ne!(fs::read(&stamp).unwrap(), before, "it was signed again");
    let fetch = EgressFetch::new(&format!("http://{}/", server.address), egress(), grants(server.address)).unwrap();
    let access = Access {
        fetch: Arc::new(fetch),
        root: akao_repository::TrustedRoot::new(root),
        state: temp.path().join("state"),
        limits: Limits::default(),
    };
    let repository = Repository::open(access, days(2)).await.unwrap();
    assert_eq!(repository.valid_until(), days(3));
    server.end().await;
}

#[tokio::test]
async fn it_speaks_https_with_the_given_certificate() {
    let ground = Ground::filled();
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = certified.cert.der().clone();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).unwrap();
    let server_side = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let file = ground.temp.path().join("ca.pem");
    fs::write(&file, certified.cert.pem()).unwrap();
    let server =
        running(ground.folder.dir(), Settings { tls: Some(Arc::new(server_side)), ..Settings::default() }).await;
    let egress = Arc::new(CheckedEgress::new(EgressOptions { ca_files: vec![file], ..EgressOptions::default() }));
    let granted = vec![format!("network.http=localhost:{}", server.address.port()).parse().unwrap()];
    let fetch = EgressFetch::new(&format!("https://localhost:{}", server.address.port()), egress, granted).unwrap();
    let access = ground.access(fetch);
    assert_eq!(Repository::open(access, start()).await.unwrap().index().len(), 2);
    // Whoever speaks no TLS is not answered.
    let answer = server.raw(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(!answer.contains("200 OK"), "{answer}");
    server.end().await;
}

#[test]
fn places_of_repositories_are_plain_urls() {
    for good in ["https://packages.example.com", "http://127.0.0.1:8080/deep/", "https://example.com/a"] {
        assert!(EgressFetch::new(good, egress(), Vec::new()).is_ok(), "{good}");
    }
    for bad in
        ["", "example.com", "file:///tmp", "ftp://x", "https://user:word@example.com", "https://x/?q", "https://x/#a"]
    {
        assert!(EgressFetch::new(bad, egress(), Vec::new()).is_err(), "{bad}");
    }
}
