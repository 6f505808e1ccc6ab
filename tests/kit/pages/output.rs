//! Compares what commands print with what a page says. `…` stands for anything within a line; a line that is `…` alone, for any
//! number of lines. In JSON a string may hold it, and the string `…` stands for any value, or for the rest of an array or object.

use serde_json::Value;

/// Anything.
const ANY: &str = "…";

/// Whether a text is as the page says, line by line; white space at the end of lines doesn't count.
pub fn text_is(said: &str, wanted: &str) -> bool {
    let said: Vec<&str> = said.trim_end().lines().map(str::trim_end).collect();
    let wanted: Vec<&str> = wanted.trim_end().lines().map(str::trim_end).collect();
    lines_are(&said, &wanted)
}

fn lines_are(said: &[&str], wanted: &[&str]) -> bool {
    match (said, wanted) {
        (_, [first, rest @ ..]) if first.trim() == ANY => {
            (0..=said.len()).any(|skipped| lines_are(&said[skipped..], rest))
        }
        ([line, said @ ..], [pattern, wanted @ ..]) => line_is(line, pattern) && lines_are(said, wanted),
        ([], []) => true,
        _ => false,
    }
}

/// Whether a line fits a pattern.
fn line_is(line: &str, pattern: &str) -> bool {
    let Some((before, after)) = pattern.split_once(ANY) else { return line == pattern };
    let Some(rest) = line.strip_prefix(before) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| line_is(&rest[at..], after))
}

/// Whether a JSON document is as the page says.
pub fn json_is(said: &Value, wanted: &Value) -> bool {
    match (said, wanted) {
        (_, Value::String(any)) if any == ANY => true,
        (Value::String(said), Value::String(wanted)) => line_is(said, wanted),
        (Value::Array(said), Value::Array(wanted)) => match wanted.split_last() {
            Some((Value::String(any), first)) if any == ANY => {
                said.len() >= first.len()
                    && said.iter().zip(first).all(|(said, wanted)| json_is(said, wanted))
            }
            _ => {
                said.len() == wanted.len()
                    && said.iter().zip(wanted).all(|(said, wanted)| json_is(said, wanted))
            }
        },
        (Value::Object(said), Value::Object(wanted)) => {
            let named = wanted.iter().filter(|(name, _)| *name != ANY);
            let open = wanted.contains_key(ANY);
            named.clone().all(|(name, wanted)| said.get(name).is_some_and(|said| json_is(said, wanted)))
                && (open || said.len() == named.count())
        }
        _ => said == wanted,
    }
}

#[test]
fn wildcards_stand_for_some_things_and_not_for_all() {
    for (said, wanted, fits) in [
        ("a 1\nb\n", "a …\nb", true),
        ("a 1\nb\n", "a …", false),
        ("a\nx\ny\nb", "a\n…\nb", true),
        ("a\nx\ny", "a\n…\nb", false),
        ("id abc, size 3", "id …, size 3", true),
        ("id abc, size 4", "id …, size 3", false),
        ("", "", true),
        ("x", "", false),
    ] {
        assert_eq!(text_is(said, wanted), fits, "{said:?} {wanted:?}");
    }
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (said, wanted, fits) in [
        (r#"{"a":1,"b":"x1"}"#, r#"{"a":1,"b":"x…"}"#, true),
        (r#"{"a":1,"b":2}"#, r#"{"a":1}"#, false),
        (r#"{"a":1,"b":2}"#, r#"{"a":1,"…":"…"}"#, true),
        ("[1,2,3]", r#"[1,2,"…"]"#, true),
        ("[1,2,3]", "[1,2]", false),
        ("[1]", r#"[1,2,"…"]"#, false),
        ("2", "2.0", false),
    ] {
        assert_eq!(json_is(&json(said), &json(wanted)), fits, "{said} {wanted}");
    }
}
