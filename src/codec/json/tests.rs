//! The lexer against serde_json, on random documents, random damage and random chunk boundaries.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Builds a tree from events, trusting them to be well-nested: if they are not, it panics.
#[derive(Default)]
struct Tree {
    open: Vec<(Value, Option<String>)>,
    key: Option<String>,
    done: Option<Value>,
}

impl Tree {
    fn put(&mut self, value: Value) {
        match self.open.last_mut() {
            None => assert!(self.done.replace(value).is_none(), "a second document"),
            Some((Value::Array(items), _)) => items.push(value),
            Some((Value::Object(members), _)) => {
                members.insert(self.key.take().expect("a key before the value"), value);
            }
            Some(_) => unreachable!("only containers are open"),
        }
    }
}

impl Handler for Tree {
    type Error = LexError;

    fn event(&mut self, event: Event<'_>) -> Result<(), LexError> {
        match event {
            Event::ObjectStart => self.open.push((Value::Object(Default::default()), self.key.take())),
            Event::ArrayStart => self.open.push((Value::Array(Vec::new()), self.key.take())),
            Event::ObjectEnd | Event::ArrayEnd => {
                let (value, key) = self.open.pop().expect("an open container");
                assert_eq!(value.is_object(), event == Event::ObjectEnd);
                self.key = key;
                self.put(value);
            }
            Event::Key(key) => assert!(self.key.replace(key.to_owned()).is_none(), "two keys"),
            Event::String(text) => self.put(text.into()),
            Event::Number(text) => self.put(serde_json::from_str(text).unwrap_or(Value::Null)),
            Event::Bool(value) => self.put(value.into()),
            Event::Null => self.put(Value::Null),
        }
        Ok(())
    }

    fn take_unchecked(&mut self, string: &[u8]) -> Result<bool, LexError> {
        let simple = string.iter().all(u8::is_ascii_alphanumeric);
        if simple {
            self.put(String::from_utf8_lossy(string).into());
        }
        Ok(simple)
    }
}

/// Lexes `text`, cut at `cuts` (positions modulo what is left).
fn lex(text: &[u8], cuts: &[usize], limits: Limits) -> Result<Value, LexError> {
    let mut lexer = Lexer::new(limits);
    let mut tree = Tree::default();
    let mut rest = text;
    for cut in cuts {
        let (chunk, later) = rest.split_at(cut % (rest.len() + 1));
        lexer.feed(chunk, &mut tree)?;
        rest = later;
    }
    lexer.feed(rest, &mut tree)?;
    lexer.finish(&mut tree)?;
    Ok(tree.done.expect("a whole document"))
}

/// As deep as serde_json goes.
fn limits() -> Limits {
    Limits { max_depth: 127, ..Limits::default() }
}

fn error(text: &str) -> String {
    lex(text.as_bytes(), &[], limits()).expect_err(text).to_string()
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1000i32..1000).prop_map(|n| Value::from(f64::from(n) / 8.0)),
        "\\PC{0,8}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-c\"\\\\\u{e9}\u{1f600}]{0,3}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Rewrites every character of the strings that may be escaped as `\uXXXX`, where `pick` says so.
