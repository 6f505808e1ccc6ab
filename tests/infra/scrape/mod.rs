//! Nothing secret leaves a cluster by a side door, and nothing deleted stays in its stores: as in the first tier, with PostgreSQL, Redis,
//! MinIO, and linkages whose data come by the object store.

mod cluster;
mod deletion;
mod stores;
