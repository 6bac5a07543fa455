//! VM import as a library: opens the images that machines come in, says what the guest is and
//! whether it would import, and imports it into a store on this machine.
//!
//! The crate is the roof over smaller ones, which it re-exports:
//!
//! - [`io`]: bytes at offsets, limits, typed faults;
//! - [`formats`]: disks out of images and appliances;
//! - [`volumes`]: partitions of disks;
//! - [`fs`]: files inside of volumes;
//! - [`guest`]: which system it is, and whether it would import;
//! - [`rules`]: what the service says;
//! - [`tasks`]: the pure engine of import tasks.
//!
//! What it adds is the way between them ([`Image`], [`volumes_of`], [`guest_tree`], [`preflight()`])
//! [`work`], which does the engine's work orders, and [`LocalHost`], which runs them on threads and
//! keeps images in a folder.
//!
//! ```
//! use vmie::{HostOptions, Image, ImageOptions, ImportSpec, Judging, LocalHost, Outcome};
//! use vmie::io::{CancelToken, Limits};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("disk.raw");
//! # std::fs::write(&path, vec![0u8; 1 << 20])?;
//! # let store = folder.path().join("store");
//! // Would it import?
//! let images = [Image::open(&path, &ImageOptions::new())?];
//! let preflight = vmie::preflight(&images, &Judging::default(), &Limits::default())?;
//! println!("{}", preflight.verdict.decision);
//!
//! // Import it. An empty disk holds no system, so this task fails, and says why.
//! let mut host = LocalHost::open(&store, HostOptions::new())?;
//! let spec = ImportSpec::new(vec![path]);
//! let imported = host.import(&spec, &mut |event| println!("{event:?}"), &CancelToken::new())?;
//! match &imported.outcome {
//!     Outcome::Completed { image, .. } => println!("{}", image.image_id),
//!     Outcome::Failed { message, .. } => println!("{message}"),
//!     _ => {}
//! }
//! # assert!(matches!(imported.outcome, Outcome::Failed { .. }));
//! host.acknowledge(&imported)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The store
//!
//! A folder with `ami-…/image.json` for each image, `snap-….raw` (a sparse file) and `snap-….json`
//! (its digest) for each disk, a journal, and `work` for what is not finished. Whatever moment a
//! run is killed at, nothing unfinished has a final name, and the next run goes on with the task or
//! removes what is left of it.
#![cfg_attr(
    test,
    allow(
        clippy::as_conversions,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "tests may panic"
    )
)]

mod buckets;
mod check;
mod clock;
mod compare;
mod convert;
mod disks;
mod error;
mod export;
mod facts;
mod host;
mod image;
mod preflight;
pub mod service;
mod store;
mod tree;
pub mod work;
mod world;

pub use vmie_formats as formats;
pub use vmie_fs as fs;
pub use vmie_guest as guest;
pub use vmie_io as io;
pub use vmie_rules as rules;
pub use vmie_tasks as tasks;
pub use vmie_volumes as volumes;

pub use self::disks::{DiskVolumes, Volume, Volumes, open_filesystem, open_volume, volumes_of};
pub use check::check_image;
pub use clock::{now, today};
pub use compare::{Difference, compare};
pub use convert::{FileOptions, convert_to_file, convert_to_manifest, stream_to_file};
pub use error::{Below, Cause, Error};
pub use export::{export_disk, stored_disks};
pub use host::{
    ExportSpec, Exported, ExportedFile, HostOptions, ImportSpec, Imported, LocalHost, Outcome,
    StoredDisk,
};
pub use image::{GuestDisk, Image, ImageOptions, guest_disks, views};
pub use preflight::{Judging, Preflight, inspect, preflight, preflight_disks, total_size};
pub use store::{
    Durable, ImageDisk, ImageNote, InstanceDisk, InstanceNote, SnapshotNote, SourceFile, StepHook,
    StoreSchema, VolumeNote,
};
pub use tree::{guest_tree, tree_of};
pub use world::{parse_world, read_world};
