//! Greedy grouping of three parties or more: groups merge along counted edges.
//!
//! Records are numbered through all parties. A group is known by the number of one of its records, its root;
//! every record points to its root. An edge between two groups counts the candidates seen across them; it is
//! found by the pair of roots in one hash table, and each root lists its neighbours, so that a merge can move
//! its edges. The group with fewer neighbours is moved into the other.
//!
//! An edge between groups that share a party is never made, and dropped when a merge makes its ends share
//! one.
//!
//! Edges beyond a bound go to a [`Shelf`]. There counts stay where they were put: under two records that were the roots then.
//! A root remains a member of its group, so the sum over all pairs of members of two groups is what their edge
//! would count, and a merge moves nothing. Groups have a record of a party at most, so these pairs are few.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;

use super::groups::Groups;
use super::shelf::{NewFile, Shelf};

/// Bytes of memory that an edge is reckoned at: its entry in a table that may just have doubled, and its place in
/// the lists of both its ends, which may have no other.
const EDGE_BYTES: u64 = 128;
/// Bytes for an entry in a shelf's table.
const SHELF_BYTES: u64 = 48;

/// Edges by (lower root, higher root).
type Edges = HashMap<(u32, u32), u32, BuildHasherDefault<PairHasher>>;
/// The other ends of the edges at each root that has any.
type Neighbours = HashMap<u32, Vec<u32>, BuildHasherDefault<PairHasher>>;

#[derive(Debug)]
pub(super) struct ManyParties {
    /// Number of the first record of each party, and one past the last record.
    starts: Vec<u32>,
    root: Vec<u32>,
    /// Groups of two records or more: by root, the members and the set of their parties.
    groups: HashMap<u32, Group, BuildHasherDefault<PairHasher>>,
    edges: Edges,
    neighbours: Neighbours,
    peak_edges: usize,
    /// Bytes for edges, and where more may go.
    memory: u64,
    spilling: Spilling,
}

enum Spilling {
    Never,
    NotYet(NewFile),
    Since(Box<Shelf>),
}

impl std::fmt::Debug for Spilling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Never => f.write_str("Never"),
            Self::NotYet(_) => f.write_str("NotYet"),
            Self::Since(shelf) => f.debug_tuple("Since").field(shelf).finish(),
        }
    }
}

#[derive(Clone, Debug)]
struct Group {
    members: Vec<u32>,
    parties: u64,
}

impl ManyParties {
    pub(super) fn new(rows_per_party: &[u32]) -> Self {
        let mut starts = vec![0];
        for &rows in rows_per_party {
            starts.push(starts[starts.len() - 1] + rows);
        }
        let root = (0..starts[rows_per_party.len()]).collect();
        Self {
            starts,
            root,
            groups: HashMap::default(),
            edges: Edges::default(),
            neighbours: Neighbours::default(),
            peak_edges: 0,
            memory: u64::MAX,
            spilling: Spilling::Never,
        }
    }

    /// With so many bytes for edges; more go to temporary files.
    pub(super) fn spilling(rows_per_party: &[u32], memory: u64, new_file: NewFile) -> Self {
        Self { memory, spilling: Spilling::NotYet(new_file), ..Self::new(rows_per_party) }
    }

    pub(super) fn push(&mut self, (party0, row0): (u16, u32), (party1, row1): (u16, u32)) -> io::Result<()> {
        let root0 = self.root[(self.starts[usize::from(party0)] + row0) as usize];
        let root1 = self.root[(self.starts[usize::from(party1)] + row1) as usize];
        let (size0, parties0) = self.size_and_parties(root0, party0);
        let (size1, parties1) = self.size_and_parties(root1, party1);
        if parties0 & parties1 != 0 {
            return Ok(());
        }
        let pairs_across = size0 * size1;
        if pairs_across == 1 {
            self.merge(root0, root1, party0, party1);
            return Ok(());
        }
        if matches!(self.spilling, Spilling::Since(_)) {
            if self.shelve(root0, root1, 1)? == pairs_across {
                self.merge(root0, root1, party0, party1);
            }
            return Ok(());
        }
        let seen = self.edges.entry(ends(root0, root1)).or_insert(0);
        *seen += 1;
        if *seen == pairs_across {
            self.merge(root0, root1, party0, party1);
        } else if *seen == 1 {
            self.neighbours.entry(root0).or_default().push(root1);
            self.neighbours.entry(root1).or_default().push(root0);
            self.peak_edges = self.peak_edges.max(self.edges.len());
            if self.edges.len() as u64 > self.memory / EDGE_BYTES {
                self.spill()?;
            }
        }
        Ok(())
    }

    /// Moves all edges to a shelf, for good.
    fn spill(&mut self) -> io::Result<()> {
        let Spilling::NotYet(new_file) = std::mem::replace(&mut self.spilling, Spilling::Never) else {
            return Ok(());
        };
        let most = usize::try_from(self.memory / 4 / SHELF_BYTES).unwrap_or(usize::MAX);
        self.spilling = Spilling::Since(Shelf::new(most, new_file).into());
        self.neighbours = Neighbours::default();
        for ((root0, root1), count) in std::mem::take(&mut self.edges) {
            self.put(root0, root1, count)?;
        }
        Ok(())
    }

