//! Encodings and blocks, from objects into the forms that the matching engine takes.

use std::ops::Range;
use std::sync::Arc;

use futures::TryStreamExt;

use super::cache::Weighed;
use super::facts::PartyFacts;
use super::{JobContext, JobError};
use crate::codec::block_file::{BLOCK_TRAILER_LEN, BlockFile, BlockReader};
use crate::codec::encoding_file::{ENCODING_HEADER_LEN, ENCODING_TRAILER_LEN, EncodingFile, EncodingReader};
use crate::matching::blocked::BlockPlan;
use crate::matching::blocks::BlockIndex;
use crate::matching::encoding::{EncodingSize, Encodings};
use crate::matching::order::BitOrder;
use crate::matching::tile::Tile;

/// What an entry of a cache takes beside its value: a key with a name of some hundred bytes, a slot, and what counts those who hold
/// it. Small values come by tens of thousands.
pub(super) const ENTRY: usize = 400;

/// Rows of an encoding file as a tile. The order of bits is part of the key: tiles of one comparison must agree on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TileKey {
    pub object: String,
    pub rows: Range<u32>,
    pub comparison: i64,
}

/// A tile ready to compare.
pub(super) struct PreparedTile(pub Tile);

impl Weighed for PreparedTile {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.0.memory_bytes() + ENTRY
    }
}

impl Weighed for EncodingFile {
    fn weight(&self) -> usize {
        size_of::<Self>() + ENTRY
    }
}

/// All encodings of a party.
pub(super) struct PartyEncodings(pub Encodings);

impl Weighed for PartyEncodings {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.0.memory_bytes() + ENTRY
    }
}

/// All blocks of a party.
pub(super) struct PartyBlocks(pub BlockIndex);

impl Weighed for PartyBlocks {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.0.memory_bytes() + ENTRY
    }
}

impl Weighed for BlockPlan {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.memory_bytes() + ENTRY
    }
}

impl JobContext {
    /// Rows of a party. The whole file is checked against its digest; of a part only the frame is.
    pub(super) async fn load_rows(
        &self,
        party: &PartyFacts,
        size: EncodingSize,
        rows: Range<u32>,
    ) -> Result<Encodings, JobError> {
        let object = party.encodings_object.as_str();
        let wrong = || {
            JobError::Permanent(format!("the encodings of party {} are not what was uploaded", party.index))
        };
        let bytes = if rows == (0..party.count) {
            let (length, mut stream) = self.store.stream(object).await?;
            let mut reader = EncodingReader::default();
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
            while let Some(chunk) = stream.try_next().await? {
                reader.feed(&chunk, &mut bytes)?;
            }
            let file = reader.finish()?;
            if file.size as usize != size.bytes() || file.count != u64::from(party.count) {
                return Err(wrong());
            }
            bytes
        } else {
            let describe = async {
                let length = self.store.size(object).await?;
                let trailer_start = length.checked_sub(ENCODING_TRAILER_LEN as u64).ok_or_else(wrong)?;
                let header = self.store.read_range(object, 0..ENCODING_HEADER_LEN as u64).await?;
                let trailer = self.store.read_range(object, trailer_start..length).await?;
                Ok::<_, JobError>(EncodingFile::describe(&header, &trailer, length)?)
            };
            // Asked for once per file, not once per tile.
            let file = self.files.get(&party.encodings_object, describe).await?;
            if file.size as usize != size.bytes() || file.count != u64::from(party.count) {
                return Err(wrong());
            }
            let range = file.row_range_bytes(u64::from(rows.start)..u64::from(rows.end))?;
            self.store.read_range(object, range).await?.into()
        };
        Encodings::from_bytes(size, &bytes).map_err(|error| JobError::Permanent(error.to_string()))
    }

    /// A tile of a party's rows.
    pub(super) async fn tile(
        self: &Arc<Self>,
        comparison: i64,
        party: &PartyFacts,
        size: EncodingSize,
        rows: Range<u32>,
        order: &BitOrder,
    ) -> Result<Arc<PreparedTile>, JobError> {
        let key = TileKey { object: party.encodings_object.clone(), rows: rows.clone(), comparison };
        let load = async {
            let encodings = self.load_rows(party, size, rows.clone()).await?;
            let (kernel, order) = (self.settings.kernel, order.clone());
            blocking(move || {
                let all = 0..rows.end - rows.start;
                Ok(PreparedTile(Tile::prepare(kernel, &encodings, all, &order).starting_at(rows.start)))
            })
            .await
        };
        self.tiles.get(&key, load).await
    }

    /// All encodings of a party.
    pub(super) async fn party_encodings(
        &self,
        party: &PartyFacts,
        size: EncodingSize,
    ) -> Result<Arc<PartyEncodings>, JobError> {
        let load = async { Ok(PartyEncodings(self.load_rows(party, size, 0..party.count).await?)) };
        self.encodings.get(&party.encodings_object, load).await
    }

    /// All blocks of a party.
    pub(super) async fn party_blocks(&self, party: &PartyFacts) -> Result<Arc<PartyBlocks>, JobError> {
        let missing = || JobError::Permanent(format!("party {} has no blocks", party.index));
        let object = party.blocks_object.as_ref().ok_or_else(missing)?;
        let load = async {
            let length = self.store.size(object).await?;
            let start = length.saturating_sub(BLOCK_TRAILER_LEN as u64);
            let trailer = self.store.read_range(object, start..length).await?;
            let mut reader = BlockReader::new(BlockFile::describe(&trailer, length)?, party.count);
            let (_, mut stream) = self.store.stream(object).await?;
            while let Some(chunk) = stream.try_next().await? {
                reader.feed(&chunk)?;
            }
            let blocks = reader.finish()?;
            let records = party.count;
            blocking(move || {
                let offsets: Result<Vec<u32>, _> = blocks.offsets.into_iter().map(u32::try_from).collect();
                let offsets = offsets.map_err(|_| {
                    JobError::Refused("a party's records are in more than 4294967295 blocks in all".into())
                })?;
                BlockIndex::from_parts(records, blocks.digests, offsets, blocks.rows)
                    .map(PartyBlocks)
                    .map_err(|error| JobError::Permanent(error.to_string()))
            })
            .await
        };
        self.blocks.get(object, load).await
    }

    /// The batches of the blocks that two parties share, for a target of comparisons per batch.
    pub(super) async fn block_plan(
        &self,
        (a, a_object): (&Arc<PartyBlocks>, &str),
        (b, b_object): (&Arc<PartyBlocks>, &str),
        target: u64,
    ) -> Result<Arc<BlockPlan>, JobError> {
        let key = (a_object.to_owned(), b_object.to_owned(), target);
        let (a, b) = (a.clone(), b.clone());
        let load = blocking(move || Ok(BlockPlan::new(&a.0, &b.0, target)));
        self.block_plans.get(&key, load).await
    }
}

/// Runs something that keeps a processor busy, away from the threads that serve requests.
pub(super) async fn blocking<T, F>(work: F) -> Result<T, JobError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, JobError> + Send + 'static,
{
    // Calls of stores that it makes belong to the task's trace.
    let asker = tracing::Span::current();
    match tokio::task::spawn_blocking(move || asker.in_scope(work)).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(JobError::Draining),
    }
}
