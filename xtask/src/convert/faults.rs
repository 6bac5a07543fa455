//! Conversions that go wrong: a full disk, a folder that may not be written, a target that is the
//! source or is there, a reader that ends early, signals, kills.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;

use crate::Result;
use crate::run::{Program, Tally, json, sha256, text, tool};

/// What is tried.
#[derive(Args)]
pub(crate) struct Faults {
    /// How many conversions of each kind are killed.
    #[arg(long, default_value_t = 5)]
    kills: u32,
    /// MiB of the disk that is converted.
    #[arg(long, default_value_t = 192)]
    size: u64,
    /// The seed of the random moments.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    program: Program,
}

pub(crate) fn run(arguments: &Faults) -> Result<()> {
    let vmie = arguments.program.path()?;
    let folder = tempfile::tempdir()?;
    let mut bench = Bench {
        disk: folder.path().join("disk.raw"),
        folder: folder.path().to_owned(),
        vmie,
        tally: Tally::default(),
        state: arguments.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
    };
    bench.fill(arguments.size)?;
    bench.refusals()?;
    bench.full()?;
    bench.devices()?;
    bench.pipe()?;
    for (format, options) in [
        ("raw", &[][..]),
        ("vmdk", &["--level", "12"]),
        ("vhdx", &[]),
        ("qcow2", &[]),
    ] {
        bench.signal(format, options)?;
        bench.kills(format, options, arguments.kills)?;
    }
    bench.tally.finish("faults")
}

pub(super) struct Bench {
    pub(super) vmie: PathBuf,
    pub(super) folder: PathBuf,
    disk: PathBuf,
    pub(super) tally: Tally,
    state: u64,
}

impl Bench {
    pub(super) fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    /// Words that compress, so that high levels take their time.
    fn fill(&mut self, mebibytes: u64) -> Result<()> {
        let file = File::create(&self.disk)?;
        let mut block = vec![0u8; 1 << 20];
        for index in 0..mebibytes {
            for chunk in block.chunks_mut(8) {
                let word = self.random() & 0x0f0f_0000_ffff_0f0f;
                chunk.copy_from_slice(&word.to_le_bytes());
            }
            file.write_all_at(&block, index << 20)?;
        }
        Ok(())
    }

    /// A conversion that has to fail: what it says, and that the target is not there.
    pub(super) fn refused(
        &mut self,
        what: &str,
        arguments: &[&str],
        target: Option<&Path>,
        cause: &str,
    ) -> Result<()> {
        let (document, code) = json(&self.vmie, arguments)?;
        let message = document["error"]["message"].as_str().unwrap_or_default();
        self.tally.check(code == 1 && message.contains(cause), || {
            format!("{what}: exit {code}, {document}")
        });
        if let Some(target) = target {
            let left = leftovers(target)?;
            self.tally
                .check(left.is_empty(), || format!("{what} leaves {left:?}"));
        }
        Ok(())
    }

    fn refusals(&mut self) -> Result<()> {
        let disk = text(&self.disk).to_owned();
        let convert = ["convert", "--json", "-f", "raw", "-O", "raw"];
        let there = self.folder.join("there.raw");
        fs::write(&there, "precious")?;
        let to = text(&there).to_owned();
        self.refused(
            "already",
            &[&convert[..], &[&disk, &to]].concat(),
            None,
            "already",
        )?;
        self.tally.same(
            "what exists is kept",
            fs::read(&there)?,
            b"precious".to_vec(),
        );
        self.refused(
            "source",
            &[&convert[..], &[&disk, &disk]].concat(),
            None,
            "is the source",
        )?;
        let gone = self.folder.join("no-such-folder/x.raw");
        let to = text(&gone).to_owned();
        self.refused(
            "no folder",
            &[&convert[..], &[&disk, &to]].concat(),
            None,
            "cannot be written",
        )?;
        // /proc takes no files, whoever asks.
        self.refused(
            "read-only",
            &[&convert[..], &[&disk, "/sys/x.raw"]].concat(),
            None,
            "permitted",
        )?;
        let cut = self.folder.join("cut.vmdk");
        let to = text(&cut).to_owned();
        let made = [
            "convert", "-f", "raw", "-O", "vmdk", "--level", "1", &disk, &to,
        ];
        tool(text(&self.vmie), &made)?;
        let len = fs::metadata(&cut)?.len();
        let damaged = File::options().write(true).open(&cut)?;
        damaged.write_all_at(&[0x55; 4096], len / 2)?;
        let target = self.folder.join("from-damaged.raw");
        let to = text(&target).to_owned();
        let from = text(&cut).to_owned();
        let arguments = ["convert", "--json", "-O", "raw", &from, &to];
        self.refused("damaged source", &arguments, Some(&target), "grain")?;
        Ok(fs::remove_file(&cut)?)
    }

