//! Checking of a trail: each chain by itself, and the server's chain against those of the projects.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::{AuditKey, BEGINNINGS, ENDS, Hash, Head, NOTHING, Row, SERVER_CHAIN};

/// Something that is wrong with a trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The chain.
    pub chain: String,
    /// The row, unless it is about the chain as a whole.
    pub number: Option<i64>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => write!(f, "chain {}, row {number}: {}", self.chain, self.what),
            None => write!(f, "chain {}: {}", self.chain, self.what),
        }
    }
}

/// What has been seen of one chain.
#[derive(Debug, Clone, Default)]
pub struct ChainCheck {
    /// Number and hash of its first row.
    pub first: Option<(i64, Hash)>,
    /// Number and hash of its last row.
    pub last: Option<(i64, Hash)>,
    /// Whether its last row ends a project.
    pub ended: bool,
    head: Option<Head>,
}

/// What the server's chain says of a project's.
#[derive(Debug, Clone, Default)]
struct Mention {
    first: Option<String>,
    end: Option<(Option<i64>, Option<String>)>,
}

/// Checks rows and heads as they come: rows of one chain in their order, chains in any.
pub struct TrailCheck {
    key: Option<AuditKey>,
    partial: bool,
    chains: BTreeMap<String, ChainCheck>,
    mentions: BTreeMap<String, Mention>,
    expected: Vec<(String, Hash)>,
    faults: Vec<Fault>,
    rows: u64,
}

impl TrailCheck {
    /// A check with this key; without one, nothing is said about who wrote the rows. Of a `partial` trail chains may be missing, and
    /// those that are there may begin anywhere.
    pub fn new(key: Option<AuditKey>, partial: bool) -> Self {
        Self {
            key,
            partial,
            chains: BTreeMap::new(),
            mentions: BTreeMap::new(),
            expected: Vec::new(),
            faults: Vec::new(),
            rows: 0,
        }
    }

    fn fault(&mut self, chain: &str, number: impl Into<Option<i64>>, what: impl Into<String>) {
        self.faults.push(Fault { chain: chain.to_owned(), number: number.into(), what: what.into() });
    }

    /// Takes the next row of its chain.
    pub fn row(&mut self, row: &Row) {
        self.rows += 1;
        self.expected.retain(|(chain, hash)| (chain, hash) != (&row.chain, &row.hash));
        let known = self.chains.entry(row.chain.clone()).or_default().clone();
        let (before, previous) = match known.last {
            Some((number, hash)) => (number, Some(hash)),
            None if self.partial && row.number > 1 => (row.number - 1, None),
            None => (0, Some(NOTHING)),
        };
        let mut wrong = |what: String| {
            self.faults.push(Fault { chain: row.chain.clone(), number: Some(row.number), what });
        };
        if row.number > before + 1 {
            wrong(match row.number - before {
                2 => format!("row {} before it is missing", before + 1),
                _ => format!("rows {} to {} before it are missing", before + 1, row.number - 1),
            });
        } else if row.number <= before {
            wrong(format!("it comes after row {before}: rows are doubled or out of order"));
        }
        if known.ended {
            wrong("it follows the row that ended the project".to_owned());
        }
        if previous.is_some_and(|previous| previous != row.previous) {
            wrong(match before {
                0 => "its `previous` isn't empty, as it must be in the first row".to_owned(),
                _ => format!("its `previous` isn't the hash of row {before}"),
            });
        }
        if row.digest() != row.hash {
            wrong("its fields don't give its hash: one of them was changed".to_owned());
        }
        if self.key.as_ref().is_some_and(|key| !key.approves_row(row)) {
            wrong("its `mac` is not this service's".to_owned());
        }
        let ends = row.chain != SERVER_CHAIN && is_end(&row.action);
        let chain = self.chains.entry(row.chain.clone()).or_default();
        let here = (row.number, row.hash);
        chain.first.get_or_insert(here);
        chain.last = Some(here);
        chain.ended |= ends;
        if row.chain == SERVER_CHAIN {
            self.mention(row);
        }
    }

    /// Takes down what a row of the server's chain says of a project's chain.
    fn mention(&mut self, row: &Row) {
        let begins = BEGINNINGS.contains(&&*row.action);
        if !begins && !is_end(&row.action) {
            return;
        }
        let details: Map<String, Value> = serde_json::from_str(&row.details).unwrap_or_default();
        let text = |name: &str| details.get(name).and_then(Value::as_str).map(str::to_owned);
        let mention = self.mentions.entry(row.project.clone()).or_default();
        if begins {
            mention.first = Some(text("first").unwrap_or_default());
        } else {
            mention.end = Some((details.get("rows").and_then(Value::as_i64), text("last")));
        }
    }

