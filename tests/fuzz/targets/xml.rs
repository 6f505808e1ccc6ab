//! Answers of object stores.

use anonlink::store::xml_records;

/// Any text as an answer: it is understood or refused, and what is found in it was in it.
pub fn records(data: &[u8]) {
    let Ok(document) = std::str::from_utf8(data) else { return };
    for name in ["Credentials", "Upload", "Contents"] {
        let Ok(records) = xml_records(document, name) else { continue };
        for record in records {
            let length: usize = record.iter().map(|(name, value)| name.len() + value.len()).sum();
            assert!(length <= document.len(), "{record:?}");
        }
    }
}
