//! Names of objects: `{project}/{what}-{lease}`.
//!
//! The lease keeps the attempts at one thing apart, so that a frozen worker that wakes up writes to a name that nobody reads;
//! the project as a folder makes it easy to see what belongs together.

use crate::domain::ProjectId;

/// Folder of what belongs to the service itself and to no project.
const SERVICE: &str = "service/";

/// The secret that a cluster's processes share.
pub const SEAL_KEY: &str = "service/permutation.key";

/// Whether an object belongs to the service itself.
pub fn is_service(name: &str) -> bool {
    name.starts_with(SERVICE)
}

/// A new object's name. `what` is one of the words below with a number; `lease` is the writer's lease in hex.
fn object(project: ProjectId, what: &str, lease: &str) -> String {
    format!("{project}/{what}-{lease}")
}

/// A party's encoding file.
pub fn encodings(project: ProjectId, party: u16, lease: &str) -> String {
    object(project, &format!("encodings-{party}"), lease)
}

/// A party's block file.
pub fn blocks(project: ProjectId, party: u16, lease: &str) -> String {
    object(project, &format!("blocks-{party}"), lease)
}

/// The candidate file of a compare task.
pub fn candidates(project: ProjectId, part: u32, lease: &str) -> String {
    object(project, &format!("candidates-{part}"), lease)
}

/// A result document; `which` tells several of one run apart.
pub fn result(project: ProjectId, which: &str, lease: &str) -> String {
    object(project, &format!("result-{which}"), lease)
}

/// Begins the names of what lies in the bucket of uploads rather than among our own objects.
const UPLOADED: &str = "uploads:";

/// Everything that a party has put into the bucket of uploads, as a name to register. `lease` keeps the registrations of
/// attempts apart; an empty one is for the project's whole life.
pub fn uploaded(project: ProjectId, party: u16, lease: &str) -> String {
    format!("{UPLOADED}{project}/{party}#{lease}")
}

/// Project and party of such a name; `None` for every other.
pub fn uploaded_by(name: &str) -> Option<(ProjectId, u16)> {
    let (project, rest) = name.strip_prefix(UPLOADED)?.split_once('/')?;
    Some((project.parse().ok()?, rest.split_once('#')?.0.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_projects_parties_and_attempts_apart() {
        let project = ProjectId::from_random([7; 24]);
        let a = encodings(project, 0, "aa");
        assert_eq!(a, format!("{project}/encodings-0-aa"));
        assert_ne!(a, encodings(project, 1, "aa"));
        assert_ne!(a, encodings(project, 0, "bb"));
        assert_ne!(a, blocks(project, 0, "aa"));
        assert_eq!(uploaded_by(&a), None);
        assert_eq!(uploaded_by(&uploaded(project, 12, "aa")), Some((project, 12)));
        assert_eq!(uploaded_by(&uploaded(project, 0, "")), Some((project, 0)));
        assert!(is_service(SEAL_KEY) && !is_service(&a));
    }
}
