//! The lines of the table: what is measured against what.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::bare::Bare;
use crate::run::{Once, Pair, Step, words};
use crate::table::{Line, Table};

/// The disk, the programs, and where files go.
pub(crate) struct Bench {
    vmie: String,
    disk: String,
    scratch: PathBuf,
    pairs: usize,
    only: Option<String>,
}

/// How a line of the table is told.
struct About<'a> {
    work: &'a str,
    peer: &'a str,
    target: f64,
}

impl Bench {
    pub(crate) fn new(
        vmie: &Path,
        disk: &Path,
        scratch: &Path,
        pairs: usize,
        only: Option<String>,
    ) -> Result<Self> {
        let text = |path: &Path| path.to_str().map(str::to_owned).ok_or("no UTF-8 in a path");
        Ok(Self {
            vmie: text(vmie)?,
            disk: text(disk)?,
            scratch: scratch.to_owned(),
            pairs,
            only,
        })
    }

    fn wanted(&self, work: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|only| work.contains(only.as_str()))
    }

    fn file(&self, name: &str) -> (String, PathBuf) {
        let path = self.scratch.join(name);
        (path.to_string_lossy().into_owned(), path)
    }

    /// Our conversion of a file.
    fn ours(&self, options: &[&str], from: &str, to: &str) -> Step<'static> {
        let mut command = words(&[&self.vmie, "convert"]);
        command.extend(words(options));
        command.extend(words(&[from, to]));
        Step::Process(command)
    }

    /// That of qemu-img at its best flags.
    fn qemu(options: &[&str], from: &str, to: &str) -> Step<'static> {
        let mut command = words(&["qemu-img", "convert", "-m", "16", "-W"]);
        command.extend(words(options));
        command.extend(words(&[from, to]));
        Step::Process(command)
    }

    fn line(
        &self,
        table: &mut Table,
        about: &About<'_>,
        ours: (&Step<'_>, &[PathBuf]),
        peer: (&Step<'_>, &[PathBuf]),
    ) -> Result<()> {
        if !self.wanted(about.work) {
            return Ok(());
        }
        let pair = Pair::run(self.pairs, ours, peer)?;
        let (ratio, ..) = pair.ratios();
        println!(
            "{} against {}: {ratio:.2}, wanted {}",
            about.work, about.peer, about.target
        );
        let size = |runs: &[Once]| runs.last().map_or(0, |run| run.written);
        let note = match (size(&pair.ours), size(&pair.peer)) {
            (a, b) if a != b && b > 0 => {
                format!("{:.1} MB, peer {:.1} MB", a as f64 / 1e6, b as f64 / 1e6)
            }
            _ => String::new(),
        };
        table.lines.push(Line {
            work: about.work.to_owned(),
            peer: about.peer.to_owned(),
            target: about.target,
            pair,
            note,
        });
        Ok(())
    }

    pub(crate) fn run(&self) -> Result<Table> {
        let data = allocated(Path::new(&self.disk))?;
        let mut table = Table {
            head: format!(
                "{} cores, {}; the disk has {:.0} MiB, {:.0} MiB of them allocated; {} pairs.",
                std::thread::available_parallelism().map_or(1, usize::from),
                version("qemu-img"),
                fs::metadata(&self.disk)?.len() as f64 / 1048576.0,
                data as f64 / 1048576.0,
                self.pairs
            ),
            lines: Vec::new(),
        };
        self.compressing(&mut table)?;
        self.inflating(&mut table)?;
        self.plain(&mut table)?;
        self.sparse(&mut table)?;
        Ok(table)
    }

    /// To and against the stream-optimized VMDK.
    fn compressing(&self, table: &mut Table) -> Result<()> {
        let (ours_to, ours_path) = self.file("ours.vmdk");
        let (peer_to, peer_path) = self.file("peer.vmdk");
        let ours = std::slice::from_ref(&ours_path);
        let peer = std::slice::from_ref(&peer_path);
        let qemu = Self::qemu(
            &["-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized"],
            &self.disk,
            &peer_to,
        );
        let name = "qemu-img";
        let about = |work, target| About {
            work,
            peer: name,
            target,
        };
        let convert = |level: &str| {
            self.ours(
                &["-f", "raw", "-O", "vmdk", "--level", level],
                &self.disk,
                &ours_to,
            )
        };
        let default = self.ours(&["-f", "raw", "-O", "vmdk"], &self.disk, &ours_to);
        let work = "raw → stream-optimized VMDK";
        self.line(table, &about(work, 5.0), (&default, ours), (&qemu, peer))?;
        let fast = "raw → stream-optimized VMDK, level 1";
        self.line(
            table,
            &about(fast, 9.0),
            (&convert("1"), ours),
            (&qemu, peer),
        )?;
        let bare = Bare::new(Path::new(&self.disk))?;
        for (work, level, ours_is) in [(work, 6, &default), (fast, 1, &convert("1"))] {
            let limit = Step::Here(Box::new(|| bare.deflate(level)));
            let about = About {
                work,
                peer: "bare libdeflate of the same grains, all cores",
                target: 0.85,
            };
            self.line(table, &about, (ours_is, ours), (&limit, &[]))?;
        }
        let (vmdk, path) = self.file("source.vmdk");
        if !path.exists() {
            self.ours(&["-f", "raw", "-O", "vmdk"], &self.disk, &vmdk)
                .once(&[])?;
        }
        let (raw, raw_path) = self.file("ours.raw");
        let back = self.ours(&["-O", "raw"], &vmdk, &raw);
        let limit = Step::Here(Box::new(|| bare.inflate()));
        let about = About {
            work: "stream-optimized VMDK → raw",
            peer: "bare libdeflate of the same grains, all cores",
            target: 0.85,
        };
        self.line(table, &about, (&back, &[raw_path]), (&limit, &[]))
    }

    fn inflating(&self, table: &mut Table) -> Result<()> {
        let (vmdk, _) = self.file("source.vmdk");
        let (ours_to, ours_path) = self.file("ours.raw");
        let (peer_to, peer_path) = self.file("peer.raw");
        let ours = std::slice::from_ref(&ours_path);
        let peer = std::slice::from_ref(&peer_path);
        let about = About {
            work: "stream-optimized VMDK → raw",
            peer: "qemu-img",
            target: 5.0,
        };
        let (a, b) = (
            self.ours(&["-O", "raw"], &vmdk, &ours_to),
            Self::qemu(&["-f", "vmdk", "-O", "raw"], &vmdk, &peer_to),
        );
        self.line(table, &about, (&a, ours), (&b, peer))?;
        let work = "OVA → raw, digests verified";
        if !self.wanted(work) {
            return Ok(());
        }
        let (ova, _) = self.file("source.ova");
        self.ours(&["-f", "raw", "-O", "ova"], &self.disk, &ova)
            .once(&[])?;
        let script = format!(
            "set -e; cd '{}'; rm -rf peer; mkdir peer; tar -C peer -xf source.ova; cd peer; \
             sed -n 's/^SHA256(\\(.*\\))= *\\(.*\\)$/\\2  \\1/p' *.mf | sha256sum -c --quiet; \
             qemu-img convert -m 16 -W -f vmdk -O raw *.vmdk ../peer.raw",
            self.scratch.display()
        );
        let peer_step = Step::Process(words(&["bash", "-c", &script]));
        let about = About {
            work,
            peer: "tar, sha256sum, qemu-img",
            target: 6.0,
        };
        let a = self.ours(&["-O", "raw"], &ova, &ours_to);
        self.line(table, &about, (&a, ours), (&peer_step, peer))
    }

    /// To VHD and VHDX and back, against qemu-img and cp.
    fn plain(&self, table: &mut Table) -> Result<()> {
        let (copy, copy_path) = self.file("copy.raw");
        let cp = Step::Process(words(&["cp", "--sparse=always", &self.disk, &copy]));
        let copies = std::slice::from_ref(&copy_path);
        for (format, theirs, to, back) in [("vhd", "vpc", 2.0, 1.2), ("vhdx", "vhdx", 2.0, 1.6)] {
            let (ours_to, ours_path) = self.file(&format!("ours.{format}"));
            let (peer_to, peer_path) = self.file(&format!("peer.{format}"));
            let (ours, peer) = (
                std::slice::from_ref(&ours_path),
                std::slice::from_ref(&peer_path),
            );
            let a = self.ours(&["-f", "raw", "-O", format], &self.disk, &ours_to);
            let b = Self::qemu(
                &["-f", "raw", "-O", theirs, "-o", "subformat=dynamic"],
                &self.disk,
                &peer_to,
            );
            let work = format!("raw → dynamic {}", format.to_uppercase());
            let about = |peer, target| About {
                work: &work,
                peer,
                target,
            };
            self.line(table, &about("qemu-img", to), (&a, ours), (&b, peer))?;
            self.line(
                table,
                &about("cp --sparse=always", 1.0 / 1.3),
                (&a, ours),
                (&cp, copies),
            )?;
            let (source, path) = self.file(&format!("source.{format}"));
            let _ = fs::remove_file(path);
            Self::qemu(&["-f", "raw", "-O", theirs], &self.disk, &source).once(&[])?;
            let (ours_to, ours_path) = self.file("ours.raw");
            let (peer_to, peer_path) = self.file("peer.raw");
            let (ours, peer) = (
                std::slice::from_ref(&ours_path),
                std::slice::from_ref(&peer_path),
            );
            let a = self.ours(&["-O", "raw"], &source, &ours_to);
            let b = Self::qemu(&["-f", theirs, "-O", "raw"], &source, &peer_to);
            let work = format!("dynamic {} → raw", format.to_uppercase());
            let about = |peer, target| About {
                work: &work,
                peer,
                target,
            };
            self.line(table, &about("qemu-img", back), (&a, ours), (&b, peer))?;
            self.line(
                table,
                &about("cp --sparse=always", 1.0 / 1.3),
                (&a, ours),
                (&cp, copies),
            )?;
            let dd = Step::Process(words(&[
                "dd",
                &format!("if={}", self.disk),
                &format!("of={copy}"),
                "bs=1M",
            ]));
            self.line(
                table,
                &about("dd bs=1M of the raw disk", 0.0),
                (&a, ours),
                (&dd, copies),
            )?;
            fs::remove_file(self.scratch.join(format!("source.{format}")))?;
        }
        Ok(())
    }

    /// A disk of 8 TiB (2040 GiB for VHD) with 1 GiB of data against one of 1 GiB, and one of
    /// 100 GiB for the memory.
    fn sparse(&self, table: &mut Table) -> Result<()> {
        for (format, size) in [
            ("raw", 8u64 << 40),
            ("vmdk", 2047 << 30),
            ("vhd", 2040 << 30),
            ("vhdx", 8 << 40),
            ("qcow2", 8 << 40),
            ("vmdk", 100 << 30),
        ] {
            let gib = size >> 30;
            let work = format!("{gib} GiB with 1 GiB of data → {format}");
            if !self.wanted(&work) {
                continue;
            }
            let (small, small_path) = self.file("small.raw");
            let (large, large_path) = self.file("large.raw");
            scatter(Path::new(&self.disk), &small_path, 1 << 30)?;
            scatter(Path::new(&self.disk), &large_path, size)?;
            let (ours_to, ours_path) = self.file("large.out");
            let (peer_to, peer_path) = self.file("small.out");
            let a = self.ours(&["-f", "raw", "-O", format], &large, &ours_to);
            let b = self.ours(&["-f", "raw", "-O", format], &small, &peer_to);
            let about = About {
                work: &work,
                peer: "vmie on 1 GiB full of the same",
                target: 0.0,
            };
            self.line(table, &about, (&a, &[ours_path]), (&b, &[peer_path]))?;
        }
        Ok(())
    }
}

/// Spreads a GiB of a disk's data, MiB by MiB, over a file of `size` bytes.
fn scatter(disk: &Path, to: &Path, size: u64) -> Result<()> {
    let _ = fs::remove_file(to);
    let (from, to) = (File::open(disk)?, File::create(to)?);
    to.set_len(size)?;
    let stride = size / 1024 / (1 << 20) * (1 << 20);
    let mut buffer = vec![0; 1 << 20];
    let len = fs::metadata(disk)?.len();
    let (mut at, mut placed) = (0, 0);
    while placed < 1024 {
        let n = from.read_at(&mut buffer, at % len)?;
        at += 1 << 20;
        if n == buffer.len() && buffer.iter().any(|byte| *byte != 0) {
            to.write_all_at(&buffer, placed * stride)?;
            placed += 1;
        }
    }
    Ok(())
}

fn allocated(path: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(fs::metadata(path)?.blocks() * 512)
}

fn version(tool: &str) -> String {
    let output = Command::new(tool).arg("--version").output();
    let text = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
    text.ok()
        .and_then(|text| text.lines().next().map(str::to_owned))
        .unwrap_or_else(|| format!("no {tool}"))
}
