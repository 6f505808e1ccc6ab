//! Permutations and mask as one text.
//!
//! The service hands each party its own permutation and the mask to the project's creator, and so keeps them apart. On
//! one machine there is nobody to keep them from, and they come in one file: JSON
//! `{"mask":[…],"permutations":[[…],[…]]}`, or CSV lines `party,row,position,match` for every row of both parties. The
//! mask is as long as the larger party, or with `--permutation-positions smaller` as the smaller; a row beyond it matches nothing.

use anyhow::Result;

use crate::codec::results::TextFormat;
use crate::matching::permutation::Permutations;

/// Appends the text to `buffer`; `drain` is called after each number and may empty it.
pub fn write(
    permutations: &Permutations,
    format: TextFormat,
    buffer: &mut Vec<u8>,
    mut drain: impl FnMut(&mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    match format {
        TextFormat::Json => {
            buffer.extend_from_slice(br#"{"mask":"#);
            list(permutations.mask.iter().by_vals().map(u32::from), buffer, &mut drain)?;
            buffer.extend_from_slice(br#","permutations":["#);
            for (party, permutation) in permutations.permutation.iter().enumerate() {
                if party > 0 {
                    buffer.push(b',');
                }
                list(permutation.iter().copied(), buffer, &mut drain)?;
            }
            buffer.extend_from_slice(b"]}");
        }
        TextFormat::Csv => {
            buffer.extend_from_slice(b"party,row,position,match\n");
            for (party, permutation) in permutations.permutation.iter().enumerate() {
                for (row, &position) in permutation.iter().enumerate() {
                    let matches = permutations.mask.get(position as usize).is_some_and(|bit| *bit);
                    let line = format!("{party},{row},{position},{}\n", u8::from(matches));
                    buffer.extend_from_slice(line.as_bytes());
                    drain(buffer)?;
                }
            }
        }
    }
    Ok(())
}

/// A JSON array.
fn list(
    numbers: impl Iterator<Item = u32>,
    buffer: &mut Vec<u8>,
    drain: &mut impl FnMut(&mut Vec<u8>) -> Result<()>,
) -> Result<()> {
    buffer.push(b'[');
    for (place, number) in numbers.enumerate() {
        if place > 0 {
            buffer.push(b',');
        }
        buffer.extend_from_slice(number.to_string().as_bytes());
        drain(buffer)?;
    }
    buffer.push(b']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use bitvec::prelude::{Lsb0, bitvec};

    use super::*;

    #[test]
    fn texts() {
        let permutations =
            Permutations { mask: bitvec![u64, Lsb0; 0, 1], permutation: [vec![1, 0], vec![2, 1, 0]] };
        let text = |format| {
            let (mut buffer, mut text) = (Vec::new(), Vec::new());
            let drain = |buffer: &mut Vec<u8>| {
                text.append(buffer);
                Ok(())
            };
            write(&permutations, format, &mut buffer, drain).unwrap();
            text.extend(buffer);
            String::from_utf8(text).unwrap()
        };
        assert_eq!(text(TextFormat::Json), r#"{"mask":[0,1],"permutations":[[1,0],[2,1,0]]}"#);
        assert_eq!(
            text(TextFormat::Csv),
            "party,row,position,match\n0,0,1,1\n0,1,0,0\n1,0,2,0\n1,1,1,1\n1,2,0,0\n"
        );
    }
}
