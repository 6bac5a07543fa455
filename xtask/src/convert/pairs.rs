//! Every pair of source and target: what is written is what was read, `qemu-img check` and our own
//! check find nothing wrong with it, and other readers see the same.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use super::schema;
use crate::Result;
use crate::run::{Program, Tally, json, sha256, text, tool};

/// What is compared, and with what.
#[derive(Args)]
pub(crate) struct Pairs {
    /// A few sizes and fills only.
    #[arg(long)]
    quick: bool,
    /// A Python that has dissect.hypervisor: another reader of each kind.
    #[arg(long)]
    python: Option<PathBuf>,
    /// A folder with the schema of OVF (DSP8023 1.x) and those that it imports, as `.xsd` files, for
    /// xmllint.
    #[arg(long, value_name = "DIR")]
    ovf_schema: Option<PathBuf>,
    #[command(flatten)]
    program: Program,
}

/// A kind of file: our names for it, and qemu-img's.
struct Kind {
    format: &'static str,
    subformat: Option<&'static str>,
    qemu: &'static str,
}

const KINDS: [Kind; 9] = [
    Kind::new("raw", None, "raw"),
    Kind::new("vhd", Some("fixed"), "vpc"),
    Kind::new("vhd", Some("dynamic"), "vpc"),
    Kind::new("vhdx", Some("fixed"), "vhdx"),
    Kind::new("vhdx", Some("dynamic"), "vhdx"),
    Kind::new("vmdk", Some("streamOptimized"), "vmdk"),
    Kind::new("vmdk", Some("monolithicSparse"), "vmdk"),
    Kind::new("qcow2", None, "qcow2"),
    Kind::new("ova", None, ""),
];

impl Kind {
    const fn new(
        format: &'static str,
        subformat: Option<&'static str>,
        qemu: &'static str,
    ) -> Self {
        Self {
            format,
            subformat,
            qemu,
        }
    }

    fn name(&self) -> String {
        match self.subformat {
            Some(subformat) => format!("{}-{subformat}", self.format),
            None => self.format.to_owned(),
        }
    }

    fn options(&self) -> Vec<&'static str> {
        let mut options = vec!["-O", self.format];
        if let Some(subformat) = self.subformat {
            options.extend(["--subformat", subformat]);
        }
        options
    }
}

/// What a disk is filled with.
const FILLS: [&str; 4] = ["empty", "mixed", "noise", "edges"];

pub(crate) fn run(arguments: &Pairs) -> Result<()> {
    let vmie = arguments.program.path()?;
    let folder = tempfile::tempdir()?;
    let sizes: &[u64] = match arguments.quick {
        true => &[512, (33 << 20) + 512],
        false => &[512, 65_536, 1_000_448, (33 << 20) + 512, 300 << 20],
    };
    let schema = match &arguments.ovf_schema {
        Some(schemas) => Some(schema::all(schemas, folder.path())?),
        None => None,
    };
    let mut pairs = Peers {
        vmie,
        folder: folder.path().to_owned(),
        schema,
        python: arguments.python.clone(),
        tally: Tally::default(),
        readers: 0,
    };
    for (index, size) in sizes.iter().enumerate() {
        let fills: &[&str] = match (arguments.quick, index) {
            (true, 0) => &["mixed"],
            (true, _) => &["mixed", "edges"],
            _ => &FILLS,
        };
        for fill in fills {
            pairs.disk(*size, fill, arguments.quick)?;
        }
    }
    println!(
        "{} files were opened by other readers than qemu-img",
        pairs.readers
    );
    pairs.tally.finish("peers convert")
}

struct Peers {
    vmie: PathBuf,
    folder: PathBuf,
    python: Option<PathBuf>,
    /// A schema that imports all of OVF's.
    schema: Option<PathBuf>,
    tally: Tally,
    readers: usize,
}

