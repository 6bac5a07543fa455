//! `boot.ini`, the boot menu of systems up to Server 2003
//! (<https://learn.microsoft.com/windows-hardware/drivers/devtest/boot-ini-options-in-windows-server-2003>).

use vmie_fs::FileKind;
use vmie_volumes::VolumeId;

use super::Files;

/// Where it is.
pub(crate) const PATH: &str = "/boot.ini";
/// Bytes that are read: NTLDR itself takes ten entries.
const MAX_LEN: u64 = 64 << 10;
/// Entries that are kept.
const MAX_SYSTEMS: usize = 64;

/// A boot menu.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BootIni {
    /// The volume it is on.
    pub volume: VolumeId,
    /// What starts by default: `multi(0)disk(0)rdisk(0)partition(1)\WINDOWS`.
    pub default: Option<String>,
    /// The systems that it starts; boot sectors in files, such as the recovery console's, are none.
    pub systems: Vec<IniSystem>,
}

/// A system that a menu starts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IniSystem {
    /// Where it is, as an ARC path.
    pub path: String,
    /// What the menu calls it.
    pub title: String,
    /// Its options without their slash, in lower case: `fastdetect`.
    pub options: Vec<String>,
    /// The line, from 1.
    pub line: u32,
}

impl IniSystem {
    /// Whether the option is there, with or without a value.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.options
            .iter()
            .any(|one| one.split(['=', ':']).next() == Some(option))
    }
}

/// Reads the one of a volume.
pub(super) fn read(files: Files<'_>) -> Option<BootIni> {
    let node = files.find(PATH).ok()??;
    if files.files.stat(node).ok()?.kind != FileKind::File {
        return None;
    }
    let source = files.open(PATH).ok()??;
    let len = vmie_io::ReadAt::len(&source).min(MAX_LEN);
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    vmie_io::ReadAt::read_exact_at(&source, &mut bytes, 0).ok()?;
    Some(parse(&bytes, files.volume))
}

/// Reads a menu; lines that are no entries are passed over, as NTLDR does.
#[must_use]
pub fn parse(bytes: &[u8], volume: &VolumeId) -> BootIni {
    let text = String::from_utf8_lossy(bytes);
    let mut menu = BootIni {
        volume: volume.clone(),
        default: None,
        systems: Vec::new(),
    };
    let mut section = String::new();
    for (line, number) in text.lines().zip(1u32..) {
        let line = line.trim();
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            section = name.trim().to_ascii_lowercase();
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let key = key.trim();
        match section.as_str() {
            "boot loader" if key.eq_ignore_ascii_case("default") => {
                menu.default = Some(value.trim().to_owned());
            }
            // `C:\CMDCONS\BOOTSECT.DAT` is a boot sector in a file, and no place of a system.
            "operating systems" if key.contains('(') && menu.systems.len() < MAX_SYSTEMS => {
                menu.systems.push(system(key, value.trim(), number));
            }
            _ => {}
        }
    }
    menu
}

fn system(path: &str, value: &str, line: u32) -> IniSystem {
    let (title, options) = match value
        .strip_prefix('"')
        .and_then(|rest| rest.split_once('"'))
    {
        Some((title, options)) => (title, options),
        None => value.split_once(" /").unwrap_or((value, "")),
    };
    IniSystem {
        path: path.to_owned(),
        title: title.to_owned(),
        options: options
            .split_whitespace()
            .map(|word| word.trim_start_matches('/').to_ascii_lowercase())
            .filter(|word| !word.is_empty())
            .collect(),
        line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = b"[boot loader]\r\ntimeout=30\r\ndefault=multi(0)disk(0)rdisk(0)partition(1)\\WINDOWS\r\n\
        redirect=COM1\r\n[operating systems]\r\n\
        multi(0)disk(0)rdisk(0)partition(1)\\WINDOWS=\"Windows Server 2003, Standard\" /fastdetect /redirect\r\n\
        C:\\CMDCONS\\BOOTSECT.DAT=\"Recovery Console\" /cmdcons\r\n\
        multi(0)disk(0)rdisk(0)partition(2)\\WINNT=\"Old\" /NoExecute=OptOut\r\nnonsense\r\n";

    #[test]
    fn systems_are_read_and_the_recovery_console_is_none() {
        let menu = parse(TWO, &VolumeId::partition(0, 1));
        let default = "multi(0)disk(0)rdisk(0)partition(1)\\WINDOWS";
        assert_eq!(menu.default.as_deref(), Some(default));
        let titles: Vec<&str> = menu.systems.iter().map(|one| one.title.as_str()).collect();
        assert_eq!(titles, ["Windows Server 2003, Standard", "Old"]);
        assert!(menu.systems[0].has("redirect") && !menu.systems[1].has("redirect"));
        assert!(menu.systems[1].has("noexecute"));
        assert_eq!(menu.systems[1].line, 8);
    }

    #[test]
    fn every_cut_is_a_smaller_menu() {
        for end in 0..TWO.len() {
            assert!(parse(&TWO[..end], &VolumeId::partition(0, 1)).systems.len() <= 2);
        }
        let many = b"multi(0)=x\n".repeat(1000);
        let many = [&b"[operating systems]\n"[..], &many].concat();
        assert_eq!(
            parse(&many, &VolumeId::partition(0, 1)).systems.len(),
            MAX_SYSTEMS
        );
    }
}
