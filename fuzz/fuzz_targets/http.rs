//! Any bytes as the answer of an HTTP server: the client ends in an answer within the bound or in an error, whatever the
//! head, the redirect, the framing or the compression says. The server is a thread of this process on loopback.

#![no_main]

use akao_contract::Permission;
use akao_host::{CheckedEgress, EgressOptions};
use akao_step::{Egress as _, EgressError, HttpCall};
use libfuzzer_sys::fuzz_target;
use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener},
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};
use tokio::runtime::Runtime;

/// Largest answer that is asked for.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// What the server answers, and where it is.
struct Server {
    answer: Arc<Mutex<Vec<u8>>>,
    address: SocketAddr,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port on loopback");
    let address = listener.local_addr().expect("the listener has an address");
    let answer = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let answer = shared.lock().map(|answer| answer.clone()).unwrap_or_default();
            let _ = stream.write_all(&answer).and_then(|()| stream.shutdown(Shutdown::Write));
        }
    });
    Server { answer, address }
});

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime on this thread")
});

fuzz_target!(|bytes: &[u8]| {
    let server = &*SERVER;
    *server.answer.lock().expect("nobody panics with the lock") = bytes.to_vec();
    let grants: Vec<Permission> = vec![format!("network.http={}", server.address).parse().expect("a permission")];
    let call = HttpCall {
        method: "GET".to_owned(),
        url: format!("http://{}/", server.address),
        headers: vec![],
        body: vec![],
        timeout: Duration::from_secs(5),
        redirects_max: 2,
        answer_bytes_max: ANSWER_BYTES_MAX,
    };
    let egress = CheckedEgress::new(EgressOptions { public_web: false, ca_files: vec![] });
    match RUNTIME.block_on(egress.http(&grants, call)) {
        Ok(answer) => {
            assert!(answer.body.len() as u64 <= ANSWER_BYTES_MAX && answer.url.contains(&server.address.to_string()))
        }
        Err(EgressError::Timeout(_)) => panic!("the client waits although the server has hung up"),
        Err(error) => drop(error.to_string()),
    }
});
