//! Groups: `{"groups":[[[party,row],[party,row],…],…]}`, or CSV lines `group,party,row`.

use super::TextFormat;
use super::number::push_u32;

/// Writes groups one by one.
#[derive(Debug)]
pub struct GroupsText {
    format: TextFormat,
    groups: u64,
}

impl GroupsText {
    /// Starts the text.
    pub fn new(format: TextFormat, text: &mut Vec<u8>) -> Self {
        text.extend_from_slice(match format {
            TextFormat::Json => br#"{"groups":["#,
            TextFormat::Csv => b"group,party,row\n",
        });
        Self { format, groups: 0 }
    }

    /// Appends a group, given as its members' party and row. CSV numbers the groups from 0.
    pub fn group(&mut self, members: impl IntoIterator<Item = (u32, u32)>, text: &mut Vec<u8>) {
        match self.format {
            TextFormat::Json => self.json(members, text),
            TextFormat::Csv => {
                let group = self.groups.to_string();
                for (party, row) in members {
                    text.extend_from_slice(group.as_bytes());
                    text.push(b',');
                    push_u32(party, text);
                    text.push(b',');
                    push_u32(row, text);
                    text.push(b'\n');
                }
            }
        }
        self.groups += 1;
    }

    fn json(&self, members: impl IntoIterator<Item = (u32, u32)>, text: &mut Vec<u8>) {
        text.extend_from_slice(if self.groups == 0 { b"[" } else { b",[" });
        for (place, (party, row)) in members.into_iter().enumerate() {
            text.extend_from_slice(if place == 0 { b"[" } else { b",[" });
            push_u32(party, text);
            text.push(b',');
            push_u32(row, text);
            text.push(b']');
        }
        text.push(b']');
    }

    /// Ends the text; returns the number of groups.
    pub fn finish(self, text: &mut Vec<u8>) -> u64 {
        if self.format == TextFormat::Json {
            text.extend_from_slice(b"]}");
        }
        self.groups
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write(format: TextFormat, groups: &[Vec<(u32, u32)>]) -> String {
        let mut text = Vec::new();
        let mut writer = GroupsText::new(format, &mut text);
        for group in groups {
            writer.group(group.iter().copied(), &mut text);
        }
        assert_eq!(writer.finish(&mut text), groups.len() as u64);
        String::from_utf8(text).expect("ASCII")
    }

    #[test]
    fn texts() {
        let groups = [vec![(0, 5), (1, 12)], vec![(0, 6), (2, 0), (3, 100)]];
        assert_eq!(write(TextFormat::Json, &groups), r#"{"groups":[[[0,5],[1,12]],[[0,6],[2,0],[3,100]]]}"#);
        assert_eq!(
            write(TextFormat::Csv, &groups),
            "group,party,row\n0,0,5\n0,1,12\n1,0,6\n1,2,0\n1,3,100\n"
        );
        assert_eq!(write(TextFormat::Json, &[]), r#"{"groups":[]}"#);
        assert_eq!(write(TextFormat::Csv, &[]), "group,party,row\n");
    }

    proptest! {
        #[test]
        fn json_reads_back(groups in prop::collection::vec(prop::collection::vec(any::<(u32, u32)>(), 0..4), 0..6)) {
            let text = write(TextFormat::Json, &groups);
            let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            prop_assert_eq!(value, serde_json::json!({ "groups": groups }));
        }
    }
}
