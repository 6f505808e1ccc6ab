//! What strangers may see of an error's message.

use crate::domain::ids::SHOWN;

/// Longest message that is shown.
const LONGEST: usize = 300;
/// Hexadecimal digits in a row from which on they are an identifier, a lease or a token.
const SECRET: usize = 16;

/// A message without what clients have sent, which errors put between quotes, and with identifiers cut short.
pub(super) fn told(message: &str) -> String {
    let mut told = String::new();
    let mut digits = String::new();
    let mut rest = message.chars();
    loop {
        let next = rest.next();
        if let Some(digit) = next.filter(char::is_ascii_hexdigit) {
            digits.push(digit);
            continue;
        }
        match digits.len() >= SECRET {
            true => told.extend(digits.chars().take(SHOWN).chain(['…'])),
            false => told.push_str(&digits),
        }
        digits.clear();
        match next {
            None => break,
            Some('"') => {
                skip_quoted(&mut rest);
                told.push_str("\"…\"");
            }
            Some(other) => told.push(other),
        }
    }
    match told.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &told[..end]),
        None => told,
    }
}

/// Goes past the closing quote, or to the end if there is none.
fn skip_quoted(rest: &mut std::str::Chars) {
    while let Some(next) = rest.next() {
        match next {
            '\\' => drop(rest.next()),
            '"' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::short;

    #[test]
    fn identifiers_are_cut_and_quotes_are_emptied() {
        let id = "0123456789abcdef".repeat(3);
        let message = format!("there is no object {id}/candidates-7-{}", &id[..32]);
        assert_eq!(told(&message), "there is no object 01234567…/candidates-7-01234567…");
        assert_eq!(told(r#"the object "a \" b": refused 12 times"#), r#"the object "…": refused 12 times"#);
        assert_eq!(told(r#"half a "quote"#), r#"half a "…""#);
        assert_eq!(told("more than 100000000 candidate pairs"), "more than 100000000 candidate pairs");
        assert_eq!(told(&format!("{}{id}", "é".repeat(10))), format!("{}01234567…", "é".repeat(10)));
        assert_eq!(told(&"é".repeat(400)).chars().count(), LONGEST + 1);
        assert_eq!(short(&id), "01234567");
    }
}
