//! The floor: one handler that answers a document of the same length as JSON, by the same router and the same connections.

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Response, header::CONTENT_TYPE},
    routing::{MethodFilter, on},
};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};
use tokio::net::TcpListener;

/// The variable that makes this program the bare server; it holds the document that is answered.
const BARE: &str = "AKAO_BENCH_BARE";

/// A bare server in a process of its own.
pub(crate) struct Bare {
    child: Child,
    pub(crate) address: String,
}

impl Bare {
    pub(crate) fn new(document: &str) -> Self {
        let program = std::env::current_exe().expect("this program has a name");
        let mut child = Command::new(program).env(BARE, document).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut address = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut address).expect("an address");
        Self { child, address: address.trim().to_owned() }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves, when this process was started to; does not return then.
pub(crate) fn serve_as_bare() {
    let Ok(document) = std::env::var(BARE) else { return };
    // As many threads as the program under measurement has.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(serve(document));
}

async fn serve(document: String) {
    let value: serde_json::Value = serde_json::from_str(&document).expect("a document");
    let handler = move || {
        let mut response = Response::new(Body::from(value.to_string()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        async move { response }
    };
    let router: Router = Router::new().route("/document/{id}", on(MethodFilter::GET, handler));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    println!("{}", listener.local_addr().expect("an address"));
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
