//! Allocation units: `byte * 2^30`, `GigaBytes`, `MB`.

use vmie_io::int;

use crate::{Cause, Error};

/// What one unit is in bytes, from the programmatic units of DSP0004 (appendix C) and the words
/// of OVF 0.9 that older tools write.
///
/// # Errors
/// [`Cause::OvfUnits`] with the text found.
pub(super) fn bytes_per_unit(text: &str, offset: u64) -> Result<u64, Error> {
    parse(text).ok_or_else(|| {
        Error::new(Cause::OvfUnits)
            .at("Disk", offset)
            .field("capacityAllocationUnits")
            .found(text)
    })
}

fn parse(text: &str) -> Option<u64> {
    let mut product: u64 = 1;
    let mut has_unit = false;
    for factor in text.split('*') {
        let factor = factor.trim();
        let value = match word(factor) {
            // "byte * byte" is no size.
            Some(_) if has_unit => return None,
            Some(bytes) => {
                has_unit = true;
                bytes
            }
            None => number(factor)?,
        };
        product = product.checked_mul(value)?;
    }
    (has_unit && product > 0).then_some(product)
}

fn word(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let shift: u32 = match lower.as_str() {
        "byte" | "bytes" => 0,
        "kb" | "kilobyte" | "kilobytes" | "kibibyte" | "kibibytes" => 10,
        "mb" | "megabyte" | "megabytes" | "mebibyte" | "mebibytes" => 20,
        "gb" | "gigabyte" | "gigabytes" | "gibibyte" | "gibibytes" => 30,
        "tb" | "terabyte" | "terabytes" | "tebibyte" | "tebibytes" => 40,
        _ => return None,
    };
    1u64.checked_shl(shift)
}

fn number(text: &str) -> Option<u64> {
    match text.split_once('^') {
        Some((base, exponent)) => {
            let base: u64 = plain(base.trim())?;
            base.checked_pow(u32::try_from(plain(exponent.trim())?).ok()?)
        }
        None => plain(text),
    }
}

/// Decimal digits and nothing else: `u64::from_str` would take a plus sign too.
pub(super) fn plain(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    // 20 digits are the longest number; more can only be leading zeroes or too large.
    if !digits || int::u64_of(text.len()) > 20 {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_the_tools_are_understood() {
        for (text, bytes) in [
            ("byte", 1),
            ("byte * 2^30", 1 << 30),
            ("byte*2^20", 1 << 20),
            ("byte * 10^9", 1_000_000_000),
            ("byte * 512", 512),
            ("2^10 * byte", 1024),
            ("GigaBytes", 1 << 30),
            ("MegaBytes", 1 << 20),
            ("KB", 1024),
        ] {
            assert_eq!(bytes_per_unit(text, 0).unwrap(), bytes, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "2^30",
            "byte * byte",
            "byte * 2^64",
            "byte * 2^99999999999",
            "byte * -1",
            "byte * +1",
            "byte * 0",
            "byte *",
            "bits",
            "byte * 2^2^2",
        ] {
            let error = bytes_per_unit(text, 9).unwrap_err();
            assert_eq!(
                (error.cause(), error.offset()),
                (Cause::OvfUnits, Some(9)),
                "{text}"
            );
        }
    }
}
