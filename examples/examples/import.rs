//! Import an image into a store, as a task that survives a kill.
//!
//! `cargo run -p vmie-examples --example import -- examples/data/demo-debian12.ova /tmp/vmie-store`
#![allow(clippy::print_stdout, reason = "an example prints")]

use std::path::PathBuf;

use vmie::io::CancelToken;
use vmie::{HostOptions, ImportSpec, LocalHost, Outcome};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (image, store) =
        (arguments.next().zip(arguments.next())).ok_or("name an image and a store")?;
    let mut host = LocalHost::open(&store, HostOptions::new())?;
    let spec = ImportSpec::new(vec![image]);
    let imported = host.import(
        &spec,
        &mut |event| println!("{event:?}"),
        &CancelToken::new(),
    )?;
    match &imported.outcome {
        Outcome::Completed { image, disks, .. } => {
            println!("{}", image.image_id);
            for disk in disks {
                println!("{} sha256 {}", disk.path.display(), disk.sha256);
            }
        }
        Outcome::Failed { message, .. } => println!("not imported: {message}"),
        _ => {}
    }
    host.acknowledge(&imported)?;
    Ok(())
}
