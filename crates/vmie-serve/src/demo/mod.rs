//! A world and a bucket to try the service with.

use std::fs;
use std::io::Write as _;

use vmie::work::FolderBuckets;

use crate::{Error, Scene};

/// The account of the demo world.
pub const ACCOUNT: &str = "111122223333";
/// The Region of its buckets.
pub const REGION: &str = "us-east-1";
/// The bucket that holds the demo guest.
pub const IMPORT_BUCKET: &str = "amzn-s3-demo-import-bucket";
/// The bucket that exports can be written to.
pub const EXPORT_BUCKET: &str = "amzn-s3-demo-export-bucket";
/// The key of the demo guest.
pub const GUEST: &str = "vms/my-server-vm.ova";

/// A small Debian 12 in an OVA.
const OVA: &[u8] = include_bytes!("demo-debian12.ova");

/// The demo world.
///
/// # Errors
/// None: it is part of the program, and a test reads it.
pub fn scene() -> Result<Scene, Error> {
    let world = vmie::parse_world(include_str!("world.toml"))?;
    Ok(Scene::Listed(Box::new(world)))
}

/// Makes the buckets, and puts the guest into one when it is not there.
pub(crate) fn fill(buckets: &FolderBuckets) -> Result<(), Error> {
    buckets.make(IMPORT_BUCKET)?;
    buckets.make(EXPORT_BUCKET)?;
    let path = buckets.path(IMPORT_BUCKET, GUEST)?;
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
    }
    let part = path.with_extension("part");
    fs::File::create(&part)
        .and_then(|mut file| {
            file.write_all(OVA)?;
            file.sync_all()?;
            fs::rename(&part, &path)
        })
        .map_err(|error| Error::io(&path, error))
}

/// Puts the guest into its bucket, which has to be there, when it is not.
#[cfg(feature = "object-store")]
pub(crate) fn put(buckets: &dyn vmie::work::Buckets) -> Result<(), Error> {
    if buckets.head(IMPORT_BUCKET, GUEST)?.is_some() {
        return Ok(());
    }
    let mut writer = buckets.create(IMPORT_BUCKET, GUEST)?;
    writer
        .write_all(OVA)
        .map_err(|error| Error::io(IMPORT_BUCKET, error))?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_whole() {
        scene().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let buckets = FolderBuckets::new(folder.path());
        fill(&buckets).unwrap();
        fill(&buckets).unwrap();
        let path = buckets.path(IMPORT_BUCKET, GUEST).unwrap();
        assert_eq!(fs::metadata(path).unwrap().len(), OVA.len() as u64);
    }
}
