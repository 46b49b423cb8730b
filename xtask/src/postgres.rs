//! A `PostgreSQL` server for the tests, in a temporary folder, gone when they end.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::needs;

/// A server that ends with this value.
pub(crate) struct Server {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
}

/// Where `initdb` and `pg_ctl` are: Debian keeps them off the path.
pub(crate) fn programs() -> Option<PathBuf> {
    if let Some(initdb) = needs::on_path("initdb").and_then(|path| path.canonicalize().ok())
        && initdb.with_file_name("pg_ctl").exists()
    {
        return initdb.parent().map(Path::to_owned);
    }
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|folder| folder.join("pg_ctl").exists())
        .collect();
    versions.sort();
    versions.pop()
}

impl Server {
    /// Starts a server on loopback that trusts who connects.
    pub(crate) fn start() -> Result<Self> {
        let programs = programs().context("PostgreSQL's programs were not found")?;
        let folder = std::env::temp_dir().join(format!("madang-postgres-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        // A free port now is very likely a free port in a moment.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let server = Self {
            programs,
            folder,
            port,
        };
        if needs::is_root() {
            server.quiet(Command::new("chown").arg("postgres").arg(&server.folder))?;
        }
        let data = server.folder.join("data");
        let mut initdb = server.program("initdb");
        initdb.args(["--auth=trust", "--username=postgres", "--no-sync", "-D"]);
        server.quiet(initdb.arg(&data))?;
        let options = format!(
            "-p {port} -k {} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=300",
            server.folder.display()
        );
        let mut start = server.program("pg_ctl");
        start.args(["start", "--wait", "--silent", "-D"]).arg(&data);
        start.args(["-o", &options, "-l"]);
        server.quiet(start.arg(server.folder.join("log")))?;
        Ok(server)
    }

    /// How tests reach it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// A program of the server, as a user that it accepts.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        if !needs::is_root() {
            return Command::new(path);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(path);
        command
    }

    fn quiet(&self, command: &mut Command) -> Result<()> {
        let status = command
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .with_context(|| format!("{command:?}"))?;
        if !status.success() {
            bail!("{command:?} failed ({status})");
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.folder.join("data");
        let mut stop = self.program("pg_ctl");
        stop.args(["stop", "--silent", "--mode=immediate", "-D"]);
        let _ = self.quiet(stop.arg(data));
        let _ = fs::remove_dir_all(&self.folder);
    }
}
