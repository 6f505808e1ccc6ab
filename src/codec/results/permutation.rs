//! Permutations: `{"mask":[0,1,…]}` for the project's creator, `{"permutation":[…],"rows":n}` for a party.
//!
//! Both come from memory, so each is one function with a callback that takes the text in pieces.

use super::number::push_u32;

/// Text is handed on in pieces of about this many bytes.
const PIECE: usize = 64 << 10;

/// Writes a mask: position by position, whether the two rows put there match.
pub fn mask_json<E>(
    mask: impl IntoIterator<Item = bool>,
    piece: impl FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let matches = mask.into_iter().map(u32::from);
    list(br#"{"mask":["#, matches, b"]}", piece)
}

/// Writes one party's permutation (`permutation[i]` is the new position of row `i`), and the length of the
/// mask.
pub fn permutation_json<E>(
    permutation: impl IntoIterator<Item = u32>,
    rows: u32,
    piece: impl FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let end = format!(r#"],"rows":{rows}}}"#);
    list(br#"{"permutation":["#, permutation, end.as_bytes(), piece)
}

/// Writes `start`, the numbers with commas between, and `end`.
fn list<E>(
    start: &[u8],
    numbers: impl IntoIterator<Item = u32>,
    end: &[u8],
    mut piece: impl FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let mut text = start.to_vec();
    for (place, number) in numbers.into_iter().enumerate() {
        if place > 0 {
            text.push(b',');
        }
        push_u32(number, &mut text);
        if text.len() >= PIECE {
            piece(std::mem::take(&mut text))?;
        }
    }
    text.extend_from_slice(end);
    piece(text)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn texts() {
        let mut text = Vec::new();
        let Ok(()) = mask_json([true, false, true], |piece| {
            text.extend(piece);
            Ok::<_, Infallible>(())
        });
        assert_eq!(text, br#"{"mask":[1,0,1]}"#);
        text.clear();
        let Ok(()) = permutation_json([2, 0, 11], 2, |piece| {
            text.extend(piece);
            Ok::<_, Infallible>(())
        });
        assert_eq!(text, br#"{"permutation":[2,0,11],"rows":2}"#);
    }

    #[test]
    fn long_texts_come_in_pieces_and_read_back() {
        let (mut text, mut pieces) = (Vec::new(), 0);
        let Ok(()) = permutation_json(0..100_000, 7, |piece| {
            assert!(piece.len() < 2 * PIECE);
            pieces += 1;
            text.extend(piece);
            Ok::<_, Infallible>(())
        });
        assert!(pieces > 2);
        let value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(
            value,
            serde_json::json!({ "permutation": (0..100_000).collect::<Vec<u32>>(), "rows": 7 })
        );
    }

    #[test]
    fn an_error_of_the_taker_ends_the_writing() {
        let mut taken = 0;
        let result = mask_json(std::iter::repeat_n(true, 1 << 20), |_| {
            taken += 1;
            Err("full")
        });
        assert_eq!((result, taken), (Err("full"), 1));
    }
}
