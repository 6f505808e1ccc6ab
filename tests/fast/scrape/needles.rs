//! What is searched for is found in every form.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use crate::kit::scrape::Needles;

#[test]
fn every_form_is_found() {
    let mut needles = Needles::default();
    let token = "00112233445566778899aabbccddeeff0123456789abcdef";
    let encoding: Vec<u8> = (0..128_u32).map(|i| (i * 37 % 251) as u8).collect();
    needles.token(token);
    needles.text("a password", "hunter2hunter2");
    needles.encoding(&encoding);
    for text in [
        token.to_owned(),
        format!("… {}", &token[16..32]),
        format!("x=\"{}\"", &token[32..]),
        "password=hunter2hunter2 ".to_owned(),
        format!("basic {}", BASE64_STANDARD.encode("hunter2hunter2")),
        BASE64_STANDARD.encode(&encoding),
        hex::encode(&encoding),
        hex::encode_upper(&encoding),
        format!("{encoding:?}"),
        format!("{:?}", Bytes::from(encoding.clone())),
    ] {
        assert_eq!(needles.find(text.as_bytes()).len(), 1, "{text}");
    }
    assert_eq!(needles.find(&[b"binary ", encoding.as_slice()].concat()).len(), 1);
    assert!(needles.find(format!("{} {}", &token[..8], "hunter2").as_bytes()).is_empty());
}