impl Peers {
    fn disk(&mut self, size: u64, fill: &str, quick: bool) -> Result<()> {
        let raw = self.folder.join("disk.raw");
        make(&raw, size, fill)?;
        let expected = sha256(&raw)?;
        for source in &KINDS {
            let from = self.folder.join(format!("source.{}", source.name()));
            let what = format!("{size} bytes, {fill}: raw → {}", source.name());
            let done = self.convert(&raw, Some("raw"), &from, source, &expected);
            self.tally.attempt(&what, done);
            let done = self.look(&from, source, &raw, &expected);
            self.tally.attempt(&what, done);
            for target in &KINDS {
                // All pairs of a large disk would be the same again.
                if quick && target.format != "raw" && source.format != "ova" {
                    continue;
                }
                let to = self.folder.join(format!("target.{}", target.name()));
                let what = format!(
                    "{size} bytes, {fill}: {} → {}",
                    source.name(),
                    target.name()
                );
                let format = (source.format == "raw").then_some("raw");
                let done = self
                    .convert(&from, format, &to, target, &expected)
                    .and_then(|()| match target.qemu {
                        "" => self.compare(&to, &raw),
                        _ => qemu(&to, target, &raw),
                    });
                self.tally.attempt(&what, done);
                let _ = std::fs::remove_file(&to);
            }
            let what = format!("{size} bytes, {fill}: {} through a pipe", source.name());
            let done = self.pipe(&raw, source);
            self.tally.attempt(&what, done);
            std::fs::remove_file(&from)?;
        }
        self.theirs(&raw, size, fill)
    }

    /// Files of qemu-img as sources.
    fn theirs(&mut self, raw: &Path, size: u64, fill: &str) -> Result<()> {
        for (qemu, option) in [
            ("vpc", "subformat=dynamic,force_size=on"),
            ("vhdx", "subformat=dynamic"),
            ("vmdk", "subformat=streamOptimized"),
            ("vmdk", "subformat=monolithicSparse"),
            ("qcow2", "compat=1.1"),
            ("vdi", "static=off"),
            ("vdi", "static=on"),
        ] {
            let file = self.folder.join(format!("theirs.{qemu}"));
            let (from, to) = (text(raw), text(&file));
            tool(
                "qemu-img",
                &["convert", "-f", "raw", "-O", qemu, "-o", option, from, to],
            )?;
            let what = format!("{size} bytes, {fill}: qemu-img's {qemu} ({option})");
            let done = self.compare(&file, raw).and_then(|()| self.check(&file));
            self.tally.attempt(&what, done);
            std::fs::remove_file(&file)?;
        }
        Ok(())
    }

    fn convert(
        &self,
        from: &Path,
        format: Option<&str>,
        to: &Path,
        kind: &Kind,
        expected: &str,
    ) -> Result<()> {
        let mut arguments = vec!["convert", "--json", "--digest"];
        if let Some(format) = format {
            arguments.extend(["-f", format]);
        }
        arguments.extend(kind.options());
        arguments.extend([text(from), text(to)]);
        let (document, code) = json(&self.vmie, &arguments)?;
        if code != 0 || document["sha256"] != expected {
            return Err(format!("exit {code}: {document}").into());
        }
        if let Some(said) = document["file_sha256"].as_str()
            && said != sha256(to)?
        {
            return Err("the digest of the file is wrong".into());
        }
        Ok(())
    }

    /// What is written to a pipe holds the same.
    fn pipe(&self, raw: &Path, kind: &Kind) -> Result<()> {
        let to = self.folder.join(format!("piped.{}", kind.name()));
        let status = Command::new(&self.vmie)
            .args(["convert", "-f", "raw"])
            .args(kind.options())
            .args([text(raw), "-"])
            .stdout(File::create(&to)?)
            .status()?;
        if !status.success() {
            return Err(format!("{status}").into());
        }
        match kind.qemu {
            "" => self.compare(&to, raw)?,
            _ => qemu(&to, kind, raw)?,
        }
        Ok(std::fs::remove_file(&to)?)
    }

