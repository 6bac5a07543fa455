//! What a build says of the formats that it leaves out: run with `--no-default-features`.
#![cfg(not(any(feature = "qcow2", feature = "vdi", feature = "vhdx")))]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests may panic"
)]

use std::sync::{Arc, Mutex};

use vmie_formats::{
    CancelToken, Cause, ConvertOptions, ErrorKind, Format, OpenOptions, ReadError, Target, WriteAt,
    probe, stream,
};
use vmie_testkit::{qcow2, vdi, vhdx};

fn images() -> [(Format, Vec<u8>); 3] {
    [
        (Format::Qcow2, qcow2::Builder::new(1 << 20).build()),
        (Format::Vdi, vdi::Builder::new(1 << 20).build()),
        (Format::Vhdx, vhdx::Builder::dynamic(&[7; 512]).build()),
    ]
}

#[test]
fn what_is_left_out_is_recognised_and_refused() {
    for (format, file) in images() {
        assert_eq!(probe(&file).unwrap()[0].format, format);
        let error = OpenOptions::new().open(Arc::new(file.clone())).unwrap_err();
        assert_eq!(error.cause(), Cause::FormatNotBuilt);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(format.name()), "{error}");
        let error = stream::open(std::io::Cursor::new(file), &OpenOptions::new()).unwrap_err();
        assert_eq!(error.cause(), Cause::FormatNotBuilt);
    }
}

#[derive(Default)]
struct Untouched(Mutex<bool>);

impl WriteAt for Untouched {
    fn write_all_at(&self, _: &[u8], _: u64) -> Result<(), ReadError> {
        *self.0.lock().unwrap() = true;
        Ok(())
    }
    fn set_len(&self, _: u64) -> Result<(), ReadError> {
        self.write_all_at(&[], 0)
    }
    fn write_zeroes_at(&self, _: u64, _: u64) -> Result<(), ReadError> {
        self.write_all_at(&[], 0)
    }
    fn sync(&self) -> Result<(), ReadError> {
        self.write_all_at(&[], 0)
    }
}

#[test]
fn what_is_left_out_is_not_written() {
    for target in [Target::Qcow2, Target::VhdxDynamic, Target::VhdxFixed] {
        let sink = Untouched::default();
        let options = ConvertOptions::new().target(target);
        let done =
            vmie_formats::convert(&vec![1u8; 4096], &sink, &options, &(), &CancelToken::new());
        assert_eq!(done.unwrap_err().cause(), Cause::FormatNotBuilt);
        assert!(!*sink.0.lock().unwrap());
    }
}
