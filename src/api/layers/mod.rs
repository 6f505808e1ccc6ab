//! What happens to every request on its way in and out, from the outside in: the path is tidied ([`paths`]); the request gets an
//! identifier and its line in the log ([`request_log`]), and its place in the audit trail if it is refused ([`refusals`]); the answer gets its protective headers ([`protection`]) and what browsers
//! of other origins need ([`cors`]); and too eager clients are held back ([`rate_limit`]).

pub mod cors;
pub mod paths;
pub mod protection;
pub mod rate_limit;
pub mod refusals;
pub mod request_log;
