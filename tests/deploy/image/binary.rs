//! The static binary in an empty root: names, TLS, authorities, and the whole service.

use std::path::Path;
use std::process::Command;

use crate::image::built::{binary, built};
use crate::image::dns;
use crate::image::engine::succeed;
use crate::image::root::Root;
use crate::stack::{Daemon, Postgres, PostgresOptions, find, free_ports};

const DOMAIN: &str = "anonlink.test";
const USER: u32 = 65532;

/// A root with the binary, a folder for temporary files, and nothing else.
fn empty_root() -> Root {
    let root = Root::new();
    root.copy(&binary(), "/anonlink");
    root.folder("/tmp", USER, 0o700);
    root
}

/// The binary in a root, as the image's user, without this process' environment.
fn inside(root: &Root, arguments: &[&str]) -> Command {
    let mut command = Command::new(find("chroot", &["/usr/sbin"]));
    command.env_clear().env("TMPDIR", "/tmp").arg(format!("--userspec={USER}:{USER}")).arg(root.path());
    command.arg("/anonlink").args(arguments);
    command
}

fn openssl(folder: &Path, arguments: &str) {
    succeed(
        Command::new(find("openssl", &["/usr/bin"])).current_dir(folder).args(arguments.split_whitespace()),
    );
}

/// An authority and a certificate of it for every name of the domain, in `ca.crt`, `server.crt` and `server.key`.
fn certificates(folder: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(folder, &format!("req -x509 {key} -days 2 -subj /CN=authority -keyout ca.key -out ca.crt"));
    openssl(folder, &format!("req {key} -subj /CN=server -keyout server.key -out server.csr"));
    std::fs::write(folder.join("names"), format!("subjectAltName=DNS:*.{DOMAIN}\n")).unwrap();
    let sign = "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt";
    openssl(folder, sign);
}

#[test]
fn image_binary_needs_no_library() {
    let size = std::fs::metadata(binary()).unwrap().len();
    assert!(size < 39 << 20, "{size} bytes");
    let headers = succeed(
        Command::new(find("readelf", &[])).args(["--program-headers", "--dynamic", "-W"]).arg(binary()),
    );
    assert!(!headers.contains("INTERP") && !headers.contains("(NEEDED)"), "{headers}");
}

#[test]
fn image_binary_passes_selftest_in_an_empty_root() {
    let said = succeed(&mut inside(&empty_root(), &["selftest"]));
    assert!(said.lines().last().unwrap().contains(" 0 failed"), "{said}");
}

#[test]
fn image_binary_finds_names_and_authorities_in_an_empty_root() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let resolver = dns::start(DOMAIN);
    let (root, file) = (empty_root(), |name: &str| folder.path().join(name));
    root.file("/etc/resolv.conf", format!("nameserver {resolver}\noptions timeout:2 attempts:2\n"), 0o644);
    let authorities = "/etc/ssl/certs/ca-certificates.crt";
    assert!(built().join(authorities.trim_start_matches('/')).is_file(), "the image has authorities there");

    // The service behind an end of TLS.
    let [plain, tls] = free_ports(2)[..] else { unreachable!() };
    let mut serve =
        inside(&root, &["serve", "--listen", &format!("127.0.0.1:{plain}"), "--data-dir", "/tmp/data"]);
    let serve =
        serve.arg("--rate-limit=0").stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let _serve = crate::service::Process(serve.spawn().unwrap());
    let nginx = format!(
        "error_log stderr warn; pid nginx.pid; events {{}} http {{ access_log off; server {{ listen 127.0.0.1:{tls} ssl; \
         ssl_certificate server.crt; ssl_certificate_key server.key; client_max_body_size 1g; \
         location / {{ proxy_pass http://127.0.0.1:{plain}; proxy_http_version 1.1; }} }} }}"
    );
    std::fs::write(file("nginx.conf"), nginx).unwrap();
    let prefix = folder.path().to_str().unwrap();
    let arguments = ["-p", prefix, "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off; user root;"];
    let program = find("nginx", &["/usr/sbin", "/usr/local/sbin"]);
    let mut front = Daemon::start("nginx", folder.path(), &program, &arguments.map(str::to_owned), &[], None);
    front.wait_for_port(tls);
    let selftest = |name: &str| {
        inside(&root, &["selftest", "--server", &format!("https://{name}:{tls}")]).output().unwrap()
    };

    // PostgreSQL, which insists on TLS.
    let options =
        PostgresOptions { tls: Some((file("server.crt"), file("server.key"))), ..Default::default() };
    let postgres = Postgres::with(&options);
    let database = |name: &str| {
        let mut command = inside(&root, &["migrate", "--check", "--wait=0"]);
        command.env("DATABASE_SERVER", format!("{name}:{}", postgres.port())).env("DATABASE", "postgres");
        command.env("DATABASE_USER", postgres.user()).env("DATABASE_PASSWORD", postgres.password());
        command.env("DATABASE_TLS", "verify-full").env("MINIO_SERVER", "127.0.0.1:9");
        let output = command.env("MINIO_ACCESS_KEY", "a").env("MINIO_SECRET_KEY", "b").output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };

    // Without a file of authorities Mozilla's are trusted, and ours is not among them.
    let name = &format!("service.{DOMAIN}");
    let output = selftest(name);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).to_lowercase();
    assert!(!output.status.success() && said.contains("certificate"), "{said}");
    let said = database(name);
    assert!(said.to_lowercase().contains("certificate"), "{said}");

    root.copy(&file("ca.crt"), authorities);
    let output = selftest(name);
    assert!(output.status.success(), "{output:?}");
    let said = database(name);
    assert!(said.contains("anonlink migrate"), "an empty database is found and judged: {said}");

    // A name that isn't there, and one that the certificate doesn't hold.
    let said = database("service.elsewhere.example");
    assert!(!said.contains("anonlink migrate"), "{said}");
    assert!(!selftest(&format!("a.b.{DOMAIN}")).status.success());
}
