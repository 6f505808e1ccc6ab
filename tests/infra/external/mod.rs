//! Uploads and downloads by the object store, with a real MinIO and a real server: temporary credentials, what they allow and what
//! they don't, data by reference in every form, and other people's stores.

mod kit;

mod downloads;
mod foreign;
mod grants;
mod refusals;
mod sweeping;
mod uploads;
