//! Numbers of bytes, as people write and read them.

use std::fmt;

const UNITS: [(&str, u64); 5] = [
    ("PiB", 1 << 50),
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];

/// Shows a number of bytes with a unit: `1.4 MiB`; exact multiples without a fraction: `8 GiB`.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = show(self.0);
        f.pad(&text)
    }
}

fn show(bytes: u64) -> String {
    for (unit, size) in UNITS {
        let whole = bytes.checked_div(size).unwrap_or(0);
        if whole == 0 {
            continue;
        }
        let rest = bytes.checked_rem(size).unwrap_or(0);
        if rest == 0 {
            return format!("{whole} {unit}");
        }
        // Tenths, rounded down: a disk is never shown larger than it is.
        let tenths = u128::from(rest)
            .saturating_mul(10)
            .checked_div(u128::from(size))
            .unwrap_or(0);
        return format!("{whole}.{tenths} {unit}");
    }
    format!("{bytes} B")
}

/// A number of bytes as it is typed: `20M`, `1GiB`, `4096`; units are powers of 1024.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return Err(format!("'{unit}' is no unit; use K, M, G or T")),
    };
    let number: u64 = digits.parse().map_err(|_| {
        "a whole number is wanted, with K, M, G or T after it if you like".to_owned()
    })?;
    match number.checked_mul(factor) {
        Some(0) => Err("it must be more than zero".to_owned()),
        Some(bytes) => Ok(bytes),
        None => Err("the number is too large".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            ((8 << 30) - 1, "7.9 GiB"),
            (8 << 30, "8 GiB"),
            (u64::MAX, "16383.9 PiB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn sizes_are_read_as_typed() {
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("20M"), Ok(20 << 20));
        assert_eq!(parse("1gib"), Ok(1 << 30));
        for bad in ["", "M", "-1", "1.5G", "20Q", "0", "99999999999T"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
