//! LZNT1, XPRESS and LZX.
//!
//! The first byte chooses which, the next two how long the output is, and the rest is the input.
//!
//! The oracle: no panic, nothing written past the output, the same result from a decompressor that
//! was used before, and whatever the buffer held before does not shine through.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vmie_fs::decompress::{Damaged, Lzx, Xpress, lznt1};

fuzz_target!(|data: &[u8]| {
    let [which, low, high, input @ ..] = data else {
        return;
    };
    let len = usize::from(u16::from_le_bytes([*low, *high]));
    let mut xpress = Xpress::new();
    let mut lzx = Lzx::new();
    let mut run = |output: &mut [u8]| -> Result<(), Damaged> {
        match which % 3 {
            0 => lznt1(input, output),
            1 => xpress.decompress(input, output),
            _ => lzx.decompress(input, output),
        }
    };
    let mut first = vec![0x11; len + 8];
    let mut second = vec![0xee; len + 8];
    let one = run(&mut first[..len]);
    let other = run(&mut second[..len]);
    assert_eq!(one, other);
    assert!(first[len..].iter().all(|byte| *byte == 0x11));
    if one.is_ok() {
        assert_eq!(first[..len], second[..len]);
    }
});
