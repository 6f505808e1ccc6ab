//! Data that lie in an object store, as the API describes them to the worker that brings them in. Kept as JSON in the ledger, so
//! that a newer worker must be able to read what an older API wrote.

use serde::{Deserialize, Serialize};

/// An upload by reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The object with the encodings.
    pub encodings: ObjectRef,
    /// The object with the blocks, in a project that uses blocking.
    pub blocks: Option<ObjectRef>,
    /// Encodings, as the object's notes say.
    pub count: u32,
    /// Bytes of each.
    pub size: u32,
}

impl Source {
    /// Whether any of it lies in our own bucket.
    pub fn is_own(&self) -> bool {
        self.encodings.at == At::Own || self.blocks.as_ref().is_some_and(|blocks| blocks.at == At::Own)
    }
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Its name.
    pub path: String,
    /// The store.
    pub at: At,
    /// Its length in bytes when it was checked. Absent in what an older API wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The store's mark of its content when it was checked, where the store gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// A store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "store", rename_all = "snake_case")]
pub enum At {
    /// Our own bucket of uploads.
    Own,
    /// A stranger's.
    Foreign {
        /// Its address.
        endpoint: String,
        /// Whether it is spoken to by TLS.
        secure: Option<bool>,
        /// The bucket.
        bucket: String,
        /// The uploader's credentials, sealed.
        credentials: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_a_stable_form() {
        let foreign = At::Foreign {
            endpoint: "s3.example.org".into(),
            secure: None,
            bucket: "b".into(),
            credentials: "00".into(),
        };
        let source = Source {
            encodings: ObjectRef {
                path: "p/0/encodings.json".into(),
                at: At::Own,
                size: Some(9),
                etag: Some("e".into()),
            },
            blocks: Some(ObjectRef { path: "x".into(), at: foreign, size: None, etag: None }),
            count: 3,
            size: 128,
        };
        let json = r#"{"encodings":{"path":"p/0/encodings.json","at":{"store":"own"},"size":9,"etag":"e"},"blocks":{"path":"x","at":{"store":"foreign","endpoint":"s3.example.org","secure":null,"bucket":"b","credentials":"00"}},"count":3,"size":128}"#;
        assert_eq!(serde_json::to_string(&source).unwrap(), json);
        assert_eq!(serde_json::from_str::<Source>(json).unwrap(), source);
        assert!(source.is_own());
    }
}