    /// A file of ours as all readers see it.
    fn look(&mut self, file: &Path, kind: &Kind, raw: &Path, expected: &str) -> Result<()> {
        if kind.format == "ova" {
            return self.appliance(file, raw);
        }
        qemu(file, kind, raw)?;
        if kind.format != "raw" {
            self.check(file)?;
        }
        self.dissect(file, kind, raw, expected)
    }

    fn check(&self, file: &Path) -> Result<()> {
        let (document, code) = json(&self.vmie, &["check", "--json", text(file)])?;
        match code {
            0 => Ok(()),
            code => Err(format!("vmie check: exit {code}, {document}").into()),
        }
    }

    fn compare(&self, file: &Path, raw: &Path) -> Result<()> {
        let back = self.folder.join("back.raw");
        let (document, code) = json(
            &self.vmie,
            &[
                "convert",
                "--json",
                "--digest",
                "-O",
                "raw",
                text(file),
                text(&back),
            ],
        )?;
        let _ = std::fs::remove_file(&back);
        if code != 0 || document["sha256"] != sha256(raw)?.as_str() {
            return Err(format!("exit {code}: {document}").into());
        }
        Ok(())
    }

    /// An appliance as tar, sha256sum, an XML parser and qemu-img see it.
    fn appliance(&mut self, file: &Path, raw: &Path) -> Result<()> {
        self.check(file)?;
        let folder = tempfile::tempdir_in(&self.folder)?;
        tool("tar", &["-C", text(folder.path()), "-xf", text(file)])?;
        let script = r"set -e; cd $0; test $(ls | wc -l) = 3
            sed -n 's/^SHA256(\(.*\))= \(.*\)$/\2  \1/p' *.mf | sha256sum -c --quiet
            test $(wc -l < *.mf) = 2; mv *-disk1.vmdk disk.vmdk";
        tool("bash", &["-c", script, text(folder.path())])?;
        let kind = Kind::new("vmdk", Some("streamOptimized"), "vmdk");
        qemu(&folder.path().join("disk.vmdk"), &kind, raw)?;
        tool("python3", &["-c", OVF, text(folder.path())])?;
        self.readers += 1;
        if let Some(schema) = &self.schema {
            schema::holds(schema, folder.path())?;
            self.readers += 1;
        }
        Ok(())
    }

    /// A file as dissect.hypervisor sees it, where it reads the kind.
    fn dissect(&mut self, file: &Path, kind: &Kind, raw: &Path, expected: &str) -> Result<()> {
        let Some(python) = &self.python else {
            return Ok(());
        };
        if matches!(kind.format, "raw") {
            return Ok(());
        }
        let printed = tool(
            text(python),
            &["-c", DISSECT, kind.format, text(file), text(raw)],
        )?;
        self.readers += 1;
        if printed.trim() != expected {
            return Err(format!("dissect reads {printed}").into());
        }
        Ok(())
    }
}

/// Compares with the disk by qemu-img, and has it checked.
fn qemu(file: &Path, kind: &Kind, raw: &Path) -> Result<()> {
    let arguments = [
        "compare",
        "-f",
        kind.qemu,
        "-F",
        "raw",
        text(file),
        text(raw),
    ];
    tool("qemu-img", &arguments)?;
    // qemu-img has no check for the others.
    if matches!(kind.qemu, "vhdx" | "vmdk" | "qcow2") {
        tool("qemu-img", &["check", "-f", kind.qemu, text(file)])?;
    }
    Ok(())
}

/// The structure of a descriptor, by another parser: sections in the order of the schema, elements
/// of items in the order of the alphabet, ids that lead somewhere, sizes that are true.
const OVF: &str = r"
import glob, os, sys
import xml.etree.ElementTree as T
folder = sys.argv[1]
root = T.parse(glob.glob(folder + '/*.ovf')[0]).getroot()
O = '{http://schemas.dmtf.org/ovf/envelope/1}'
local = lambda e: e.tag.split('}')[1]
assert root.tag == O + 'Envelope'
names = [local(e) for e in root]
assert names == ['References', 'DiskSection', 'NetworkSection', 'VirtualSystem'], names
for section in root.iter():
    if local(section).endswith('Section'):
        assert local(section[0]) == 'Info'
