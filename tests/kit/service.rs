//! Real `anonlink` processes for tests, and the few requests that they need.

#![allow(dead_code)]

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use super::stack::free_port;

/// A running process, killed when dropped.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    /// Sends a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

/// Starts a role of the real binary with the environment that tests need.
pub fn start(role: &str, data: &Path, flags: &[&str]) -> Process {
    start_with(role, data, flags, &[])
}

fn start_with(role: &str, data: &Path, flags: &[&str], environment: &[(&str, &str)]) -> Process {
    let child = Command::new(env!("CARGO_BIN_EXE_anonlink"))
        .arg(role)
        .arg("--data-dir")
        .arg(data)
        .args(flags)
        .args(["--log-level", "warn"])
        .envs(environment.iter().copied())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    Process(child)
}

/// A server on a free port and its URL.
pub fn serve(data: &Path, flags: &[&str]) -> (Process, String) {
    serve_with(data, &[&["--rate-limit", "0"], flags].concat(), &[])
}

/// The same with more environment, and with the rate limit that it says.
pub fn serve_with(data: &Path, flags: &[&str], environment: &[(&str, &str)]) -> (Process, String) {
    let flags = [&["--listen", "127.0.0.1:0"], flags].concat();
    let mut server = start_with("serve", data, &flags, environment);
    let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let first = lines.next().expect("the server says where it listens").unwrap();
    let url = first.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
    // The rest is read so that the server never waits for us.
    std::thread::spawn(move || for _ in lines {});
    (server, url)
}

/// Waits for something, at most two minutes.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(120), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An answer: status and body.
pub type Answer = (u16, Vec<u8>);

/// One request on a connection of its own; `Err` if the server went away.
pub fn request(
    url: &str,
    method: &str,
    path: &str,
    token: &str,
    body: &[u8],
    headers: &[(&str, &str)],
) -> std::io::Result<Answer> {
    exchange(url, method, &format!("/api/v1{path}"), token, body, headers, None)
}

/// The same for a client that doesn't wait longer than this for the next bytes.
pub fn request_within(
    patience: Duration,
    url: &str,
    (method, path): (&str, &str),
    token: &str,
    body: &[u8],
    headers: &[(&str, &str)],
) -> std::io::Result<Answer> {
    exchange(url, method, &format!("/api/v1{path}"), token, body, headers, Some(patience))
}

/// A GET of a path outside the API; `Err` if the server went away.
pub fn request_root(url: &str, path: &str) -> std::io::Result<Answer> {
    exchange(url, "GET", path, "", b"", &[], None)
}

fn exchange(
    url: &str,
    method: &str,
    path: &str,
    token: &str,
    body: &[u8],
    headers: &[(&str, &str)],
    patience: Option<Duration>,
) -> std::io::Result<Answer> {
    use std::io::Write;

    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(patience)?;
    stream.set_write_timeout(patience)?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    head += &format!("Content-Length: {}\r\n", body.len());
    if !token.is_empty() {
        head += &format!("Authorization: {token}\r\n");
    }
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(body)?;
    answer(stream)
}

/// Begins an upload of a party's packed encodings of 128 bytes by sending only so many of them; the rest is the caller's affair.
pub fn begin_upload(
    url: &str,
    project: &Project,
    party: usize,
    rows: &[u8],
    sent: usize,
) -> std::io::Result<TcpStream> {
    use std::io::Write;

    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address)?;
    let head = format!(
        "POST /api/v1/projects/{}/binaryclks HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/octet-stream\r\nHash-Count: {}\r\nHash-Size: 128\r\n\
         Content-Length: {}\r\nAuthorization: {}\r\n\r\n",
        project.id,
        rows.len() / 128,
        rows.len(),
        project.updates[party],
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&rows[..sent])?;
    Ok(stream)
}

/// Waits until a party's upload has begun: the service has read its head and may be waiting for more.
pub fn wait_for_begun(url: &str, project: &Project, party: usize) {
    let path = format!("/projects/{}/parties", project.id);
    wait_for("the upload to begin", || {
        let (_, answer) = call(url, "GET", &path, &project.result, None).unwrap();
        answer["parties"][party]["state"] == "uploading"
    });
}

/// Reads the answer on a connection that closes after it; `Err` if the server went away.
pub fn answer(mut stream: TcpStream) -> std::io::Result<Answer> {
    use std::io::{Error, Read};

    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let cut = |why: &str| Error::new(std::io::ErrorKind::UnexpectedEof, why.to_owned());
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").ok_or_else(|| cut("no head"))?;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(|| cut("no status"))?;
    let body = answer.split_off(end + 4);
    let body = if head.contains("transfer-encoding: chunked") {
        unchunk(&body).ok_or_else(|| cut("cut body"))?
    } else {
        body
    };
    if let Some(length) = head.lines().find_map(|line| line.strip_prefix("content-length: "))
        && length.trim().parse() != Ok(body.len())
    {
        return Err(cut("short body"));
    }
    Ok((status, body))
}

