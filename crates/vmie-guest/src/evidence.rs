//! Facts, and what they rest on.

use std::fmt;

use vmie_volumes::VolumeId;

/// Where something was seen, and what it said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Evidence {
    /// On which volume (or whole disk); `None` when it is about the request or all disks.
    pub volume: Option<VolumeId>,
    /// In which file, by its path in the guest's own tree (`/boot/grub/grub.cfg`).
    pub path: Option<String>,
    /// On which line of the file, from 1.
    pub line: Option<u32>,
    /// At which byte of the file, or of the volume when there is no path.
    pub offset: Option<u64>,
    /// What it says, in a few words.
    pub says: String,
}

impl Evidence {
    /// Something that was seen, its place not yet told.
    #[must_use]
    pub fn new(says: impl Into<String>) -> Self {
        Self {
            volume: None,
            path: None,
            line: None,
            offset: None,
            says: says.into(),
        }
    }

    /// On this volume.
    #[must_use]
    pub fn on(mut self, volume: &VolumeId) -> Self {
        self.volume = Some(volume.clone());
        self
    }

    /// In this file.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// On this line of the file, from 1.
    #[must_use]
    pub fn line(mut self, line: u32) -> Self {
        self.line = Some(line);
        self
    }

    /// At this byte of the file or volume.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }
}

impl fmt::Display for Evidence {
    /// `disk0p1 /etc/fstab:3: /dev/sda1 on /boot`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut place = String::new();
        if let Some(volume) = &self.volume {
            place.push_str(&volume.to_string());
        }
        if let Some(path) = &self.path {
            if !place.is_empty() {
                place.push(' ');
            }
            place.push_str(path);
        }
        if let Some(line) = self.line {
            place.push_str(&format!(":{line}"));
        }
        if let Some(offset) = self.offset {
            if !place.is_empty() {
                place.push(' ');
            }
            place.push_str(&format!("at byte {offset}"));
        }
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.says)
    }
}

/// Something that is so as far as the disk tells, or that could not be established, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact<T> {
    value: Result<T, String>,
    evidence: Vec<Evidence>,
}

impl<T> Fact<T> {
    /// A fact, and what it rests on.
    #[must_use]
    pub fn known(value: T, evidence: Vec<Evidence>) -> Self {
        Self {
            value: Ok(value),
            evidence,
        }
    }

    /// A fact that could not be established, because of `why` (a clause without capital or full
    /// stop: "the root filesystem is XFS, which …").
    #[must_use]
    pub fn unknown(why: impl Into<String>, evidence: Vec<Evidence>) -> Self {
        Self {
            value: Err(why.into()),
            evidence,
        }
    }

    /// The value, when it was established.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        self.value.as_ref().ok()
    }

    /// Why it could not be established.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.value.as_ref().err().map(String::as_str)
    }

    /// What it rests on, or where the search ended.
    #[must_use]
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }
}