file = root.find(O + 'References/' + O + 'File')
disk = root.find(O + 'DiskSection/' + O + 'Disk')
assert disk.get(O + 'fileRef') == file.get(O + 'id')
assert file.get(O + 'href').endswith('-disk1.vmdk')
assert int(file.get(O + 'size')) == os.path.getsize(folder + '/disk.vmdk')
hardware = root.find('.//' + O + 'VirtualHardwareSection')
items = hardware.findall(O + 'Item')
value = lambda item, name: next((e.text for e in item if local(e) == name), None)
ids = [value(item, 'InstanceID') for item in items]
assert len(set(ids)) == len(ids)
for item in items:
    fields = [local(e) for e in item]
    assert fields == sorted(fields), fields
    assert value(item, 'ElementName') and value(item, 'ResourceType')
    parent = value(item, 'Parent')
    assert parent is None or parent in ids
disks = [item for item in items if value(item, 'ResourceType') == '17']
assert value(disks[0], 'HostResource') == 'ovf:/disk/' + disk.get(O + 'diskId')
";

/// Reads a disk by dissect.hypervisor and prints its digest; the raw disk is there for its size.
const DISSECT: &str = r"
import hashlib, os, sys
kind, path, raw = sys.argv[1:]
file = open(path, 'rb')
if kind == 'vhd':
    from dissect.hypervisor.disk.vhd import VHD as Disk
    disk = Disk(file)
elif kind == 'vhdx':
    from dissect.hypervisor.disk.vhdx import VHDX as Disk
    disk = Disk(file)
elif kind == 'vmdk':
    from dissect.hypervisor.disk.vmdk import VMDK as Disk
    disk = Disk([file])
else:
    from dissect.hypervisor.disk.qcow2 import QCow2 as Disk
    disk = Disk(file)
stream = disk.open() if hasattr(disk, 'open') and not hasattr(disk, 'read') else disk
size = os.path.getsize(raw)
# Its VMDKs fail in the last unit of a disk that is no multiple of the unit: the digest's end is ours.
readable = size - size % stream.align if kind == 'vmdk' else size
digest = hashlib.sha256()
left = readable
while left:
    part = stream.read(min(left, 1 << 20))
    assert part, left
    digest.update(part)
    left -= len(part)
assert kind == 'vmdk' or not stream.read(1)
with open(raw, 'rb') as rest:
    rest.seek(readable)
    digest.update(rest.read())
print(digest.hexdigest())
";

/// A disk of a size and fill.
fn make(path: &Path, size: u64, fill: &str) -> Result<()> {
    let file = File::create(path)?;
    file.set_len(size)?;
    match fill {
        "empty" => {}
        "edges" => {
            // One byte before and after each boundary that a format has.
            for boundary in [512u64, 4096, 65_536, 1 << 20, 2 << 20, 32 << 20] {
                for at in [boundary - 1, boundary] {
                    if at < size {
                        file.write_all_at(&[0xa5], at)?;
                    }
                }
            }
            file.write_all_at(&[0x5a], size - 1)?;
        }
        _ => noise(&file, size, fill == "noise")?,
    }
    Ok(())
}

fn noise(file: &File, size: u64, everywhere: bool) -> Result<()> {
    let mut state = size | 1;
    let mut at = 0;
    while at < size {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let len = ((state >> 33) % 200_000 + 1).min(size - at);
        let kind = if everywhere { 3 } else { (state >> 20) % 4 };
        let mut bytes = vec![0u8; usize::try_from(len)?];
        match kind {
            0 => {}
            1 => file.write_all_at(&bytes, at)?,
            2 => {
                bytes.fill(b'x');
                file.write_all_at(&bytes, at)?;
            }
            _ => {
                for byte in &mut bytes {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    *byte = (state & 0xff) as u8;
                }
                file.write_all_at(&bytes, at)?;
            }
        }
        at += len;
    }
    Ok(())
}