fn escape_more(text: &str, pick: u64) -> String {
    let mut escaped = String::new();
    for (place, character) in text.chars().enumerate() {
        if character.is_ascii() || pick >> (place % 64) & 1 == 0 {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04X}"));
            }
        }
    }
    escaped
}

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0usize..12, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn documents_mean_the_same(value in json(), pretty: bool, pick: u64, cuts in cuts()) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = escape_more(&text.expect("a value can be written"), pick);
        prop_assert_eq!(lex(text.as_bytes(), &cuts, limits()), Ok(value));
    }

    /// Damaged documents are refused exactly when serde_json refuses them, but for what we add to the
    /// grammar.
    #[test]
    fn damage_is_judged_the_same(
        value in json(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0u8..3, prop_oneof![
            prop::sample::select(b"{}[]\",:\\u0123456789.eE+-tfn \n\x00\x1f\x7f\x80\xc3\xef\xff".to_vec()),
            any::<u8>(),
        ]), 1..4),
        cuts in cuts(),
    ) {
        let mut text = serde_json::to_vec(&value).expect("a value can be written");
        for (place, kind, byte) in damage {
            let place = place.index(text.len() + 1);
            match kind {
                0 => text.insert(place, byte),
                1 if place < text.len() => text[place] = byte,
                _ if place < text.len() => { text.remove(place); }
                _ => {}
            }
        }
        let ours = lex(&text, &cuts, limits());
        match (serde_json::from_slice::<Value>(&text), ours) {
            (Ok(theirs), Ok(ours)) => prop_assert_eq!(ours, theirs),
            (Ok(_), Err(error)) => prop_assert!(matches!(error.kind, LexErrorKind::DuplicateKey(_)), "{error}"),
            // The lexer leaves it to its user whether a number fits some type.
            (Err(error), Ok(_)) => prop_assert!(error.to_string().starts_with("number out of range"), "{error}"),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn chunks_do_not_matter(text in prop::collection::vec(any::<u8>(), 0..60), cuts in cuts()) {
        prop_assert_eq!(lex(&text, &cuts, limits()), lex(&text, &[], limits()));
    }
}

#[test]
fn numbers_follow_the_grammar() {
    for good in ["0", "-0", "10", "0.0", "-1.50", "1e5", "1E+05", "2.5e-3", "0e0"] {
        for cut in 0..good.len() {
            assert!(lex(good.as_bytes(), &[cut], limits()).is_ok(), "{good}");
            assert!(lex(format!("[{good} ]").as_bytes(), &[cut], limits()).is_ok(), "{good}");
        }
    }
    for bad in [
        "-", "01", "00", "-01", "1.", ".5", "+1", "1e", "1e+", "1.e5", "0x10", "NaN", "Infinity", "-a", "1 2",
    ] {
        assert!(lex(bad.as_bytes(), &[], limits()).is_err(), "{bad}");
        assert!(lex(format!("[{bad}]").as_bytes(), &[], limits()).is_err(), "{bad}");
    }
}

#[test]
fn errors_say_where_and_what() {
    for (text, message) in [
        ("", "at byte 0: the document ends where a value was expected"),
        ("[1,]", "at byte 3: expected a value, found `]`"),
        ("{\"a\":1,}", "at byte 7: expected a member name in double quotes, found `}`"),
        ("{\"a\" 1}", "at byte 5: expected `:`, found `1`"),
        ("[1 2]", "at byte 3: expected `,` or `]`, found `2`"),
        ("{\"a\":1", "at byte 6: the document ends where `,` or `}` was expected"),
        ("[1} ", "at byte 2: expected `,` or `]`, found `}`"),
        ("[] []", "at byte 3: expected nothing but white space after the document, found `[`"),
        ("[\"a", "at byte 3: the document ends where the rest of a string was expected"),
        ("[nul", "at byte 4: the document ends where the rest of a literal was expected"),
        ("[nulL]", "at byte 4: expected null, found `L`"),
        ("[\"a\nb\"]", "at byte 3: the control character 0x0a must be escaped inside a string"),
        (
            "[\"\\x\"]",
            "at byte 3: found `x` after a backslash, which starts no escape; write a backslash as \\\\",
        ),
        (
            "[\"\\ud800x\"]",
            "at byte 8: an escaped surrogate (\\ud800 to \\udfff) stands without its other half",
        ),
        (
            "[\"\\udc00\"]",
            "at byte 7: an escaped surrogate (\\ud800 to \\udfff) stands without its other half",
        ),
        ("\u{feff}[]", "at byte 0: the document starts with a byte order mark; send plain UTF-8 without one"),
        ("{\"a\":1,\"\\u0061\":2}", "at byte 14: the member `a` occurs twice"),
        ("[01]", "at byte 2: a malformed number: expected no digit after a leading zero, found `1`"),
    ] {
        assert_eq!(error(text), message, "{text}");
    }
    assert!(lex(b"[\"\xff\"]", &[], limits()).is_err());
}

#[test]
fn only_the_outermost_object_refuses_duplicates() {
    assert!(lex(br#"[{"a":1,"a":2},{"b":{"a":1,"a":1}}]"#, &[], limits()).is_ok());
    assert!(lex(br#"{"b":{"a":1,"a":1}}"#, &[], limits()).is_ok());
    assert!(lex(br#"{"a":{},"a":{}}"#, &[], limits()).is_err());
}

#[test]
fn limits_hold_to_the_byte() {
    let limits = Limits { max_token: 5, max_depth: 3, max_members: 2 };
    for cut in 0..9 {
        let lex = |text: &str| lex(text.as_bytes(), &[cut], limits).map_err(|error| error.kind);
        assert!(lex(r#"["12345"]"#).is_ok());
        assert!(lex(r#"["\t\t\t\t\t"]"#).is_ok());
        assert!(lex(r#"[12345]"#).is_ok());
        let too_long = Err(LexErrorKind::TokenTooLong { max: 5 });
        assert_eq!(lex(r#"["123456"]"#), too_long);
        assert_eq!(lex(r#"["123456789"#), too_long);
        assert_eq!(lex(r#"["\t\t\t\t\t\t"]"#), too_long);
        assert_eq!(lex(r#"{"123456":0}"#), too_long);
        assert_eq!(lex(r#"[123456]"#), too_long);
        assert!(lex("[[[]]]").is_ok());
        assert_eq!(lex("[[[["), Err(LexErrorKind::TooDeep { max: 3 }));
        assert!(lex(r#"{"a":0,"b":0}"#).is_ok());
        assert_eq!(lex(r#"{"a":0,"b":0,"c":0}"#), Err(LexErrorKind::TooManyMembers { max: 2 }));
    }
}

#[test]
fn after_an_error_nothing_is_taken() {
    let (mut lexer, mut tree) = (Lexer::new(limits()), Tree::default());
    assert!(lexer.feed(b"[1,,", &mut tree).is_err());
    let again = lexer.feed(b"2]", &mut tree).expect_err("it has failed");
    assert_eq!(again.kind, LexErrorKind::AlreadyFailed);
    assert_eq!(lexer.finish(&mut tree).expect_err("it has failed").kind, LexErrorKind::AlreadyFailed);
}
