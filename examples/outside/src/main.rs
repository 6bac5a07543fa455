use vmie_formats::{Opened, ReadAt as _, ReadAtExt as _};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("which VHDX?")?;
    let Opened::Disk(disk) = vmie_formats::open(&path)? else {
        return Err("an appliance may hold several disks".into());
    };
    for extent in disk.extents(0..disk.len()) {
        let extent = extent?;
        println!("{} {} {}", extent.start, extent.len, extent.kind.name());
    }
    Ok(())
}