    /// Adds to the count between two roots on the shelf.
    fn put(&mut self, root0: u32, root1: u32, count: u32) -> io::Result<()> {
        let mut spilling = std::mem::replace(&mut self.spilling, Spilling::Never);
        let Spilling::Since(shelf) = &mut spilling else { return Ok(()) };
        let alive = |(record0, record1): (u32, u32)| {
            let parties = |record: u32| self.parties_of(self.root[record as usize]);
            parties(record0) & parties(record1) == 0
        };
        let put = shelf.add(ends(root0, root1), count, alive);
        self.peak_edges = self.peak_edges.max(shelf.entries());
        self.spilling = spilling;
        put
    }

    /// [`put`](Self::put); the count between the two groups.
    fn shelve(&mut self, root0: u32, root1: u32, count: u32) -> io::Result<u32> {
        self.put(root0, root1, count)?;
        let Spilling::Since(shelf) = &mut self.spilling else { return Ok(0) };
        let alone = [[root0], [root1]];
        let members =
            |root: u32, alone| self.groups.get(&root).map_or(alone, |group| group.members.as_slice());
        let mut seen = 0;
        for &record0 in members(root0, &alone[0]) {
            for &record1 in members(root1, &alone[1]) {
                seen += shelf.count(ends(record0, record1))?;
            }
        }
        Ok(seen)
    }

    /// Number of records of a group and the set of their parties. A lone record is of `party`.
    fn size_and_parties(&self, root: u32, party: u16) -> (u32, u64) {
        match self.groups.get(&root) {
            Some(group) => (group.members.len() as u32, group.parties),
            None => (1, 1 << party),
        }
    }

    fn merge(&mut self, root0: u32, root1: u32, party0: u16, party1: u16) {
        self.edges.remove(&ends(root0, root1));
        let degree = |root| self.neighbours.get(&root).map_or(0, Vec::len);
        let (into, from) = if degree(root0) >= degree(root1) { (root0, root1) } else { (root1, root0) };

        let mut take = |root, party: u16| {
            self.groups.remove(&root).unwrap_or_else(|| Group { members: vec![root], parties: 1 << party })
        };
        let (mut merged, other) = (take(root0, party0), take(root1, party1));
        merged.members.extend(other.members);
        merged.parties |= other.parties;
        for &member in &merged.members {
            self.root[member as usize] = into;
        }
        let parties = merged.parties;
        self.groups.insert(into, merged);
        self.move_edges(from, into, parties);
    }

    /// Edges of `from` become edges of `into`, and of both only those to groups outside `parties` stay.
    fn move_edges(&mut self, from: u32, into: u32, parties: u64) {
        let mut kept = Vec::new();
        for neighbour in self.neighbours.remove(&into).unwrap_or_default() {
            if neighbour == from {
                continue;
            }
            if self.parties_of(neighbour) & parties == 0 {
                kept.push(neighbour);
            } else {
                self.edges.remove(&ends(into, neighbour));
                self.unlist(neighbour, into);
            }
        }
        for neighbour in self.neighbours.remove(&from).unwrap_or_default() {
            if neighbour == into {
                continue;
            }
            self.unlist(neighbour, from);
            let seen = self.edges.remove(&ends(from, neighbour)).unwrap_or(0);
            if self.parties_of(neighbour) & parties != 0 {
                continue;
            }
            let total = self.edges.entry(ends(into, neighbour)).or_insert(0);
            if *total == 0 {
                kept.push(neighbour);
                self.neighbours.entry(neighbour).or_default().push(into);
            }
            *total += seen;
        }
        if !kept.is_empty() {
            self.neighbours.insert(into, kept);
        }
    }

    /// Takes `gone` off the neighbours of `root`.
    fn unlist(&mut self, root: u32, gone: u32) {
        if let Some(list) = self.neighbours.get_mut(&root) {
            list.retain(|&neighbour| neighbour != gone);
            if list.is_empty() {
                self.neighbours.remove(&root);
            }
        }
    }

    fn parties_of(&self, root: u32) -> u64 {
        let party = self.starts.partition_point(|&start| start <= root) - 1;
        self.groups.get(&root).map_or(1 << party, |group| group.parties)
    }

    pub(super) fn peak_edges(&self) -> usize {
        self.peak_edges
    }

    pub(super) fn finish(self) -> Groups {
        let mut groups: Vec<Vec<u32>> = self.groups.into_values().map(|group| group.members).collect();
        // Record numbers ascend by party, then row.
        groups.iter_mut().for_each(|members| members.sort_unstable());
        groups.sort_unstable_by_key(|members| members[0]);
        let starts = &self.starts;
        let record = |&number: &u32| {
            let party = starts.partition_point(|&start| start <= number) - 1;
            (party as u16, number - starts[party])
        };
        Groups::from_sorted(groups.iter().map(|members| members.iter().map(record)))
    }
}

/// The key of an edge.
fn ends(root0: u32, root1: u32) -> (u32, u32) {
    (root0.min(root1), root0.max(root1))
}

/// Fibonacci hashing of one or two record numbers: these are dense and not chosen by an adversary with a view
/// of the table.
#[derive(Default)]
pub(super) struct PairHasher(u64);

impl Hasher for PairHasher {
    fn finish(&self) -> u64 {
        // The table takes its bucket from the low bits and its tag from the top ones: mix the high half down.
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u32(u32::from(byte)));
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0.rotate_left(29) ^ u64::from(number)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
