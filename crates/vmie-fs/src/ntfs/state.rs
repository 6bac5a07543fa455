//! In what state Windows left the volume.

use zerocopy::FromBytes;

use super::file::File;
use super::format::{
    ATTR_DATA, ATTR_VOLUME_INFORMATION, LOGFILE_RECORD, NO_CLIENT, RESTART_VOLUME_IS_CLEAN,
    RestartArea, RestartPage, VOLUME_IS_DIRTY, VolumeInformation,
};
use super::name::{Wanted, from_bytes};
use super::open::Ntfs;
use super::record::Reference;
use crate::{Error, State};

/// Where the two restart pages of the log are, whatever the size of its pages.
const RESTART_PAGES: [u64; 2] = [0, 4096];
/// As much of a page as holds the restart area, which is before the end of the first 512 bytes.
const RESTART_LEN: usize = 510;

/// Clean, dirty or hibernated. What is damaged on the way makes it dirty, not unreadable.
pub(super) fn read(ntfs: &Ntfs, volume: &File) -> State {
    if is_hibernated(ntfs).unwrap_or(false) {
        return State::Hibernated;
    }
    if ntfs.is_mended() {
        return State::Errors;
    }
    let is_clean =
        is_marked_clean(ntfs, volume).unwrap_or(false) && log_is_clean(ntfs).unwrap_or(false);
    if is_clean { State::Clean } else { State::Dirty }
}

fn is_marked_clean(ntfs: &Ntfs, volume: &File) -> Result<bool, Error> {
    let information = volume.with(ntfs, ATTR_VOLUME_INFORMATION, &[], |attribute| {
        Ok(attribute
            .resident()
            .and_then(|value| VolumeInformation::read_from_prefix(value).ok())
            .map(|(information, _)| information))
    })?;
    let flags = information
        .flatten()
        .map(|information| information.flags.get());
    Ok(flags.is_some_and(|flags| flags & VOLUME_IS_DIRTY == 0))
}

/// `hiberfil.sys` starts with `hibr` while what Windows had in memory waits in it; after it was
/// resumed, with `wake` or nothing. The same holds after a shutdown for a fast startup.
fn is_hibernated(ntfs: &Ntfs) -> Result<bool, Error> {
    let Some(name) = from_bytes(b"hiberfil.sys") else {
        return Ok(false);
    };
    let root = ntfs.index(ntfs.root)?;
    let Some(reference) = root.find(ntfs, &Wanted::new(ntfs, name)?)? else {
        return Ok(false);
    };
    let file = File::open(ntfs, reference)?;
    let Some(stream) = file.stream(ntfs, ATTR_DATA, &[])? else {
        return Ok(false);
    };
    if stream.unit(ntfs).is_some() {
        return Ok(false);
    }
    let mut magic = [0; 4];
    stream.read_meta(ntfs, &mut magic, 0)?;
    Ok(magic.eq_ignore_ascii_case(b"hibr"))
}

/// Whether nobody has the log open, as its newest restart area says. A log that was never used
/// has no restart pages.
fn log_is_clean(ntfs: &Ntfs) -> Result<bool, Error> {
    let file = File::open(ntfs, Reference(LOGFILE_RECORD))?;
    let Some(log) = file.stream(ntfs, ATTR_DATA, &[])? else {
        return Ok(false);
    };
    let mut newest: Option<RestartArea> = None;
    let mut is_unused = true;
    for at in RESTART_PAGES {
        let mut page = [0; RESTART_LEN];
        if log.read_meta(ntfs, &mut page, at)? < page.len() {
            continue;
        }
        is_unused &= page.first_chunk::<4>() == Some(&[0xff; 4]);
        if let Some(area) = restart_area(&page) {
            let is_newer = |old: &RestartArea| old.current_lsn.get() < area.current_lsn.get();
            if newest.as_ref().is_none_or(is_newer) {
                newest = Some(area);
            }
        }
    }
    Ok(match newest {
        Some(area) => {
            area.client_in_use_list.get() == NO_CLIENT
                || area.flags.get() & RESTART_VOLUME_IS_CLEAN != 0
        }
        None => is_unused,
    })
}

fn restart_area(page: &[u8; RESTART_LEN]) -> Option<RestartArea> {
    let (header, _) = RestartPage::read_from_prefix(page).ok()?;
    // chkdsk leaves its own mark, and has emptied the log then.
    if &header.magic != b"RSTR" && &header.magic != b"CHKD" {
        return None;
    }
    let start = usize::from(header.restart_area_offset.get());
    let (area, _) = RestartArea::read_from_prefix(page.get(start..)?).ok()?;
    Some(area)
}
