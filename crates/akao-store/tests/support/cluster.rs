//! A PostgreSQL server of the tests' own, in a folder of its own, on a port of this machine.
//!
//! It needs the Debian package `postgresql` (the programs under `/usr/lib/postgresql/*/bin`). The server refuses to run as
//! root, so as root it is started as the user `nobody`. It ends with the last test that uses it, by its process id.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses a part of it, and what it sets up fails by panicking"
)]

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// The superuser of the cluster, and the password of every user in it.
pub(crate) const SUPERUSER: &str = "me";
pub(crate) const PASSWORD: &str = "word";

/// The cluster that tests of one process share.
static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());

/// Numbers the databases of a process.
static NEXT: AtomicU32 = AtomicU32::new(1);

/// A cluster that ends when it is dropped.
pub(crate) struct Cluster {
    server: Mutex<Option<Child>>,
    pub(crate) port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The newest installed server's programs.
fn programs() -> PathBuf {
    let found = std::fs::read_dir("/usr/lib/postgresql").map(|entries| entries.flatten().map(|entry| entry.path()));
    let newest = found.into_iter().flatten().filter(|path| path.join("bin/initdb").exists()).max();
    newest.expect("install the Debian package `postgresql`").join("bin")
}

/// A command that does not run as root.
pub(crate) fn unprivileged(program: PathBuf) -> Command {
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]).arg(program);
    command
}

impl Cluster {
    /// The cluster of this process; the first that asks starts it.
    pub(crate) fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = shared.upgrade() {
            return cluster;
        }
        let cluster = Arc::new(Self::start());
        *shared = Arc::downgrade(&cluster);
        cluster
    }

    /// A new cluster, which answers.
    pub(crate) fn start() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        let made = unprivileged(programs().join("initdb"))
            .args(["--username", SUPERUSER, "--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync"])
            .arg("--pwfile")
            .arg(&password)
            .arg("--pgdata")
            .arg(folder.path().join("data"))
            .current_dir("/")
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { server: Mutex::default(), port, folder };
        cluster.run();
        cluster
    }

    /// Starts the server again where it was.
    pub(crate) fn run(&self) {
        let server = unprivileged(programs().join("postgres"))
            .args(["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
            .args(["-c", "max_connections=300", "-p", &self.port.to_string()])
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
        let deadline = Instant::now() + Duration::from_secs(30);
        let ready = || {
            let mut command = Command::new(programs().join("pg_isready"));
            command.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]).status()
        };
        while !ready().unwrap().success() {
            assert!(Instant::now() < deadline, "the server does not answer on port {}", self.port);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the server at once; its data stay.
    pub(crate) fn stop(&self) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut server) = server else { return };
        // Only this signal ends it together with the processes of its connections.
        let quit = Command::new("kill").args(["-QUIT", &server.id().to_string()]).status();
        if !quit.is_ok_and(|status| status.success()) {
            let _ = server.kill();
        }
        let _ = server.wait();
    }

    /// Runs statements as the superuser.
    pub(crate) fn sql(&self, database: &str, statements: &str) -> String {
        let output = Command::new(programs().join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(["-U", SUPERUSER, "-d", database, "-c", statements])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .unwrap();
        assert!(output.status.success(), "{statements}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}

/// A database of its own in a cluster, with an owner who is no superuser.
pub(crate) struct Database {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) name: String,
}

impl Database {
    /// A new database in the cluster of this process.
    pub(crate) fn new() -> Self {
        Self::within(Cluster::shared())
    }

    /// A new database in a cluster.
    pub(crate) fn within(cluster: Arc<Cluster>) -> Self {
        let name = format!("akao_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let roles = format!(
            "DO $$ BEGIN CREATE ROLE akao_app NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$;
             CREATE ROLE {name}_owner LOGIN PASSWORD '{PASSWORD}'; GRANT akao_app TO {name}_owner"
        );
        cluster.sql("postgres", &roles);
        cluster.sql("postgres", &format!("CREATE DATABASE {name} OWNER {name}_owner TEMPLATE template0"));
        cluster.sql(&name, &format!("ALTER SCHEMA public OWNER TO {name}_owner"));
        Self { cluster, name }
    }

    /// Its address for its owner.
    pub(crate) fn url(&self) -> String {
        self.url_of(&format!("{}_owner", self.name))
    }

    /// Its address for another user.
    pub(crate) fn url_of(&self, user: &str) -> String {
        format!("postgres://{user}:{PASSWORD}@127.0.0.1:{}/{}?sslmode=disable", self.cluster.port, self.name)
    }

    /// Runs statements in it as the superuser.
    pub(crate) fn sql(&self, statements: &str) -> String {
        self.cluster.sql(&self.name, statements)
    }

    /// Everything in it, as text.
    pub(crate) fn dump(&self) -> String {
        let output = Command::new(programs().join("pg_dump"))
            .args(["-h", "127.0.0.1", "-p", &self.cluster.port.to_string(), "-U", SUPERUSER, "-d", &self.name])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
