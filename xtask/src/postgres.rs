//! A `PostgreSQL` server for the tests, in a temporary folder, gone when they end, also where they are broken off.

use std::{
    fs,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::needs;

/// A server that ends with this value.
pub(crate) struct Server {
    folder: PathBuf,
    port: u16,
    /// Waits for the end of this program.
    keeper: Child,
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
        if needs::is_root() {
            quiet(Command::new("chown").arg("postgres").arg(&folder), &folder)?;
        }
        let data = folder.join("data");
        let server = Self {
            keeper: keeper(&programs, &folder, &data)?,
            folder,
            port,
        };
        let folder = &server.folder;
        let mut initdb = program(&programs, "initdb");
        initdb.args(["--auth=trust", "--username=postgres", "--no-sync", "-D"]);
        quiet(initdb.arg(&data), folder)?;
        let options = format!(
            "-p {port} -k {} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=300",
            folder.display()
        );
        let mut start = program(&programs, "pg_ctl");
        start.args(["start", "--wait", "--silent", "-D"]).arg(&data);
        start.args(["-o", &options, "-l"]);
        quiet(start.arg(folder.join("log")), folder)?;
        Ok(server)
    }

    /// How tests reach it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

/// Stops the server and removes its folder when its standard input ends: it does with this program, however that ends.
/// In a process group of its own, so that an interrupt at the keyboard is not meant for it.
fn keeper(programs: &Path, folder: &Path, data: &Path) -> Result<Child> {
    let mut stop = program(programs, "pg_ctl");
    stop.args(["stop", "--silent", "--mode=immediate", "-D"])
        .arg(data);
    Command::new("sh")
        .args([
            "-c",
            r#"read -r _; folder=$1; shift; "$@"; rm -rf "$folder""#,
            "sh",
        ])
        .arg(folder)
        .arg(stop.get_program())
        .args(stop.get_args())
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("sh")
}

/// A program of the server, as a user that it accepts.
fn program(programs: &Path, name: &str) -> Command {
    let path = programs.join(name);
    if !needs::is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(path);
    command
}

fn quiet(command: &mut Command, folder: &Path) -> Result<()> {
    let status = command
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("{command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed ({status})");
    }
    Ok(())
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
