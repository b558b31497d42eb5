//! TLS: who is trusted, which name must match, and HTTP/2 where the server offers it.

use crate::server::{Names, grants};
use akao_host::{CheckedEgress, EgressOptions};
use akao_step::{Egress, EgressError, HttpAnswer, HttpCall};
use http_body_util::Full;
use hyper::{Request, Response, Version, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use std::{convert::Infallible, path::PathBuf, sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A server for `secure.example` that tells the HTTP version of each request, and its certificate as a file.
async fn server(protocols: &[&str], folder: &tempfile::TempDir) -> (u16, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["secure.example".to_owned()]).unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(socket).await else { continue };
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            tokio::spawn(async move {
                let io = TokioIo::new(stream);
                if http2 {
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    drop(server.serve_connection(io, service_fn(tell)).await);
                } else {
                    drop(hyper::server::conn::http1::Builder::new().serve_connection(io, service_fn(tell)).await);
                }
            });
        }
    });
    (port, file)
}

async fn tell(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let version = if request.version() == Version::HTTP_2 { "2" } else { "1.1" };
    let authority = request.uri().authority().map(ToString::to_string);
    let host = authority.or_else(|| Some(request.headers().get("host")?.to_str().ok()?.to_owned()));
    Ok(Response::new(Full::new(format!("{version} {}", host.unwrap_or_default()).into())))
}

async fn get(port: u16, ca_files: Vec<PathBuf>, host: &str) -> Result<HttpAnswer, EgressError> {
    let names = Names::of(&[("secure.example", &["127.0.0.1"]), ("other.example", &["127.0.0.1"])]);
    let egress = CheckedEgress::with_resolver(EgressOptions { ca_files, ..EgressOptions::default() }, Arc::new(names));
    let call = HttpCall {
        method: "GET".into(),
        url: format!("https://{host}:{port}/"),
        headers: vec![],
        body: vec![],
        timeout: Duration::from_secs(10),
        redirects_max: 0,
        answer_bytes_max: 1000,
    };
    egress.http(&grants(&["network.http=secure.example:*", "network.http=other.example:*"]), call).await
}

#[tokio::test]
async fn http_2_is_spoken_where_it_is_offered() {
    let folder = tempfile::tempdir().unwrap();
    for (protocols, version) in [(&["h2", "http/1.1"][..], "2"), (&["http/1.1"], "1.1"), (&[], "1.1")] {
        let (port, file) = server(protocols, &folder).await;
        let got = get(port, vec![file], "secure.example").await.unwrap();
        assert_eq!(String::from_utf8(got.body).unwrap(), format!("{version} secure.example:{port}"));
    }
}

#[tokio::test]
async fn only_trusted_certificates_with_the_right_name_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let (port, file) = server(&["h2"], &folder).await;
    for (files, host, expected) in [
        (vec![], "secure.example", "UnknownIssuer"),
        (vec![file], "other.example", "not valid for name"),
        (vec![folder.path().join("none.pem")], "secure.example", "none.pem cannot be used"),
    ] {
        let error = get(port, files, host).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
