//! LUKS of both versions by cryptsetup: what a volume says of itself in the clear, as `cryptsetup luksDump` says it.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use vmie::fs::{Error, FsKind};

use super::super::compare::{limits, volume};
use super::super::mount::image;
use super::{Counts, MIB};
use crate::Result;
use crate::run::{Tally, text, tool};

/// A name, and the options of `cryptsetup luksFormat`.
const VARIANTS: &[(&str, &[&str])] = &[
    ("LUKS1", &["--type", "luks1"]),
    (
        "LUKS1, CBC",
        &[
            "--type",
            "luks1",
            "--cipher",
            "aes-cbc-essiv:sha256",
            "--key-size",
            "256",
        ],
    ),
    (
        "LUKS1, its data far behind",
        &[
            "--type",
            "luks1",
            "--cipher",
            "aes-xts-plain64",
            "--align-payload",
            "16384",
        ],
    ),
    ("LUKS2", &["--type", "luks2"]),
    (
        "LUKS2 with names and large sectors",
        &[
            "--type",
            "luks2",
            "--label",
            "größer",
            "--subsystem",
            "peers",
            "--sector-size",
            "4096",
        ],
    ),
    (
        "LUKS2, large areas",
        &[
            "--type",
            "luks2",
            "--luks2-metadata-size",
            "128k",
            "--luks2-keyslots-size",
            "8m",
        ],
    ),
    (
        "LUKS2, CBC",
        &[
            "--type",
            "luks2",
            "--cipher",
            "aes-cbc-plain64",
            "--key-size",
            "256",
        ],
    ),
];

/// A key that costs little to derive; the volumes hold nothing.
const KEY: &[&str] = &[
    "-q",
    "--pbkdf",
    "pbkdf2",
    "--pbkdf-force-iterations",
    "1000",
    "--key-file",
    "/dev/zero",
    "--keyfile-size",
    "32",
];

pub(super) fn run(tally: &mut Tally, counts: &mut Counts) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, options) in VARIANTS {
        let path = folder.path().join("luks.img");
        image(&path, 64 * MIB)?;
        tool(
            "cryptsetup",
            &[&["luksFormat"], KEY, options, &[text(&path)]].concat(),
        )?;
        one(tally, name, &path, false)?;
        counts.volumes += 1;
        if options.contains(&"luks2") {
            // The second header holds when the first is lost, for cryptsetup as for us.
            let file = File::options().write(true).open(&path)?;
            file.write_all_at(&[0; 512], 0)?;
            one(
                tally,
                &format!("{name}, the first header lost"),
                &path,
                true,
            )?;
            counts.volumes += 1;
        }
        std::fs::remove_file(&path)?;
    }
    Ok(())
}

fn one(tally: &mut Tally, name: &str, path: &Path, second: bool) -> Result<()> {
    let source = volume(path)?;
    let identity = vmie::fs::probe(&*source)?.ok_or_else(|| format!("{name}: it is not known"))?;
    let said = Dump::of(path)?;
    let kind = match said.line("Version") {
        Some("1") => FsKind::Luks1,
        Some("2") => FsKind::Luks2,
        other => return Err(format!("{name}: cryptsetup tells version {other:?}").into()),
    };
    tally.same(name, identity.kind, kind);
    tally.same(
        &format!("{name}: UUID"),
        identity.uuid.as_deref(),
        said.line("UUID"),
    );
    let label = said.line("Label").filter(|label| *label != "(no label)");
    tally.same(&format!("{name}: label"), identity.label.as_deref(), label);
    let encryption = identity
        .encryption
        .ok_or_else(|| format!("{name}: no encryption"))?;
    tally.same(&format!("{name}: cipher"), encryption.cipher, said.cipher());
    tally.same(
        &format!("{name}: second header"),
        encryption.by_second_header,
        second,
    );
    let opened = vmie::fs::open(source, &limits()).err();
    let cause = opened.as_ref().map(Error::cause);
    tally.same(
        &format!("{name}: opened"),
        cause,
        Some(vmie::fs::Cause::NotRead(kind)),
    );
    Ok(())
}

/// What `cryptsetup luksDump` prints.
struct Dump(String);

impl Dump {
    fn of(path: &Path) -> Result<Self> {
        Ok(Self(tool("cryptsetup", &["luksDump", text(path)])?))
    }

    /// What a line has behind its name.
    fn line(&self, name: &str) -> Option<&str> {
        let mut lines = self
            .0
            .lines()
            .filter_map(|line| line.trim().split_once(':'));
        lines
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value.trim())
    }

    /// The cipher of the data: in LUKS1 in two parts, in LUKS2 that of the segment.
    fn cipher(&self) -> Option<String> {
        match (self.line("Cipher name"), self.line("Cipher mode")) {
            (Some(name), Some(mode)) => Some(format!("{name}-{mode}")),
            _ => self.line("cipher").map(str::to_owned),
        }
    }
}