    /// A filesystem that is too small, in a file; as root.
    fn full(&mut self) -> Result<()> {
        let mount = self.folder.join("small");
        fs::create_dir(&mount)?;
        tool(
            "mount",
            &["-t", "tmpfs", "-o", "size=16m", "none", text(&mount)],
        )?;
        let mut done = Ok(());
        for format in ["raw", "vhd", "vhdx", "vmdk", "qcow2", "ova"] {
            let target = mount.join(format!("disk.{format}"));
            let (disk, to) = (text(&self.disk).to_owned(), text(&target).to_owned());
            let arguments = ["convert", "--json", "-f", "raw", "-O", format, &disk, &to];
            done = self.refused(
                &format!("full, {format}"),
                &arguments,
                Some(&target),
                "the disk is full",
            );
            if done.is_err() {
                break;
            }
        }
        tool("umount", &[text(&mount)])?;
        done
    }

    /// A reader that ends early.
    fn pipe(&mut self) -> Result<()> {
        for format in ["raw", "vmdk", "vhdx"] {
            let script = format!(
                "set -o pipefail; '{}' convert -f raw -O {format} '{}' - 2>&1 >&3 3>&- | cat >&2; exit ${{PIPESTATUS[0]}}",
                text(&self.vmie),
                text(&self.disk)
            );
            let output = Command::new("bash")
                .args([
                    "-c",
                    &format!("{{ {script}; }} 3> >(head -c 100000 >/dev/null)"),
                ])
                .output()?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let holds = output.status.code() == Some(1) && said.contains("closed");
            self.tally.check(holds, || {
                format!("closed pipe, {format}: {:?}, {said}", output.status)
            });
        }
        Ok(())
    }

    fn start(&self, format: &str, options: &[&str], target: &Path) -> Result<Child> {
        Ok(Command::new(&self.vmie)
            .args(["convert", "--json", "--digest", "-f", "raw", "-O", format])
            .args(options)
            .args([text(&self.disk), text(target)])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?)
    }

    /// A signal: it ends soon, says so, and leaves nothing.
    fn signal(&mut self, format: &str, options: &[&str]) -> Result<()> {
        for signal in ["INT", "TERM"] {
            let target = self.folder.join(format!("signal.{format}"));
            let child = self.start(format, options, &target)?;
            std::thread::sleep(Duration::from_millis(60));
            let id = child.id().to_string();
            let sent = Instant::now();
            // It may have ended already, which is no failure.
            let _ = Command::new("kill")
                .args([&format!("-{signal}"), id.as_str()])
                .status();
            let output = child.wait_with_output()?;
            let took = sent.elapsed();
            if output.status.success() {
                println!("{format} was faster than the signal");
                let _ = fs::remove_file(&target);
                continue;
            }
            let document: Value = serde_json::from_slice(&output.stdout)?;
            let kind = document["error"]["kind"].clone();
            let left = leftovers(&target)?;
            let holds = output.status.code() == Some(1) && kind == "cancelled" && left.is_empty();
            self.tally.check(holds, || {
                format!(
                    "SIG{signal}, {format}: {:?}, {document}, leaves {left:?}",
                    output.status
                )
            });
            println!("{format}: ended {took:?} after SIG{signal}");
        }
        Ok(())
    }

    /// Kills at random moments until it gets to its end by going on.
    fn kills(&mut self, format: &str, options: &[&str], times: u32) -> Result<()> {
        let target = self.folder.join(format!("whole.{format}"));
        let start = Instant::now();
        let child = self.start(format, options, &target)?;
        let output = child.wait_with_output()?;
        let whole = start.elapsed();
        let expected: Value = serde_json::from_slice(&output.stdout)?;
        fs::remove_file(&target)?;
        let (mut killed, mut resumed) = (0, 0);
        for _ in 0..times {
            let target = self.folder.join(format!("killed.{format}"));
            let mut child = self.start(format, options, &target)?;
            let fraction = (self.random() >> 11) as f64 / (1u64 << 53) as f64;
            std::thread::sleep(whole.mul_f64(fraction));
            child.kill()?;
            killed += u32::from(!child.wait()?.success());
            if target.exists() {
                let _ = fs::remove_file(&target);
                continue;
            }
            let output = self.start(format, options, &target)?.wait_with_output()?;
            let document: Value = serde_json::from_slice(&output.stdout)?;
            resumed += u32::from(!document["resumed_at"].is_null());
            let same = document["sha256"] == expected["sha256"];
            let compared = tool(
                text(&self.vmie),
                &["compare", "-s", text(&target), text(&self.disk)],
            );
            let mut holds = output.status.success() && same && compared.is_ok();
            if let Some(said) = document["file_sha256"].as_str() {
                holds &= said == sha256(&target)?;
            }
            if format != "raw" {
                let (_, code) = json(&self.vmie, &["check", "--json", text(&target)])?;
                holds &= code == 0;
            }
            let left: Vec<_> = leftovers(&target)?
                .into_iter()
                .filter(|n| n.starts_with('.'))
                .collect();
            self.tally.check(holds && left.is_empty(), || {
                format!("killed {format}: {document}, leaves {left:?}")
            });
            fs::remove_file(&target)?;
        }
        println!("{format}: {whole:?} in all, {killed} killed, {resumed} gone on with");
        Ok(())
    }
}

/// The target and what goes with it, as far as they are there.
fn leftovers(target: &Path) -> Result<Vec<String>> {
    let name = target
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let folder = target.parent().unwrap_or(Path::new("."));
    let names = fs::read_dir(folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|found| found.contains(&name));
    Ok(names.collect())
}
