//! VDI: VirtualBox disk images, dynamic, fixed and differencing.

mod format;
mod header;
mod open;
mod read;

pub use open::open;
pub use read::Vdi;

#[cfg(test)]
mod tests;
