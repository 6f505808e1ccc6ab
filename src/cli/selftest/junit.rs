//! The outcome as JUnit XML, for the machines that collect test reports.

use std::io::{self, Write};
use std::time::Duration;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::report::{Outcome, Summary, Verdict};

/// Name of the one suite.
const SUITE: &str = "anonlink selftest";

/// Writes the outcomes as one suite whose test cases carry the group as class name.
///
/// # Errors
/// `out` can't be written.
pub fn write<W: Write>(out: W, outcomes: &[Outcome]) -> io::Result<()> {
    let mut xml = Writer::new_with_indent(out, b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let Summary { failed, skipped, .. } = Summary::of(outcomes);
    let total = seconds(outcomes.iter().map(|outcome| outcome.took).sum());
    let (tests, failures, skips) = (outcomes.len().to_string(), failed.to_string(), skipped.to_string());
    let suite = [
        ("name", SUITE),
        ("tests", &*tests),
        ("failures", &*failures),
        ("errors", "0"),
        ("skipped", &*skips),
        ("time", &*total),
    ];
    xml.create_element("testsuites").with_attributes(suite).write_inner_content(|xml| {
        xml.create_element("testsuite")
            .with_attributes(suite)
            .write_inner_content(|xml| outcomes.iter().try_for_each(|outcome| case(xml, outcome)))?;
        Ok(())
    })?;
    let mut out = xml.into_inner();
    writeln!(out)?;
    out.flush()
}

fn case<W: Write>(xml: &mut Writer<W>, outcome: &Outcome) -> io::Result<()> {
    let (name, took) = (allowed(&outcome.name), seconds(outcome.took));
    let element = xml.create_element("testcase").with_attributes([
        ("classname", outcome.group),
        ("name", &*name),
        ("time", &*took),
    ]);
    match &outcome.verdict {
        Verdict::Passed(None) => element.write_empty()?,
        Verdict::Passed(Some(remark)) => element.write_inner_content(|xml| {
            xml.create_element("system-out").write_text_content(BytesText::new(&allowed(remark)))?;
            Ok(())
        })?,
        Verdict::Failed(why) => element.write_inner_content(|xml| {
            let why = allowed(why);
            let first = why.lines().next().unwrap_or_default();
            xml.create_element("failure")
                .with_attribute(("message", first))
                .write_text_content(BytesText::new(&why))?;
            Ok(())
        })?,
        Verdict::Skipped(why) => element.write_inner_content(|xml| {
            xml.create_element("skipped").with_attribute(("message", &*allowed(why))).write_empty()?;
            Ok(())
        })?,
    };
    Ok(())
}

fn seconds(took: Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}

/// The text without the characters that XML 1.0 can't hold, not even escaped; U+FFFD stands in for them.
fn allowed(text: &str) -> String {
    let legal = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if legal(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use quick_xml::Reader;

    #[test]
    fn whatever_the_text_it_comes_back_from_the_xml() {
        let why = "expected <a href=\"x\"> & 'b', got ]]> größe\nsecond line";
        let outcomes = [
            ("g", "plain", Verdict::Passed(None)),
            ("g", "<&\"'>", Verdict::Failed(why.into())),
            ("h", "n", Verdict::Skipped("null \0 byte".into())),
            ("h", "n", Verdict::Passed(Some("a < b".into()))),
        ]
        .map(|(group, name, verdict)| Outcome {
            group,
            name: name.into(),
            verdict,
            took: Duration::from_millis(1500),
        });
        let mut out = Vec::new();
        write(&mut out, &outcomes).unwrap();
        let text = String::from_utf8(out).unwrap();

        let mut reader = Reader::from_str(&text);
        reader.config_mut().check_end_names = true;
        let (mut names, mut messages) = (Vec::new(), Vec::new());
        loop {
            match reader.read_event().unwrap() {
                Event::Eof => break,
                Event::Start(element) | Event::Empty(element) => {
                    for attribute in element.attributes() {
                        let attribute = attribute.unwrap();
                        let value =
                            quick_xml::escape::unescape(std::str::from_utf8(&attribute.value).unwrap());
                        let value = value.unwrap().into_owned();
                        match (element.name().as_ref(), attribute.key.as_ref()) {
                            (b"testcase", b"name") => names.push(value),
                            (_, b"message") => messages.push(value),
                            (b"testsuite", b"time") => assert_eq!(value, "6.000"),
                            (b"testsuite", b"failures" | b"skipped") => assert_eq!(value, "1"),
                            (b"testsuite", b"tests") => assert_eq!(value, "4"),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        assert_eq!(names, ["plain", "<&\"'>", "n", "n"]);
        assert_eq!(messages, [why.lines().next().unwrap(), "null \u{fffd} byte"]);
        assert!(text.contains("second line"), "{text}");
    }
}
