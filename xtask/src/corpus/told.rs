//! What the index says of an image: columns `size`, `what` and `other_tool`.
//!
//! The last is made of sentences with ` ; ` between them, of which those of readers of images are taken
//! here: `qemu-img: format=F virtual=N …`, `libvhdi: media=N … content sha256=H`, and so on; a digest
//! that stands alone is that of the reader before it.

/// What one reader says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// Its name.
    pub(super) reader: &'static str,
    /// The format, by our name.
    pub(super) format: Option<String>,
    /// Bytes of the disk.
    pub(super) size: Option<u64>,
    /// SHA-256 of the disk.
    pub(super) digest: Option<String>,
    /// Whether it refuses the image.
    pub(super) refuses: bool,
}

/// What is told of an image.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// Bytes of the file as it is unpacked, when the index says that.
    pub(super) file_size: Option<u64>,
    /// What readers say, each once.
    pub(super) readings: Vec<Reading>,
    /// Bytes of the disks of a descriptor, in order.
    pub(super) capacities: Vec<u64>,
}

/// The readers, by how their sentences begin. A sentence may hold that of another.
const READERS: [(&str, &str); 4] = [
    ("qemu-img (on a copy", "qemu-img on a repaired copy"),
    ("dissect.hypervisor:", "dissect.hypervisor"),
    ("libvhdi:", "libvhdi"),
    ("qemu-img", "qemu-img"),
];

/// What a line of the index tells.
pub(super) fn told(line: &str) -> Told {
    let columns: Vec<&str> = line.split('\t').collect();
    let column = |index: usize| columns.get(index).copied().unwrap_or_default();
    let what = column(5);
    let file_size = match number_after(what, "raw size ") {
        Some(size) => Some(size),
        None if what.contains("stored compressed only") => None,
        None => column(1).parse().ok(),
    };
    let mut told = Told {
        file_size,
        ..Told::default()
    };
    let mut inside = true;
    for sentence in column(7).trim_matches('"').split(" ; ") {
        if let Some(sentence) = sentence.strip_prefix("member ") {
            // Of an appliance, what counts is its disk; a chunk is none.
            inside = sentence.contains("format=vmdk");
            if inside && let Some((_, of_disk)) = sentence.split_once("qemu-img: ") {
                let mut reading = reading("qemu-img", of_disk);
                reading.format = Some("ova".into());
                told.readings.push(reading);
            }
            continue;
        }
        match READERS
            .iter()
            .find(|(start, _)| sentence.starts_with(start))
        {
            Some((_, reader)) => told.readings.push(reading(reader, sentence)),
            None if inside && sentence.starts_with("content sha256") => {
                if let Some(last) = told.readings.last_mut() {
                    last.digest = digest(sentence);
                }
            }
            None => told.capacities.extend(capacities(sentence)),
        }
    }
    told
}

fn reading(reader: &'static str, sentence: &str) -> Reading {
    // What qemu-img says when it is told the format stands behind what another reader says.
    let own = sentence
        .find(" qemu-img ")
        .map_or(sentence, |at| &sentence[..at]);
    let word = |key: &str| {
        let (_, after) = own.split_once(key)?;
        after.split_whitespace().next().map(str::to_owned)
    };
    let format = word("format=").map(|name| match name.as_str() {
        "vpc" => "vhd".to_owned(),
        _ => name,
    });
    Reading {
        reader,
        format,
        size: ["virtual=", "media=", " size="]
            .iter()
            .find_map(|key| number_after(own, key)),
        digest: digest(own),
        refuses: sentence.contains("REFUSES"),
    }
}

fn digest(sentence: &str) -> Option<String> {
    let (_, after) = sentence.split_once("content sha256")?;
    let (_, digest) = after.split_once('=')?;
    let digest: String = digest.chars().take_while(char::is_ascii_hexdigit).collect();
    (digest.len() == 64).then_some(digest)
}

fn number_after(text: &str, key: &str) -> Option<u64> {
    let (_, after) = text.split_once(key)?;
    let digits = after
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(after.len());
    after[..digits].parse().ok()
}

/// The capacities in `disks=['40/byte * 2^20->file1 …', …]`.
fn capacities(sentence: &str) -> Vec<u64> {
    let Some((_, disks)) = sentence.split_once("disks=[") else {
        return Vec::new();
    };
    let disks = disks.split(']').next().unwrap_or_default();
    let capacity = |disk: &str| {
        let value = disk.trim().trim_start_matches('\'').split("->").next()?;
        let (count, unit) = value.split_once('/').unwrap_or((value, "byte"));
        let power = number_after(unit, "byte * 2^").unwrap_or(0);
        count
            .parse::<u64>()
            .ok()?
            .checked_shl(u32::try_from(power).ok()?)
    };
    disks.split(", ").filter_map(capacity).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(what: &str, tools: &str) -> Told {
        told(&format!(
            "a/b.img\t512\ta\torigin\tlicense\t{what}\t00\t{tools}"
        ))
    }

    #[test]
    fn readers_and_their_digests_are_told_apart() {
        let digest = "ab".repeat(32);
        let told = line(
            "x [stored compressed only; raw size 77, raw sha256 00]",
            &format!(
                "qemu-img: format=vpc virtual=10 ; content sha256(qemu-img convert)={digest} ; \
                 libvhdi: media=12 type=3 content sha256={digest} qemu-img -f vpc virtual=99"
            ),
        );
        assert_eq!(told.file_size, Some(77));
        let [qemu, libvhdi] = &told.readings[..] else {
            panic!()
        };
        assert_eq!(qemu.format.as_deref(), Some("vhd"));
        assert_eq!((qemu.size, libvhdi.size), (Some(10), Some(12)));
        assert_eq!(qemu.digest, Some(digest.clone()));
        assert_eq!(libvhdi.digest, Some(digest));
    }

    #[test]
    fn capacities_have_units() {
        let told = line(
            "x",
            "tar: y ; expat: z disks=['40/byte * 2^20->f a', '7->g b'] files=[]",
        );
        assert_eq!(told.capacities, [40 << 20, 7]);
    }
}
