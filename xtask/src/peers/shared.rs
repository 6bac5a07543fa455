//! The shared state: its tests on a PostgreSQL of this command's own, and kills and pauses of servers
//! and workers that share it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::python::{drive, python_with};
use crate::Result;
use crate::run::{Program, demo_guest, text, tool};

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
    /// Only TLS to the database: who gets in, and what the others are told.
    #[arg(long)]
    tls: bool,
    #[command(flatten)]
    program: Program,
}

pub(crate) fn run(arguments: &Shared) -> Result<()> {
    let python = python_with(&arguments.python, &["boto3"])?;
    let database = Postgres::start()?;
    println!("{}", database.version);
    if !arguments.tls {
        conform(&database)?;
    }
    let vmie = arguments.program.path()?;
    let guest = demo_guest();
    secured(&python, &vmie, &guest, &database)?;
    if arguments.tls {
        return Ok(());
    }
    let (kills, tasks) = (arguments.kills.to_string(), arguments.tasks.to_string());
    let given = [text(&vmie), text(&guest), &database.address, &kills, &tasks];
    drive(&python, "shared.py", &given)
}

/// A database that takes nobody without TLS, beside one that speaks none.
fn secured(python: &Path, vmie: &Path, guest: &Path, plain: &Postgres) -> Result<()> {
    let mut database = Postgres::start()?;
    database.secure()?;
    let home = database.home();
    let given = [
        text(vmie),
        text(guest),
        &database.address,
        text(&home),
        &plain.address,
    ];
    drive(python, "secured.py", &given)
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

    /// From now on it speaks TLS, by a certificate for `localhost` that `ca.pem` in its home signed, and not
    /// `other.pem`; and it takes nobody who does not.
    fn secure(&mut self) -> Result<()> {
        let authority = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -addext basicConstraints=critical,CA:TRUE";
        let script = format!(
            "set -e; umask 077; exec 2>certificates.log
            {authority} -subj /CN=authority -keyout ca.key -out ca.pem
            {authority} -subj /CN=other -keyout other.key -out other.pem
            openssl req -newkey rsa:2048 -nodes -subj /CN=database -keyout server.key -out server.csr
            printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' >extensions
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                -extfile extensions -out server.pem
            cp server.key data/ && cp server.pem data/server.crt && echo 'ssl = on' >>data/postgresql.conf
            echo 'hostssl all all 127.0.0.1/32 scram-sha-256' >data/pg_hba.conf"
        );
        self.run("sh", &["-c", &script])?;
        let (data, log) = (self.home().join("data"), self.home().join("log"));
        let again = ["-D", text(&data), "-w", "-l", text(&log), "restart"];
        self.own("pg_ctl", &again)?;
        self.address = self.address.replace("127.0.0.1", "localhost");
        Ok(())
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
