//! Reading a whole trail, while it grows.

use super::Audit;
use crate::codec::audit::{AuditKey, Hash, Head, Row, TrailCheck};
use crate::db::DbResult;

/// Rows that are read at once.
const PAGE: usize = 1000;

/// Which part of the trail.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// One chain only.
    pub chain: Option<String>,
    /// From each chain's first row at or after this time on, in microseconds since 1970.
    pub since: Option<i64>,
}

/// A part of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A row.
    Row(Row),
    /// A chain's head, after its rows.
    Head(Head),
}

/// Hands out the trail as it was at one point in time: for each chain its rows in order, and then its head. Returns how many rows.
///
/// # Errors
/// Those of the store, and of `each`.
pub async fn walk<E: From<crate::db::DbError>>(
    db: &dyn Audit,
    selection: &Selection,
    mut each: impl FnMut(Item) -> Result<(), E> + Send,
) -> Result<u64, E> {
    let mut count = 0;
    for (chain, head) in db.audit_chains().await? {
        if selection.chain.as_ref().is_some_and(|only| *only != chain) {
            continue;
        }
        // The heads were read together; what has been added since then is for the next time.
        let end = head.as_ref().map_or(i64::MAX, |head| head.number);
        let (mut after, mut started) = (0, selection.since.is_none());
        loop {
            let rows = db.audit_rows(&chain, after, PAGE).await?;
            let full = rows.len() == PAGE;
            for row in rows.into_iter().take_while(|row| row.number <= end) {
                after = row.number;
                started |= selection.since.is_some_and(|since| row.time >= since);
                if started {
                    count += 1;
                    each(Item::Row(row))?;
                }
            }
            if !full || after >= end {
                break;
            }
        }
        if let Some(head) = head.filter(|_| started) {
            each(Item::Head(head))?;
        }
    }
    Ok(count)
}

/// Checks the whole trail of a store, and that heads noted earlier are still in it; what is found stands in the check.
///
/// # Errors
/// Those of the store.
pub async fn check(
    db: &dyn Audit,
    key: Option<AuditKey>,
    noted: impl IntoIterator<Item = (String, Hash)>,
) -> DbResult<TrailCheck> {
    let mut check = TrailCheck::new(key, false);
    noted.into_iter().for_each(|(chain, hash)| check.expect(&chain, hash));
    let take = |item| {
        match item {
            Item::Row(row) => check.row(&row),
            Item::Head(head) => check.head(head),
        }
        Ok::<_, crate::db::DbError>(())
    };
    walk(db, &Selection::default(), take).await?;
    for chain in check.chains() {
        // Read together: rows beyond the head belong to nobody.
        if let (Some(head), Some(last)) = db.audit_end(&chain).await?
            && last > head.number
        {
            check.rows_beyond_head(&chain, head.number, last);
        }
    }
    Ok(check)
}
