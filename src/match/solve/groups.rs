//! Groups as one flat list.

/// Groups of records, in result order: members by party then row, groups by their first member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    members: Vec<(u16, u32)>,
    /// Where each group ends in `members`.
    ends: Vec<u32>,
}

impl Groups {
    /// No groups yet, and room for so many records of theirs.
    pub(super) fn with_room(members: usize) -> Self {
        Self { members: Vec::with_capacity(members), ends: Vec::new() }
    }

    /// Adds the next group in result order.
    pub(super) fn push(&mut self, group: impl IntoIterator<Item = (u16, u32)>) {
        self.members.extend(group);
        self.ends.push(self.members.len() as u32);
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Each group's (party, row)s.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[(u16, u32)]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let group = &self.members[start..end as usize];
            start = end as usize;
            group
        })
    }

    /// The groups as (row of party 0, row of party 1): only of a linkage of two parties.
    pub fn pairs(&self) -> Vec<(u32, u32)> {
        self.iter()
            .filter_map(|group| match *group {
                [(0, row0), (1, row1)] => Some((row0, row1)),
                _ => None,
            })
            .collect()
    }
}
