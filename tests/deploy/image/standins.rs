//! Images under the names of deploy/compose.yaml, of programs that are installed on this machine: PostgreSQL, Redis, MinIO with its
//! client, nginx. What is tested is the compose file and our image, not those servers' images; their versions differ from the
//! file's. They have what the official images have and the file relies on: the entry point, the user, who owns which folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::image::built::repository;
use crate::image::engine::{Engine, succeed};
use crate::image::root::Root;
use crate::stack::find;

/// Programs of a shell script.
const SHELL: &[&str] = &["sh", "cat", "grep", "sleep", "mkdir", "rm", "chmod", "ls", "tr", "env"];

/// The images that the compose file names, besides our own.
fn images() -> Vec<String> {
    let text = std::fs::read_to_string(repository().join("deploy/compose.yaml")).unwrap();
    let named = |line: &str| {
        let image = line.trim().strip_prefix("image: ")?;
        image.split(' ').find(|word| word.contains(':') && !word.contains("${")).map(str::to_owned)
    };
    text.lines().filter_map(named).collect()
}

/// Makes them all.
pub fn make(engine: &Engine) {
    for image in images() {
        let (root, settings) = match image.split(':').next().unwrap() {
            "nginx" => nginx(),
            "postgres" => postgres(),
            "valkey/valkey" => redis(),
            "pgsty/silo" => store(),
            other => panic!("deploy/compose.yaml names an image that has no stand-in here: {other}"),
        };
        let mut tar = Command::new("tar");
        let mut tar =
            tar.arg("-C").arg(root.path()).args(["-c", "."]).stdout(Stdio::piped()).spawn().unwrap();
        let mut arguments = vec!["import"];
        arguments.extend(settings.iter().flat_map(|setting| ["--change", setting]));
        arguments.extend(["-", &image]);
        succeed(engine.command(&arguments).stdin(tar.stdout.take().unwrap()));
        assert!(tar.wait().unwrap().success());
    }
}

/// A root with users, and with a shell and what scripts call.
fn with_shell() -> Root {
    let root = Root::new();
    for program in SHELL {
        root.program(&find(program, &["/bin", "/usr/bin"]), &format!("/bin/{program}"));
    }
    let users = [("root", 0), ("postgres", 999), ("nobody", 65_534)];
    let users: String = users.iter().map(|(name, id)| format!("{name}:x:{id}:{id}::/:/bin/sh\n")).collect();
    root.file("/etc/passwd", users, 0o644);
    root.file("/etc/group", "root:x:0:\npostgres:x:999:\nnogroup:x:65534:\n", 0o644);
    root.folder("/tmp", 0, 0o1777);
    root
}

fn nginx() -> (Root, Vec<String>) {
    let root = with_shell();
    root.program(&find("nginx", &["/usr/sbin", "/usr/local/sbin"]), "/usr/sbin/nginx");
    (root, vec!["ENV PATH=/usr/sbin:/bin".into(), r#"CMD ["nginx"]"#.into()])
}

fn redis() -> (Root, Vec<String>) {
    let root = with_shell();
    for program in ["server", "cli"] {
        root.program(&find(&format!("redis-{program}"), &[]), &format!("/usr/bin/valkey-{program}"));
    }
    (root, vec!["ENV PATH=/usr/bin:/bin".into(), r#"CMD ["valkey-server"]"#.into(), "VOLUME /data".into()])
}

fn store() -> (Root, Vec<String>) {
    let root = with_shell();
    for program in ["minio", "mc"] {
        root.program(&find(program, &[]), &format!("/usr/bin/{program}"));
    }
    root.folder("/data", 0, 0o755);
    (root, vec!["ENV PATH=/usr/bin:/bin".into(), r#"ENTRYPOINT ["minio"]"#.into()])
}

/// What the official image's entry point does, as far as the compose file relies on it: a first start makes the database.
const ENTRY: &str = r#"#!/bin/sh
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C --username="$POSTGRES_USER" \
        --pwfile="$POSTGRES_PASSWORD_FILE" --pgdata="$PGDATA"
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
    echo "CREATE DATABASE \"$POSTGRES_DB\";" | postgres --single -D "$PGDATA" postgres
fi
exec "$@"
"#;

fn postgres() -> (Root, Vec<String>) {
    let root = with_shell();
    let folder = newest_postgresql();
    let version = folder.file_name().unwrap().to_str().unwrap();
    root.tree(&folder.join("bin"));
    root.tree(&folder.join("lib"));
    for program in ["postgres", "initdb", "psql", "pg_isready"] {
        root.libraries(&folder.join("bin").join(program));
    }
    root.tree(&Path::new("/usr/share/postgresql").join(version));
    root.tree(Path::new("/usr/share/zoneinfo/Etc"));
    root.file("/entry", ENTRY, 0o755);
    root.folder("/var/lib/postgresql", 999, 0o1777);
    root.folder("/var/run/postgresql", 999, 0o1777);
    let path = format!("ENV PATH={}:/bin", folder.join("bin").display());
    let settings = [&path, r#"ENTRYPOINT ["/entry"]"#, r#"CMD ["postgres"]"#, "VOLUME /var/lib/postgresql"];
    (root, settings.map(str::to_owned).to_vec())
}

/// The distribution's newest PostgreSQL.
fn newest_postgresql() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL of the distribution");
    let versions = versions.flatten().filter(|entry| entry.path().join("bin/initdb").is_file());
    let version = |entry: &std::fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    versions.max_by_key(version).expect("some version of PostgreSQL").path()
}
