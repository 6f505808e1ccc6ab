//! Bodies that cannot be understood, with the words in which they are refused.

use super::*;

#[test]
fn what_cannot_be_understood_is_refused_by_name() {
    for (body, message) in [
        ("[]", "the body: expected a JSON object such as {\"clks\":[\"…\"]}, found an array"),
        ("{}", "no encodings: expected a non-empty list in `clks`, `encodings` or `clknblocks`"),
        (r#"{"clks":[]}"#, "no encodings: expected a non-empty list in `clks`, `encodings` or `clknblocks`"),
        (
            r#"{"blocks":{"0":[]}}"#,
            "no encodings: expected a non-empty list in `clks`, `encodings` or `clknblocks`",
        ),
        (r#"{"clks":"AAAA"}"#, "`clks`: expected an array of base64 strings, found a string"),
        (r#"{"clks":{}}"#, "`clks`: expected an array of base64 strings, found an object"),
        (r#"{"clks":["AAECAwQFBgc=",7]}"#, "encoding 1: expected a base64 string, found a number"),
        (
            r#"{"clks":["AAECAwQFBgc=","AA%CAwQFBgc="]}"#,
            "encoding 1 is not standard base64: character '%' at position 2 is not in the standard alphabet",
        ),
        (
            r#"{"clks":["AAECAwQFBgc"]}"#,
            "encoding 0 is not standard base64: 11 characters are no multiple of 4; it may be cut, or lack its `=` padding",
        ),
        (
            r#"{"clks":["AAECAwQFBgc=" "AAECAwQFBgc="]}"#,
            "encoding 1: malformed JSON at byte 24: expected `,` or `]`, found `\"`",
        ),
        (
            r#"{"clknblocks":[[]]}"#,
            "record 0 of `clknblocks` is empty: expected its encoding, then its block ids",
        ),
        (r#"{"clknblocks":[[7]]}"#, "encoding 0: expected a base64 string, found a number"),
        (
            r#"{"clknblocks":["AA=="]}"#,
            "encoding 0: expected an array of an encoding and its block ids, found a string",
        ),
        (
            r#"{"clknblocks":[["AAECAwQFBgc=",1.5]]}"#,
            "encoding 0: expected a block id, which is a string or an integer, found a number that is no integer",
        ),
        (
            r#"{"clknblocks":[["AAECAwQFBgc=",null]]}"#,
            "encoding 0: expected a block id, which is a string or an integer, found null",
        ),
        (
            r#"{"clks":["AAECAwQFBgc="],"encodings":[]}"#,
            "`clks` and `encodings` in one upload: send the encodings once",
        ),
        (
            r#"{"clknblocks":[["AAECAwQFBgc="]],"blocks":{}}"#,
            "`clknblocks` and `blocks` in one upload: send the blocks once",
        ),
        (
            r#"{"blocks":{},"clknblocks":[["AAECAwQFBgc="]]}"#,
            "`clknblocks` and `blocks` in one upload: send the blocks once",
        ),
        (
            r#"{"encodings":["AAECAwQFBgc="],"blocks":{"1":[]}}"#,
            "key `1` in `blocks` is no record's index: the last record of this upload is 0",
        ),
        (
            r#"{"blocks":{"0":[],"4294967295":[]},"encodings":["AAECAwQFBgc="]}"#,
            "key `4294967295` in `blocks` is no record's index: the last record of this upload is 0",
        ),
        (
            r#"{"blocks":{"00":[]},"encodings":["AAECAwQFBgc="]}"#,
            "key `00` in `blocks` is no record index: expected plain decimal digits, such as \"17\"",
        ),
        (
            r#"{"blocks":{"0":[],"0":["b"]},"encodings":["AAECAwQFBgc="]}"#,
            "key `0` occurs twice in `blocks`: give each record one list",
        ),
        (
            r#"{"blocks":{"0":"b"},"encodings":["AAECAwQFBgc="]}"#,
            "the blocks of record 0: expected an array of block ids, found a string",
        ),
        (
            r#"{"blocks":{"3":[[]]}}"#,
            "the blocks of record 3: expected a block id, which is a string or an integer, found an array",
        ),
        (
            r#"{"blocks":[]}"#,
            "`blocks`: expected an object of record indices and their block ids, found an array",
        ),
        (
            r#"{"clks":["AAECAwQFBgc="],"clks":[]}"#,
            "the body: malformed JSON at byte 30: the member `clks` occurs twice",
        ),
    ] {
        assert_eq!(refusal(body), message, "{body}");
    }
}
