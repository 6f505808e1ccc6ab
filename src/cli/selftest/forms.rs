//! The forms in which a party may upload its encodings.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::http::Request;

/// One party's upload, ready to be sent.
#[derive(Debug, Clone)]
pub struct Form {
    endpoint: &'static str,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

impl Form {
    /// A JSON body as it is.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self { endpoint: "clks", content_type: "application/json", headers: Vec::new(), body: body.into() }
    }

    /// A binary body with the two headers that describe it.
    pub fn binary(body: impl Into<Bytes>, count: &str, size: &str) -> Self {
        let headers = vec![("Hash-Count", count.to_owned()), ("Hash-Size", size.to_owned())];
        Self { endpoint: "binaryclks", content_type: "application/octet-stream", headers, body: body.into() }
    }

    /// The request that sends it to a project, without a token yet.
    pub fn request(self, project_id: &str) -> Request {
        let request = Request::post(format!("/projects/{project_id}/{}", self.endpoint));
        let request = request.body(self.content_type, self.body);
        self.headers.iter().fold(request, |request, (name, value)| request.named(name, value))
    }
}

/// Standard base64 with padding.
pub fn base64(encoding: &[u8]) -> String {
    STANDARD.encode(encoding)
}

fn all(encodings: &[Vec<u8>]) -> Vec<String> {
    encodings.iter().map(|encoding| base64(encoding)).collect()
}

/// `{"clks": […]}`
pub fn clks(encodings: &[Vec<u8>]) -> Form {
    Form::json(json!({"clks": all(encodings)}).to_string())
}

/// `{"encodings": […]}`
pub fn encodings(encodings: &[Vec<u8>]) -> Form {
    Form::json(json!({"encodings": all(encodings)}).to_string())
}

/// `{"encodings": […], "blocks": {"0": […], …}}`; a record without blocks gets no key.
pub fn encodings_and_blocks(encodings: &[Vec<u8>], blocks: &[Vec<Value>]) -> Form {
    let by_row: serde_json::Map<String, Value> = blocks
        .iter()
        .enumerate()
        .filter(|(_, ids)| !ids.is_empty())
        .map(|(row, ids)| (row.to_string(), json!(ids)))
        .collect();
    Form::json(json!({"encodings": all(encodings), "blocks": by_row}).to_string())
}

/// `{"clknblocks": [[encoding, block, …], …]}`
pub fn clknblocks(encodings: &[Vec<u8>], blocks: &[Vec<Value>]) -> Form {
    let rows: Vec<Vec<Value>> = encodings
        .iter()
        .zip(blocks)
        .map(|(encoding, ids)| std::iter::once(json!(base64(encoding))).chain(ids.iter().cloned()).collect())
        .collect();
    Form::json(json!({"clknblocks": rows}).to_string())
}

/// The packed binary form.
pub fn binary(encodings: &[Vec<u8>]) -> Form {
    let size = encodings.first().map_or(0, Vec::len);
    Form::binary(encodings.concat(), &encodings.len().to_string(), &size.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_are_those_of_the_api() {
        let (encodings, blocks) = (vec![vec![0, 1], vec![255, 2]], vec![vec![json!("x"), json!(5)], vec![]]);
        let body = |form: Form| String::from_utf8(form.body.to_vec()).unwrap();
        assert_eq!(body(clks(&encodings)), r#"{"clks":["AAE=","/wI="]}"#);
        assert_eq!(body(clknblocks(&encodings, &blocks)), r#"{"clknblocks":[["AAE=","x",5],["/wI="]]}"#);
        assert_eq!(
            body(encodings_and_blocks(&encodings, &blocks)),
            r#"{"blocks":{"0":["x",5]},"encodings":["AAE=","/wI="]}"#
        );
        assert_eq!(&*binary(&encodings).body, [0, 1, 255, 2]);
    }
}
