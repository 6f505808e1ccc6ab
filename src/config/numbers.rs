//! Numbers on the command line and in the environment: whole numbers may carry `_` separators, sizes and durations a unit.

use std::str::FromStr;

use super::retention::LONGEST;

/// Reads a whole number such as `300_000_000`.
///
/// # Errors
/// A sentence for the command line.
pub fn integer<T: FromStr>(text: &str) -> Result<T, String> {
    let digits: String = text.trim().chars().filter(|c| *c != '_').collect();
    digits.parse().map_err(|_| format!("{text:?} is no whole number in range (`_` may separate digits)"))
}

/// Reads a number of bytes such as `10_000_000`, `512MiB`, `4 GiB` or `10GB`.
///
/// # Errors
/// A sentence for the command line.
pub fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "k" | "ki" | "kib" => 1 << 10,
        "m" | "mi" | "mib" => 1 << 20,
        "g" | "gi" | "gib" => 1 << 30,
        _ => return Err(format!("{text:?} has an unknown unit: known are KB, MB, GB, KiB, MiB and GiB")),
    };
    let number: u64 = integer(number)?;
    number.checked_mul(factor).ok_or_else(|| format!("{text:?} is too large"))
}

/// Reads a project's life in seconds, such as `3600`, `90min`, `12h`, `30d` or `2w`: from a second to ten years.
///
/// # Errors
/// A sentence for the command line.
pub fn lifetime(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "s" => 1,
        "min" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        "w" => 7 * 24 * 3600,
        _ => return Err(format!("{text:?} has an unknown unit: known are s, min, h, d and w")),
    };
    let number: u64 = integer(number)?;
    match number.checked_mul(factor) {
        Some(seconds @ 1..=LONGEST) => Ok(seconds),
        _ => Err(format!("{text:?} is out of range: from 1 second to 3650d is possible")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_have_units_and_ends() {
        for (text, seconds) in
            [("1", 1), ("3_600", 3600), ("90s", 90), ("2 min", 120), ("12h", 43_200), ("30d", 2_592_000)]
        {
            assert_eq!(lifetime(text), Ok(seconds), "{text}");
        }
        assert_eq!(lifetime("3650d"), Ok(LONGEST));
        for bad in ["", "0", "-1", "3651d", "5 fortnights", "1m", "1.5h", "99999999999999999999w"] {
            assert!(lifetime(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn separators_are_allowed() {
        assert_eq!(integer("300_000_000"), Ok(300_000_000_u64));
        assert!(integer::<u16>("70000").is_err());
        for bad in ["", "_", "1.5", "-1", "ten"] {
            assert!(integer::<u64>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("10GB"), Ok(10_000_000_000));
        assert_eq!(bytes("512 MiB"), Ok(512 << 20));
        assert_eq!(bytes("4Gi"), Ok(4 << 30));
        assert_eq!(bytes("1_000"), Ok(1000));
        for bad in ["", "GB", "5 parsecs", "99999999999 GiB"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }
}
