//! Where searches put what they find.

use super::key::Key;
use super::search::Stopped;
use super::sort::Sorter;

/// Takes the keys of candidates, in any order.
pub trait Sink<K> {
    /// Why it takes no more; or the search was stopped.
    type Error: From<Stopped>;

    /// Where new keys are appended, with nothing asked.
    fn buffer(&mut self) -> &mut Vec<K>;

    /// Called between the pieces of a search, a few million pairs at most: time to make room in the buffer, or to give up.
    fn settle(&mut self) -> Result<(), Self::Error>;
}

impl<K: Key> Sink<K> for Vec<K> {
    type Error = Stopped;

    fn buffer(&mut self) -> &mut Vec<K> {
        self
    }

    fn settle(&mut self) -> Result<(), Stopped> {
        Ok(())
    }
}

impl<K: Key> Sink<K> for Sorter<K> {
    type Error = Stopped;

    fn buffer(&mut self) -> &mut Vec<K> {
        Sorter::buffer(self)
    }

    fn settle(&mut self) -> Result<(), Stopped> {
        Sorter::settle(self);
        Ok(())
    }
}
