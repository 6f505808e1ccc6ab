//! What all tasks of a comparison have in common: its parties, tables for its threshold, an order of bits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use blake2b_simd::Params;

use super::cache::Weighed;
use super::data::{ENTRY, blocking};
use super::{JobContext, JobError};
use crate::db::projects::{PartyRecord, ProjectRecord};
use crate::domain::{ComparisonId, PartyState, ProjectId, ResultType};
use crate::matching::encoding::{EncodingSize, Encodings};
use crate::matching::key::KeyLayout;
use crate::matching::order::BitOrder;
use crate::matching::search::CompareSpec;
use crate::matching::threshold::Threshold;

/// A party whose data are ready.
#[derive(Debug, Clone)]
pub(super) struct PartyFacts {
    pub index: u16,
    pub count: u32,
    pub encodings_object: String,
    pub blocks_object: Option<String>,
    pub digest: [u8; 32],
}

/// What all tasks of a comparison have in common.
pub(super) struct Facts {
    pub result_type: ResultType,
    pub parties: Vec<PartyFacts>,
    pub spec: Arc<CompareSpec>,
    pub order: BitOrder,
}

impl Weighed for Facts {
    fn weight(&self) -> usize {
        // A party's facts hold two names of some hundred bytes.
        size_of::<Self>()
            + self.spec.memory_bytes()
            + self.order.memory_bytes()
            + self.parties.len() * 256
            + ENTRY
    }
}

/// The newest comparison of each size, in bytes, and threshold. The next one shares its tables, as long as it is in use.
#[derive(Default)]
pub(super) struct Specs(Mutex<HashMap<(usize, u64), Weak<CompareSpec>>>);

impl Specs {
    fn make(&self, size: EncodingSize, threshold: f64, rows: &[u32]) -> Result<Arc<CompareSpec>, JobError> {
        let wrong = |error: &dyn std::error::Error| JobError::Permanent(error.to_string());
        let key = (size.bytes(), threshold.to_bits());
        let newest = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = newest().get(&key).and_then(Weak::upgrade);
        let spec = match known {
            Some(known) => known.for_rows(rows),
            None => CompareSpec::new(size, Threshold::new(threshold).map_err(|error| wrong(&error))?, rows),
        };
        let spec = Arc::new(spec.map_err(|error| wrong(&error))?);
        let mut newest = newest();
        newest.retain(|_, spec| spec.strong_count() > 0);
        newest.insert(key, Arc::downgrade(&spec));
        Ok(spec)
    }
}

/// Rows per party that the order of bits is drawn from.
const SAMPLE: u32 = 1024;

/// The ready parties of a project.
pub(super) fn ready_parties(records: Vec<PartyRecord>) -> Result<Vec<PartyFacts>, JobError> {
    let facts = |party: PartyRecord| match party {
        PartyRecord {
            index,
            state: PartyState::Ready,
            count,
            encodings_object: Some(encodings_object),
            blocks_object,
            digest: Some(digest),
            ..
        } => Ok(PartyFacts { index, count, encodings_object, blocks_object, digest }),
        other => Err(JobError::Permanent(format!("party {} has no data", other.index))),
    };
    records.into_iter().map(facts).collect()
}

/// Identifies data, blocking and measure of a comparison: BLAKE2b-256 over each party's digest and block object.
pub(super) fn comparison_key(parties: &[PartyFacts]) -> [u8; 32] {
    let mut hash = Params::new().hash_length(32).to_state();
    hash.update(b"dice/1");
    for party in parties {
        hash.update(&party.digest);
        let blocks = party.blocks_object.as_deref().unwrap_or("");
        hash.update(&(blocks.len() as u64).to_le_bytes());
        hash.update(blocks.as_bytes());
    }
    hash.finalize().as_bytes().try_into().expect("32 bytes were asked for")
}

impl JobContext {
    /// The ready parties of a project; [`JobError::Cancelled`] if it is gone.
    pub(super) async fn parties(&self, project: ProjectId) -> Result<Vec<PartyFacts>, JobError> {
        let records = self.db.parties(project).await?;
        match records.is_empty() {
            true => Err(JobError::Cancelled),
            false => ready_parties(records),
        }
    }