    /// Takes a chain's head.
    pub fn head(&mut self, head: Head) {
        if self.key.as_ref().is_some_and(|key| !key.approves_head(&head)) {
            self.fault(&head.chain, None, "its head's `mac` is not this service's");
        }
        let chain = self.chains.entry(head.chain.clone()).or_default();
        if let Some(other) = chain.head.replace(head.clone()).filter(|other| *other != head) {
            self.fault(
                &head.chain,
                None,
                format!("it has two heads, at rows {} and {}", other.number, head.number),
            );
        }
    }

    /// The chains that have come up so far.
    pub fn chains(&self) -> Vec<String> {
        self.chains.keys().cloned().collect()
    }

    /// Takes down that rows were found after the one that the head names.
    pub fn rows_beyond_head(&mut self, chain: &str, head: i64, last: i64) {
        self.fault(chain, None, format!("its head is at row {head}, but rows up to {last} follow"));
    }

    /// Takes down that a hash which was noted earlier as a chain's head must be the one of some row.
    pub fn expect(&mut self, chain: &str, hash: Hash) {
        self.expected.push((chain.to_owned(), hash));
    }

    /// All faults, once everything has been taken in; and the chains, in the order of their names.
    pub fn finish(mut self) -> (Vec<Fault>, BTreeMap<String, ChainCheck>, u64) {
        let chains = std::mem::take(&mut self.chains);
        for (name, chain) in &chains {
            match (&chain.head, chain.last) {
                (Some(head), Some((number, hash))) => {
                    if head.number > number {
                        self.fault(
                            name,
                            None,
                            format!(
                                "its head is at row {}, but its last row is {number}: the tail is missing",
                                head.number
                            ),
                        );
                    } else if head.number < number {
                        self.fault(
                            name,
                            None,
                            format!("its head is at row {}, but rows up to {number} follow", head.number),
                        );
                    } else if head.hash != hash {
                        self.fault(name, None, format!("its head isn't the hash of its last row, {number}"));
                    }
                    if head.ended != chain.ended {
                        self.fault(
                            name,
                            None,
                            "its head and its last row disagree on whether the project has ended",
                        );
                    }
                }
                (Some(head), None) => {
                    self.fault(name, None, format!("its head is at row {}, but it has no rows", head.number));
                }
                (None, Some(_)) => self.fault(name, None, "its head is missing"),
                (None, None) => {}
            }
        }
        for (chain, hash) in std::mem::take(&mut self.expected) {
            self.fault(
                &chain,
                None,
                format!("no row has the hash {} that was noted earlier", String::from(hash)),
            );
        }
        if !self.partial {
            self.compare(&chains);
        }
        (self.faults, chains, self.rows)
    }

    /// Compares the projects' chains with what the server's says of them.
    fn compare(&mut self, chains: &BTreeMap<String, ChainCheck>) {
        let mentions = std::mem::take(&mut self.mentions);
        for (name, chain) in chains.iter().filter(|(name, _)| *name != SERVER_CHAIN) {
            let mention = mentions.get(name);
            let first = chain.first.map(|(_, hash)| String::from(hash));
            match mention.and_then(|mention| mention.first.as_ref()) {
                None => self.fault(name, None, "the server's chain doesn't know of its beginning"),
                Some(said) if first.as_ref() != Some(said) => {
                    self.fault(name, 1, "it is not the first row that the server's chain recorded");
                }
                Some(_) => {}
            }
            if chain.ended && mention.is_none_or(|mention| mention.end.is_none()) {
                self.fault(name, None, "it has ended, but the server's chain doesn't know of that");
            }
        }
        for (name, mention) in &mentions {
            let Some(chain) = chains.get(name).filter(|chain| chain.last.is_some()) else {
                self.fault(name, None, "the server's chain recorded it, but it is missing");
                continue;
            };
            if let Some((rows, last)) = &mention.end {
                let found = chain.last.map(|(number, hash)| (Some(number), Some(String::from(hash))));
                if found.as_ref() != Some(&(*rows, last.clone())) || !chain.ended {
                    self.fault(name, None, "its last row is not the one that the server's chain recorded");
                }
            }
        }
    }
}

fn is_end(action: &str) -> bool {
    ENDS.contains(&action)
}
