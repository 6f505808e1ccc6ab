//! Small JSON request bodies, with errors that name the member and say what it should be.

use std::fmt;
use std::time::Duration;

use axum::extract::Request;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::body::{RequestBody, expect_content_type};
use super::problem::ApiError;
use super::state::ApiState;

/// Largest body of a request that isn't an upload.
pub const SMALL_BODY: u64 = 1 << 20;

/// Time for the whole of such a body. A sender of a byte now and then would hold its connection for as long as it likes.
const SMALL_BODY_TIME: Duration = Duration::from_secs(10);

/// Media type of JSON bodies.
pub const JSON: &str = "application/json";

/// The whole of a small body.
async fn collect(body: RequestBody) -> Result<Vec<u8>, ApiError> {
    let body = tokio::time::timeout(SMALL_BODY_TIME, body.collect());
    body.await.map_err(|_| ApiError::Slow(SMALL_BODY_TIME))?
}

/// The members of a request's JSON object. Those that nobody asks for are ignored.
#[derive(Debug)]
pub struct Members(Map<String, Value>);

impl Members {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// The body is too large (413), of another type or no JSON object (400), or doesn't come (408).
    pub async fn read(state: &ApiState, request: Request) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        expect_content_type(&parts.headers, JSON)?;
        let body = RequestBody::new(&parts.headers, body, SMALL_BODY, state.settings.upload_idle())?;
        Self::parse(&collect(body).await?)
    }

    fn parse(body: &[u8]) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Err(ApiError::bad("the request body is empty; it must be a JSON object"));
        }
        let object: Object = serde_json::from_slice(body).map_err(|error| {
            ApiError::bad(format!("the request body must be a JSON object, and it is not: {error}"))
        })?;
        Ok(Self(object.0))
    }

    /// A text; empty if it is missing. NUL is refused, because not every metadata store can keep it.
    ///
    /// # Errors
    /// 400 for other types.
    pub fn text(&self, name: &str) -> Result<String, ApiError> {
        match self.0.get(name) {
            None => Ok(String::new()),
            Some(Value::String(text)) if text.contains('\0') => {
                Err(ApiError::bad(format!("`{name}` must not contain the character U+0000")))
            }
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Err(wrong_type(name, "a string", other)),
        }
    }

    /// A boolean; false if it is missing.
    ///
    /// # Errors
    /// 400 for other types.
    pub fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.0.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(wrong_type(name, "a boolean", other)),
        }
    }

    /// A whole number, if it is there. `2.0` is one too, as JSON Schema has it.
    ///
    /// # Errors
    /// 400 for other types, for fractions, and for numbers that 64 bits can't hold exactly.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => match value.as_i64().or_else(|| value.as_f64().and_then(whole)) {
                Some(number) => Ok(Some(number)),
                None => Err(wrong_type(name, "a whole number", value)),
            },
        }
    }

    /// A number that must be there.
    ///
    /// # Errors
    /// 400 if it is missing, and for other types.
    pub fn required_number(&self, name: &str) -> Result<f64, ApiError> {
        let value = self.required(name, "a number")?;
        value.as_f64().ok_or_else(|| wrong_type(name, "a number", value))
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// 400 if it is missing, and for other types.
    pub fn required_text(&self, name: &str) -> Result<&str, ApiError> {
        let value = self.required(name, "a string")?;
        value.as_str().ok_or_else(|| wrong_type(name, "a string", value))
    }

    /// An object that must be there.
    ///
    /// # Errors
    /// 400 if it is missing, and for other types.
    pub fn required_object(&self, name: &str) -> Result<Value, ApiError> {
        match self.required(name, "an object")? {
            object @ Value::Object(_) => Ok(object.clone()),
            other => Err(wrong_type(name, "an object", other)),
        }
    }

    fn required(&self, name: &str, wanted: &str) -> Result<&Value, ApiError> {
        self.0.get(name).ok_or_else(|| ApiError::bad(format!("`{name}` is missing; it must be {wanted}")))
    }
}

