//! Bytes in memory as a source.

use crate::read::check_range;
use crate::{ReadAt, ReadError, int};

fn read_slice(bytes: &[u8], buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
    let end = check_range("memory", buf, offset, int::u64_of(bytes.len()))?;
    match bytes.get(int::usize_of(offset)..int::usize_of(end)) {
        Some(part) => {
            buf.copy_from_slice(part);
            Ok(())
        }
        None => Err(ReadError::past_end(
            "memory",
            offset,
            buf.len(),
            int::u64_of(bytes.len()),
        )),
    }
}

macro_rules! bytes_are_a_source {
    ($($container:ty),*) => {$(
        impl ReadAt for $container {
            fn len(&self) -> u64 {
                let bytes: &[u8] = self;
                int::u64_of(bytes.len())
            }
            fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
                read_slice(self, buf, offset)
            }
        }
    )*};
}

bytes_are_a_source!([u8], Vec<u8>, bytes::Bytes);

#[cfg(test)]
mod tests {
    use crate::{ErrorKind, ReadAt, ReadAtExt};

    #[test]
    fn bytes_are_read_in_place_and_never_past_the_end() {
        let bytes = bytes::Bytes::from_static(b"0123456789");
        assert_eq!(&bytes.read_array::<3>(7).unwrap(), b"789");
        assert_eq!(
            bytes.read_array::<3>(8).unwrap_err().kind(),
            ErrorKind::Truncated
        );
        assert!(bytes.read_array::<1>(u64::MAX).is_err());
        let mut buf = [0; 4];
        assert_eq!(bytes.read_up_to(&mut buf, 8).unwrap(), 2);
        assert_eq!(bytes.read_up_to(&mut buf, 99).unwrap(), 0);
        assert_eq!(ReadAt::len(&bytes), 10);
    }
}