fn unchunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let line = bytes.windows(2).position(|w| w == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).ok()?.trim(), 16).ok()?;
        bytes = &bytes[line + 2..];
        if length == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(bytes.get(..length)?);
        bytes = bytes.get(length + 2..)?;
    }
}

/// A JSON request; `Err` if the server went away.
pub fn call(
    url: &str,
    method: &str,
    path: &str,
    token: &str,
    body: Option<Value>,
) -> std::io::Result<(u16, Value)> {
    let bytes = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
    let (status, answer) =
        request(url, method, path, token, &bytes, &[("Content-Type", "application/json")])?;
    Ok((status, serde_json::from_slice(&answer).unwrap_or(Value::Null)))
}

/// Checks a status. A server that says that it can't answer now counts as gone.
fn expect(found: u16, wanted: u16, answer: &Value) -> std::io::Result<()> {
    if found >= 500 {
        return Err(std::io::Error::other(format!("{found}: {answer}")));
    }
    assert_eq!(found, wanted, "{answer}");
    Ok(())
}

/// A project's identifier and tokens.
#[derive(Clone)]
pub struct Project {
    pub id: String,
    pub updates: Vec<String>,
    pub result: String,
}

/// Creates a two-party project.
pub fn create(url: &str, result_type: &str) -> std::io::Result<Project> {
    let (status, made) =
        call(url, "POST", "/projects", "", Some(json!({"schema": {}, "result_type": result_type})))?;
    expect(status, 201, &made)?;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Ok(Project {
        id: text(&made["project_id"]),
        updates: made["update_tokens"].as_array().unwrap().iter().map(text).collect(),
        result: text(&made["result_token"]),
    })
}

/// Uploads a party's packed encodings; the status.
pub fn upload(url: &str, project: &Project, party: usize, size: usize, rows: &[u8]) -> std::io::Result<u16> {
    Ok(upload_answer(url, project, party, size, rows)?.0)
}

/// Uploads a party's encodings of `size` bytes; the whole answer.
pub fn upload_answer(
    url: &str,
    project: &Project,
    party: usize,
    size: usize,
    rows: &[u8],
) -> std::io::Result<Answer> {
    let (count, size) = ((rows.len() / size).to_string(), size.to_string());
    let headers =
        [("Content-Type", "application/octet-stream"), ("Hash-Count", &count), ("Hash-Size", &size)];
    let path = format!("/projects/{}/binaryclks", project.id);
    request(url, "POST", &path, &project.updates[party], rows, &headers)
}

/// Posts a run; its identifier.
pub fn post_run(url: &str, project: &Project, threshold: f64) -> std::io::Result<String> {
    let path = format!("/projects/{}/runs", project.id);
    let (status, run) = call(url, "POST", &path, &project.result, Some(json!({"threshold": threshold})))?;
    expect(status, 201, &run)?;
    Ok(run["run_id"].as_str().unwrap().to_owned())
}

/// A run's state and message.
pub fn run_state(url: &str, project: &Project, run: &str) -> std::io::Result<(String, Value)> {
    let path = format!("/projects/{}/runs/{run}/status", project.id);
    let (status, answer) = call(url, "GET", &path, &project.result, None)?;
    expect(status, 200, &answer)?;
    Ok((answer["state"].as_str().unwrap().to_owned(), answer))
}

/// A run's result, byte for byte.
pub fn result(url: &str, project: &Project, run: &str) -> std::io::Result<Answer> {
    request(url, "GET", &format!("/projects/{}/runs/{run}/result", project.id), &project.result, b"", &[])
}

/// Numbers that follow from a seed (xorshift64*, Vigna 2016).
pub fn numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed | 1;
    move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

/// Two parties of `rows` encodings of 128 bytes; every third record of the second is a noisy copy. Reproducible.
pub fn parties(rows: usize, seed: u64) -> [Vec<u8>; 2] {
    let mut next = numbers(seed);
    let mut sparse = |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&(next() & (next() | next())).to_le_bytes());
        }
    };
    let mut a = vec![0; rows * 128];
    let mut b = vec![0; rows * 128];
    sparse(&mut a);
    sparse(&mut b);
    for row in (0..rows).step_by(3) {
        let from = (row * 7 + 5) % rows;
        let copy: Vec<u8> = a[from * 128..][..128].to_vec();
        b[row * 128..][..128].copy_from_slice(&copy);
        b[row * 128 + row % 128] ^= 0x5a;
    }
    [a, b]
}