/// The whole number that a double holds exactly, if it does.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = (1_i64 << f64::MANTISSA_DIGITS) as f64;
    (number.fract() == 0.0 && number.abs() < EXACT).then_some(number as i64)
}

fn wrong_type(name: &str, wanted: &str, found: &Value) -> ApiError {
    let found = match found {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    };
    ApiError::bad(format!("`{name}` must be {wanted}, not {found}"))
}

/// A JSON object in which no member occurs twice: two readers might take different ones for the true one.
struct Object(Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique;
        impl<'de> Visitor<'de> for Unique {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Object, A::Error> {
                let mut object = Map::new();
                while let Some((name, value)) = members.next_entry::<String, Value>()? {
                    if object.contains_key(&name) {
                        let name: String = name.chars().take(64).collect();
                        return Err(serde::de::Error::custom(format_args!(
                            "the member `{name}` occurs twice"
                        )));
                    }
                    object.insert(name, value);
                }
                Ok(Object(object))
            }
        }
        deserializer.deserialize_map(Unique)
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    fn detail<T: fmt::Debug>(result: Result<T, ApiError>) -> String {
        match result.unwrap_err() {
            ApiError::BadRequest(detail) => detail,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_has_so_much_time_and_no_more() {
        // A byte a second is enough not to count as silent.
        let body = |seconds: u64| {
            let drops = futures::stream::iter(0..seconds).then(|_| async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok::<_, std::io::Error>("x")
            });
            let (headers, idle) = (axum::http::HeaderMap::new(), Duration::from_secs(30));
            RequestBody::new(&headers, axum::body::Body::from_stream(drops), SMALL_BODY, idle).unwrap()
        };
        assert_eq!(collect(body(9)).await.unwrap(), b"xxxxxxxxx");
        assert!(matches!(collect(body(11)).await, Err(ApiError::Slow(SMALL_BODY_TIME))));
    }

    #[test]
    fn members_have_their_types_or_defaults() {
        let members =
            Members::parse(br#"{"a":"x","b":true,"n":3,"f":0.5,"o":{"p":1},"z":null,"w":-2.0,"h":1e300}"#)
                .unwrap();
        assert_eq!(members.text("a").unwrap(), "x");
        assert_eq!(members.text("missing").unwrap(), "");
        assert!(members.flag("b").unwrap() && !members.flag("missing").unwrap());
        assert_eq!(members.integer("n").unwrap(), Some(3));
        assert_eq!(members.integer("missing").unwrap(), None);
        assert_eq!(members.integer("w").unwrap(), Some(-2));
        assert_eq!(detail(members.integer("h")), "`h` must be a whole number, not the number 1e+300");
        assert_eq!(members.required_number("n").unwrap(), 3.0);
        assert_eq!(members.required_number("f").unwrap(), 0.5);
        assert_eq!(members.required_object("o").unwrap()["p"], 1);
        assert_eq!(detail(members.integer("b")), "`b` must be a whole number, not a boolean");
        assert_eq!(detail(members.integer("f")), "`f` must be a whole number, not the number 0.5");
        assert_eq!(detail(members.text("z")), "`z` must be a string, not null");
        assert_eq!(detail(members.required_number("a")), "`a` must be a number, not a string");
        assert_eq!(detail(members.required_object("missing")), "`missing` is missing; it must be an object");
    }

    #[test]
    fn malformed_bodies_are_described() {
        for (body, part) in [
            (&b""[..], "empty"),
            (b"[]", "JSON object"),
            (b"3", "JSON object"),
            (b"{", "EOF"),
            (b"{\"a\":1,\"a\":2}", "`a` occurs twice"),
            (b"{} x", "trailing"),
            (b"{\"a\":\"\xff\"}", "unicode"),
            (b"{\"a\":1e999}", "out of range"),
        ] {
            let detail = detail(Members::parse(body));
            assert!(detail.contains(part), "{detail}");
        }
        let deep = [b"{\"a\":".to_vec(), vec![b'['; 100_000]].concat();
        assert!(detail(Members::parse(&deep)).contains("recursion"));
    }
}
