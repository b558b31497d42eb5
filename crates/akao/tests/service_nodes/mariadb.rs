//! A MariaDB server of the test's own, in a folder of its own, on a port of this machine. It needs the Debian package
//! `mariadb-server-core`, and runs as the user `nobody` where the tests run as root.

use crate::{PASSWORD, certificate::Certificate, cluster::unprivileged};
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const SERVER: &str = "/usr/sbin/mariadbd";
/// What a new data directory is made of, as `mariadb-install-db` has it.
const SYSTEM: [&str; 3] = ["mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql"];
/// A small server, which need not survive a loss of power.
const SMALL: [&str; 3] =
    ["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0"];

/// A server with the database `shop` and the user `app`, that ends when it is dropped.
pub(crate) struct MariaDb {
    server: Child,
    pub(crate) port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl MariaDb {
    /// A new server, which answers; with a certificate it offers TLS.
    pub(crate) fn start(certificate: Option<&Certificate>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("a mode");
        let data = folder.path().join("data");
        prepare(&data);
        let first = folder.path().join("first.sql");
        let users = format!(
            "CREATE USER app IDENTIFIED BY '{PASSWORD}';\nCREATE DATABASE shop CHARACTER SET utf8mb4;\nGRANT ALL ON shop.* TO app;\n"
        );
        fs::write(&first, users).expect("a file");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let mut command = mariadbd(&data);
        command.arg(format!("--port={port}")).args(["--bind-address=127.0.0.1", "--skip-name-resolve"]);
        command.arg(format!("--socket={}", folder.path().join("socket").display()));
        command.arg(format!("--pid-file={}", folder.path().join("pid").display()));
        command.arg(format!("--init-file={}", first.display()));
        if let Some(certificate) = certificate {
            command.arg(format!("--ssl-cert={}", certificate.file().display()));
            command.arg(format!("--ssl-key={}", certificate.key().display()));
        }
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the server starts");
        let server = Self { server, port, _folder: folder };
        let begun = Instant::now();
        while !server.greets() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the server does not answer on port {port}");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Whether it begins its protocol, which it does when everything is ready.
    fn greets(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        stream.read(&mut [0; 4]).is_ok_and(|bytes| bytes > 0)
    }
}

/// A server over a data directory, with a place of its own for temporary tables: the names of two servers' are the same.
fn mariadbd(data: &Path) -> Command {
    let mut command = unprivileged(SERVER.into());
    let place = data.parent().unwrap_or(data);
    command
        .arg("--no-defaults")
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--tmpdir={}", place.display()));
    command.args(SMALL).current_dir("/");
    command
}

/// Makes a data directory. The usual script for it needs programs of another package.
fn prepare(data: &Path) {
    fs::create_dir(data).expect("a folder");
    fs::set_permissions(data, fs::Permissions::from_mode(0o777)).expect("a mode");
    let tables =
        SYSTEM.map(|name| fs::read_to_string(Path::new("/usr/share/mysql").join(name)).expect("what it is made of"));
    let script = format!("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n{}", tables.concat());
    let mut command = mariadbd(data);
    command.arg("--bootstrap").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut made = command.spawn().expect("`cargo xtask setup` installs the server");
    made.stdin.take().expect("its input").write_all(script.as_bytes()).expect("it reads");
    let made = made.wait_with_output().expect("it ends");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
