//! The little XML that S3 and STS answer with.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use thiserror::Error;

/// A document that isn't well-formed.
#[derive(Debug, Error)]
#[error("the answer is no proper XML: {0}")]
pub struct XmlError(String);

/// The texts inside each element called `record`, by the names of the elements that hold them; namespaces don't matter, and of
/// equal names the last one counts.
///
/// # Errors
/// The document isn't well-formed.
pub fn records(document: &str, record: &str) -> Result<Vec<HashMap<String, String>>, XmlError> {
    let mut reader = Reader::from_str(document);
    let (mut found, mut current, mut depth) = (Vec::new(), None::<HashMap<String, String>>, 0_usize);
    let (mut element, mut text) = (String::new(), String::new());
    loop {
        match reader.read_event().map_err(wrong)? {
            Event::Start(start) => {
                read(start.local_name().as_ref())?.clone_into(&mut element);
                text.clear();
                match &current {
                    Some(_) => depth += 1,
                    None if element == record => current = Some(HashMap::new()),
                    None => {}
                }
            }
            Event::Text(part) => text.push_str(read(&part)?),
            Event::CData(part) => text.push_str(read(&part)?),
            Event::GeneralRef(reference) => {
                let name = read(&reference)?;
                match reference.resolve_char_ref().map_err(wrong)? {
                    Some(character) => text.push(character),
                    None => text.push_str(
                        resolve_predefined_entity(name)
                            .ok_or_else(|| XmlError(format!("unknown entity {name}")))?,
                    ),
                }
            }
            Event::End(end) => {
                if let Some(mut fields) = current.take() {
                    if depth == 0 {
                        found.push(fields);
                    } else {
                        depth -= 1;
                        if end.local_name().as_ref() == element.as_bytes() {
                            fields.insert(std::mem::take(&mut element), std::mem::take(&mut text));
                        }
                        current = Some(fields);
                    }
                }
            }
            Event::Eof if current.is_some() => return Err(XmlError("it ends in the middle".into())),
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

fn wrong(error: impl std::fmt::Display) -> XmlError {
    XmlError(error.to_string())
}

/// A piece of the document as text.
fn read(piece: &[u8]) -> Result<&str, XmlError> {
    std::str::from_utf8(piece).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_at_any_depth() {
        let document = r#"<?xml version="1.0" encoding="UTF-8"?>
            <R xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket>
              <Upload><Key>a&amp;b&#10;</Key><UploadId>1</UploadId><Owner><ID>x</ID></Owner><Empty/></Upload>
              <Upload><Key><![CDATA[<c>]]></Key><UploadId> 2 </UploadId></Upload>
            </R>"#;
        let found = records(document, "Upload").unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0]["Key"].as_str(), found[0]["UploadId"].as_str(), found[0]["ID"].as_str()),
            ("a&b\n", "1", "x")
        );
        assert_eq!((found[1]["Key"].as_str(), found[1]["UploadId"].as_str()), ("<c>", " 2 "));
        assert_eq!(records(document, "R").unwrap()[0]["Bucket"], "b");
        assert!(records(document, "Nothing").unwrap().is_empty());
        assert!(records("<a><Upload>", "Upload").is_err());
        assert!(records("<a>&evil;</a>", "a").is_err());
    }
}