    /// What all tasks of a comparison have in common.
    pub(super) async fn facts(
        &self,
        project: ProjectId,
        comparison: ComparisonId,
        threshold: f64,
    ) -> Result<Arc<Facts>, JobError> {
        let load = async {
            let parties = self.parties(project).await?;
            let record = self.db.project(project).await?.ok_or(JobError::Cancelled)?;
            let size = encoding_size(&record)?;
            let mut samples = Vec::with_capacity(parties.len());
            for party in &parties {
                samples.push(self.load_rows(party, size, 0..party.count.min(SAMPLE)).await?);
            }
            let rows: Vec<u32> = parties.iter().map(|party| party.count).collect();
            let specs = self.specs.clone();
            let (spec, order) = blocking(move || {
                let samples: Vec<&Encodings> = samples.iter().collect();
                Ok((specs.make(size, threshold, &rows)?, BitOrder::from_samples(&samples)))
            })
            .await?;
            Ok(Facts { result_type: record.result_type, parties, spec, order })
        };
        self.facts.get(&comparison, load).await
    }
}

/// The size of a project's encodings.
fn encoding_size(project: &ProjectRecord) -> Result<EncodingSize, JobError> {
    let bytes =
        project.encoding_size.ok_or_else(|| JobError::Permanent("the project has no encodings".into()))?;
    EncodingSize::new(bytes).map_err(|error| JobError::Permanent(error.to_string()))
}

/// A key layout as the bytes that stand in candidate files.
pub(super) fn layout_bytes(layout: &KeyLayout) -> [u8; 6] {
    let parties = layout.parties.to_le_bytes();
    [parties[0], parties[1], layout.rank_bits, layout.pair_bits, layout.row0_bits, layout.row1_bits]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_share_tables_by_size_and_threshold() {
        let specs = Specs::default();
        let size = |bytes| EncodingSize::new(bytes).unwrap();
        let first = specs.make(size(128), 0.8, &[10, 20]).unwrap();
        let second = specs.make(size(128), 0.8, &[1 << 20, 1 << 20, 7]).unwrap();
        assert!(Arc::ptr_eq(&first.ranks, &second.ranks) && Arc::ptr_eq(&first.need, &second.need));
        let alone =
            CompareSpec::new(size(128), Threshold::new(0.8).unwrap(), &[1 << 20, 1 << 20, 7]).unwrap();
        assert_eq!(second.layout, alone.layout);
        for other in [specs.make(size(64), 0.8, &[10, 20]), specs.make(size(128), 0.7, &[10, 20])] {
            assert!(!Arc::ptr_eq(&first.ranks, &other.unwrap().ranks));
        }
        let tables = Arc::downgrade(&first.ranks);
        drop((first, second));
        assert!(tables.upgrade().is_none(), "nothing is kept that is out of use");
        assert!(specs.make(size(128), 0.8, &[1, 1]).is_ok());
        assert_eq!(specs.0.lock().unwrap().len(), 1, "nor is it remembered");
        assert!(matches!(specs.make(size(128), 1.5, &[1, 1]), Err(JobError::Permanent(_))));
    }

    #[test]
    fn what_lies_beside_the_ranks_is_weighed_too() {
        let size = EncodingSize::new(128).unwrap();
        // One score reaches a threshold of 1, so that most memory lies beside the ranks; the second half of the bits tells more.
        let spec = CompareSpec::new(size, Threshold::new(1.0).unwrap(), &[20, 20]).unwrap();
        let row = |odd: bool| [[0xff; 64], [if odd { 0x55 } else { 0xaa }; 64]].concat();
        let rows: Vec<u8> = (0..20).flat_map(|number| row(number % 2 == 1)).collect();
        let sample = Encodings::from_bytes(size, rows).unwrap();
        let order = BitOrder::from_samples(&[&sample, &sample]);
        assert!(!order.is_identity());
        let ranks = spec.ranks.memory_bytes();
        let party = |index| PartyFacts {
            index,
            count: 20,
            encodings_object: "p/encodings-0-a".into(),
            blocks_object: None,
            digest: [0; 32],
        };
        let facts = Facts {
            result_type: ResultType::Groups,
            parties: vec![party(0), party(1)],
            spec: Arc::new(spec),
            order,
        };
        // Needs by sum of popcounts, windows by popcount, numbers of bits.
        let beside = (2 * 1024 + 1) * 2 + 1025 * 4 + 1024 * 2;
        assert!(facts.weight() > ranks + beside + ENTRY, "{} for ranks of {ranks}", facts.weight());
        assert!(facts.weight() < ranks + 2 * beside, "{} for ranks of {ranks}", facts.weight());
    }
}
