//! The shared state: its tests on a PostgreSQL of this command's own, and kills and pauses of servers
//! and workers that share it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::python::python_with;
use crate::Result;
use crate::run::{build_vmie, text, tool};

/// Kills and pauses of servers and workers that share a state.
#[derive(clap::Args)]
pub(crate) struct Shared {
    /// The Python interpreter; without boto3 it makes an environment with it in target/.
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// How many times a process is killed or paused at a random moment.
    #[arg(long, default_value_t = 12)]
    kills: u32,
    /// How many tasks come in meanwhile.
    #[arg(long, default_value_t = 50)]
    tasks: u32,
}

pub(crate) fn run(arguments: &Shared) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = python_with(&arguments.python, &["boto3"])?;
    let database = Postgres::start()?;
    println!("{}", database.version);
    conform(&database)?;
    let vmie = build_vmie()?;
    let status = Command::new(&python)
        .arg(root.join("src/peers/service/shared.py"))
        .arg(vmie)
        .arg(text(&root.join("../examples/data/demo-debian12.ova")))
        .arg(&database.address)
        .arg(arguments.kills.to_string())
        .arg(arguments.tasks.to_string())
        .env("PYTHONUTF8", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err("tasks did not survive".into())
    }
}

/// The tests that need a database. With the features of the whole workspace, so that what the suite
/// of all tests has built is not built again.
fn conform(database: &Postgres) -> Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let status = Command::new(cargo)
        .args(["test", "--locked", "-q", "--workspace"])
        .args([
            "--features",
            "vmie-serve/test-postgres",
            "--test",
            "postgres",
        ])
        .env("VMIE_POSTGRES", &database.address)
        .stdin(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err("the shared state does not conform".into())
    }
}

/// A PostgreSQL in a folder of its own, until this is dropped.
struct Postgres {
    folder: tempfile::TempDir,
    programs: PathBuf,
    address: String,
    version: String,
}

impl Postgres {
    fn start() -> Result<Self> {
        let programs = programs()?;
        let version = tool(text(&programs.join("postgres")), &["--version"])?;
        let folder = tempfile::tempdir()?;
        // It runs as somebody else.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
        let mut server = Self {
            folder,
            programs,
            address: String::new(),
            version: version.trim().to_owned(),
        };
        let home = server.home();
        let home = text(&home);
        fs::create_dir(home)?;
        if is_root()? {
            tool("chown", &["postgres", home])?;
        }
        let password = format!("{home}/password");
        server.run(
            "sh",
            &["-c", &format!("umask 077; echo secret > {password}")],
        )?;
        let data = format!("{home}/data");
        let owner = [
            "-U",
            "vmie",
            "--pwfile",
            &password,
            "--auth",
            "scram-sha-256",
        ];
        let plain = ["-D", &data, "-E", "UTF8", "--no-locale"];
        server.own("initdb", &[&plain[..], &owner].concat())?;
        let port = free_port()?;
        let options = format!("-h 127.0.0.1 -p {port} -k {home}");
        let log = format!("{home}/log");
        let start = ["-D", &data, "-w", "-o", &options, "-l", &log, "start"];
        server.own("pg_ctl", &start)?;
        server.address = format!("postgres://vmie:secret@127.0.0.1:{port}/postgres");
        Ok(server)
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("postgres")
    }

    /// One of its programs.
    fn own(&self, program: &str, arguments: &[&str]) -> Result<()> {
        self.run(text(&self.programs.join(program)), arguments)
    }

    /// It does not run as root.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let mut command = if is_root()? {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", program]);
            command
        } else {
            Command::new(program)
        };
        let status = command
            .args(arguments)
            .current_dir(self.home())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("{program} {arguments:?} failed").into()),
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.home().join("data");
        let stop = ["-D", text(&data), "-m", "immediate", "stop"];
        if let Err(error) = self.own("pg_ctl", &stop) {
            println!("PostgreSQL may still run: {error}");
        }
    }
}

/// The newest of those that Debian's packages have, or the one in the path.
fn programs() -> Result<PathBuf> {
    let version = |path: &PathBuf| {
        let name = path.parent().and_then(Path::file_name);
        name.and_then(|name| name.to_str()?.parse::<u32>().ok())
    };
    let there = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let there = there
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|path| path.join("initdb").exists());
    if let Some(newest) = there.max_by_key(version) {
        return Ok(newest);
    }
    let found = tool("sh", &["-c", "dirname \"$(command -v initdb)\""])?;
    match Path::new(found.trim()) {
        path if path.join("initdb").exists() => Ok(path.to_owned()),
        _ => Err("PostgreSQL is missing: install postgresql".into()),
    }
}

fn is_root() -> Result<bool> {
    Ok(tool("id", &["-u"])?.trim() == "0")
}

fn free_port() -> Result<u16> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.port())
}
