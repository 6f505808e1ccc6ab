//! A name server that knows one domain.

use std::net::UdpSocket;

/// Starts a name server on port 53 of a loopback address, which it returns. Names that end with `domain` are 127.0.0.1's; others
/// don't exist. It ends with the test process.
///
/// # Panics
/// The port can't be had: it takes root.
pub fn start(domain: &'static str) -> String {
    let address = format!("127.88.{}.{}", std::process::id() >> 8 & 0x7f, std::process::id() & 0x7f);
    let socket =
        UdpSocket::bind((address.as_str(), 53)).unwrap_or_else(|error| panic!("{address}:53: {error}"));
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut query) {
            if let Some(answer) = answer(&query[..length], domain) {
                // Whoever has gone away asks again, or not.
                let _ = socket.send_to(&answer, client);
            }
        }
    });
    address
}

/// The answer to a query of one question (RFC 1035, section 4).
fn answer(query: &[u8], domain: &str) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(std::str::from_utf8(query.get(at..at + length)?).ok()?.to_ascii_lowercase());
        at += length;
    }
    let kind = query.get(at..at + 2)?;
    let question = query.get(12..at + 4)?;
    let known = labels.join(".").ends_with(domain);
    // Address records of IPv4 alone: a name that is known has none of IPv6.
    let found = known && kind == [0, 1];
    let code = if known { 0 } else { 3 };
    let mut text = query[..2].to_vec();
    text.extend([0x85, 0x80 | code, 0, 1, 0, u8::from(found), 0, 0, 0, 0]);
    text.extend(question);
    if found {
        // The name of the question, an address of the internet, for a minute.
        text.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    Some(text)
}
