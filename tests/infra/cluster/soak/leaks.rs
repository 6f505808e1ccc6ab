//! What must not be left when all is done: rows, objects, keys, temporary files, file descriptors, connections, memory.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::cluster::kit::Cluster;

/// What a process holds.
#[derive(Debug)]
pub struct Held {
    /// Open files, pipes and the like, sockets apart.
    pub files: usize,
    pub sockets: usize,
    /// Sockets that the other side has closed.
    pub half_closed: usize,
    pub mebibytes: u64,
}

/// What a process holds now.
pub fn held(pid: u32) -> Held {
    let (mut files, mut sockets) = (0, HashSet::new());
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
        // It may be closed by now.
        let Ok(target) = std::fs::read_link(entry.path()) else { continue };
        let target = target.display().to_string();
        match target.strip_prefix("socket:[") {
            Some(inode) => {
                sockets.insert(inode.trim_end_matches(']').to_owned());
            }
            None => files += 1,
        }
    }
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap();
    // Fields of proc_net_tcp: the state is the fourth (8 is CLOSE_WAIT), the inode the tenth.
    let half_closed = table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields[3] == "08" && sockets.contains(fields[9]))
        .count();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let mebibytes = resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024;
    Held { files, sockets: sockets.len(), half_closed, mebibytes }
}

/// Files and folders below a folder.
fn below(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Waits for something to become true, and says what is instead if it doesn't.
fn eventually(within: Duration, mut wrong: impl FnMut() -> Option<String>) {
    let start = Instant::now();
    while let Some(what) = wrong() {
        assert!(start.elapsed() < within, "{what}");
        std::thread::sleep(Duration::from_millis(250));
    }
}

/// Checks that nothing is left of any project, and that the two processes that lived through all of it hold what they held before.
pub fn none(
    cluster: &Cluster,
    temporary: &Path,
    before: &[(u32, Held); 2],
    most_memory: [u64; 2],
    most_debris: u64,
) {
    let debris = cluster.wait_for_debris();
    println!("{} objects left to the search for debris: {debris:?}", debris.len());
    assert!(debris.len() as u64 <= most_debris, "too much is left to the search for debris");
    eventually(Duration::from_secs(20), || {
        let open =
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'anonlink' AND state <> 'idle'";
        let open = cluster.sql(open);
        (open != "0").then(|| format!("{open} statements or transactions still open"))
    });
    // serve has ten connections at most, work three.
    let most = 10 * cluster.api.len() + 3 * cluster.workers.len();
    let all = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'anonlink'";
    let all: usize = cluster.sql(all).parse().unwrap();
    assert!(all <= most, "{all} connections to PostgreSQL of at most {most}");
    // Rows of workers that were killed are forgotten once a minute.
    let forgotten = "SELECT count(*) FROM workers WHERE seen < extract(epoch FROM now() - interval '4 minutes') * 1000000";
    assert_eq!(cluster.sql(forgotten), "0", "rows of workers that are long gone");
    assert_eq!(below(temporary), Vec::<String>::new(), "temporary files");
    for ((pid, before), most_memory) in before.iter().zip(most_memory) {
        eventually(Duration::from_secs(60), || {
            let now = held(*pid);
            // Pools open their connections as they need them: ten to PostgreSQL, some to the object store, nginx and Redis.
            let fine = now.files <= before.files
                && now.sockets <= before.sockets.max(24) + 40
                && now.half_closed == 0;
            (!fine).then(|| format!("process {pid} held {before:?} and holds {now:?}"))
        });
        let now = held(*pid);
        println!("process {pid}: before {before:?}, after {now:?}");
        assert!(now.mebibytes <= most_memory, "process {pid} holds {} MiB", now.mebibytes);
    }
}
