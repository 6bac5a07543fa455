//! What every disk that can be opened has to hold.

use vmie_formats::{DiskImage, ExtentKind};

/// Bytes of the largest disk that is read whole.
const WHOLE: u64 = 4 << 20;

/// Extents tile the disk from its start to its end and tell the truth; pieces of any size agree with the
/// whole.
pub fn check(disk: &dyn DiskImage) {
    let mut at = 0;
    for _ in 0..2000 {
        let Ok(extent) = disk.next_extent(at) else {
            break;
        };
        if at >= disk.len() {
            assert_eq!(extent.len, 0);
            break;
        }
        assert!(extent.start == at && extent.len > 0 && extent.end() <= disk.len());
        if disk.len() <= WHOLE {
            let mut whole = vec![0xa5; extent.len as usize];
            let read = disk.read_exact_at(&mut whole, at);
            if extent.kind != ExtentKind::Data {
                read.expect("zeroes can be read");
                assert!(whole.iter().all(|b| *b == 0));
            } else if read.is_ok() {
                let mut piece = [0xa5; 1000];
                for (index, part) in whole.chunks(1000).enumerate().take(70) {
                    let piece = &mut piece[..part.len()];
                    disk.read_exact_at(piece, at + index as u64 * 1000)
                        .expect("the whole could");
                    assert!(piece == part);
                }
            }
        }
        at = extent.end();
    }
}
