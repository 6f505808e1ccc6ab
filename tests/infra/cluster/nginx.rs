//! A real nginx with the shipped configuration in front of a server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::service::{self, Process, Project, call, create, parties, post_run, run_state, upload, wait_for};
use crate::stack::Nginx;

/// A server behind nginx: its process, its own address, nginx.
fn behind_nginx(unlimited: bool) -> (tempfile::TempDir, Process, String, Nginx) {
    let folder = tempfile::tempdir().unwrap();
    let (server, url) = service::serve(folder.path(), &[]);
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    (folder, server, url, Nginx::start(&[port], unlimited))
}

/// Most memory that a process has held, in MiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// A request's head sent on a connection of its own.
fn open(url: &str, head: &str) -> TcpStream {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{head}\r\nHost: {address}\r\n\r\n").unwrap();
    stream
}

fn binary_head(project: &Project, token: &str, rows: u64) -> String {
    format!(
        "POST /api/v1/projects/{}/binaryclks HTTP/1.1\r\nAuthorization: {token}\r\nContent-Type: application/octet-stream\r\n\
         Hash-Count: {rows}\r\nHash-Size: 128\r\nContent-Length: {}\r\nConnection: close",
        project.id,
        rows * 128
    )
}

/// The head of an answer in small letters, and its body.
fn answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let end = all.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("{all:?}"));
    let body = all.split_off(end + 4);
    (String::from_utf8(all).unwrap().to_ascii_lowercase(), body)
}

#[test]
fn cluster_nginx_passes_the_web_pages_on() {
    let (_folder, _server, url, nginx) = behind_nginx(false);
    for path in ["/", "/monitor", "/assets/project.js"] {
        let answers = [&url, &nginx.url()]
            .map(|to| answer(&mut open(to, &format!("GET {path} HTTP/1.1\r\nConnection: close"))));
        let [(direct, body), (passed, same)] = answers;
        assert!(passed.starts_with("http/1.1 200"), "{path}: {passed}");
        assert_eq!(body, same, "{path}");
        for header in
            ["content-security-policy: ", "etag: ", "cache-control: no-cache", "content-type: text/"]
        {
            assert!(direct.contains(header) && passed.contains(header), "{path} lacks {header}: {passed}");
        }
    }
}

#[test]
fn cluster_nginx_passes_an_upload_of_a_gigabyte_on() {
    const ROWS: u64 = (1 << 30) / 128;
    let (_folder, server, _, nginx) = behind_nginx(true);
    let project = create(&nginx.url(), "groups").unwrap();
    let mut stream = open(&nginx.url(), &binary_head(&project, &project.updates[0], ROWS));
    let piece: Vec<u8> = (0..1 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut aside = 0;
    for _ in 0..1 << 10 {
        stream.write_all(&piece).unwrap();
        aside = aside.max(nginx.kept_aside());
    }
    let (head, body) = answer(&mut stream);
    assert!(head.starts_with("http/1.1 201"), "{head}{}", String::from_utf8_lossy(&body));
    assert_eq!(aside, 0, "nothing waits on nginx's disk");
    for pid in nginx.pids() {
        assert!(peak(pid) < 64, "nginx held {} MiB", peak(pid));
    }
    assert!(peak(server.0.id()) < 200, "the server held {} MiB", peak(server.0.id()));
}

#[test]
fn cluster_nginx_streams_a_result_to_a_slow_client() {
    let (_folder, server, own, nginx) = behind_nginx(true);
    let project = create(&nginx.url(), "similarity_scores").unwrap();
    for (party, rows) in parties(1200, 11).iter().enumerate() {
        assert_eq!(upload(&nginx.url(), &project, party, 128, rows).unwrap(), 201);
    }
    let run = post_run(&nginx.url(), &project, 0.1).unwrap();
    wait_for("the run", || run_state(&own, &project, &run).unwrap().0 == "completed");
    let (status, wanted) = service::result(&own, &project, &run).unwrap();
    assert_eq!(status, 200);
    assert!(wanted.len() > 40_000_000, "{} bytes", wanted.len());

    let before = (peak(server.0.id()), nginx.pids().into_iter().map(peak).max().unwrap());
    let path = format!("/api/v1/projects/{}/runs/{run}/result", project.id);
    // HTTP/1.0: the body is what comes until the connection ends.
    let stream = open(&nginx.url(), &format!("GET {path} HTTP/1.0\r\nAuthorization: {}", project.result));
    let mut reader = BufReader::with_capacity(1 << 20, stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");
    while line.trim() != "" {
        line.clear();
        reader.read_line(&mut line).unwrap();
    }
    // The slow client: it reads nothing for a while, and then a little now and then.
    std::thread::sleep(Duration::from_secs(3));
    let (mut at, mut piece) = (0, vec![0; 1 << 20]);
    loop {
        let read = reader.read(&mut piece).unwrap();
        if read == 0 {
            break;
        }
        assert!(wanted[at..].starts_with(&piece[..read]), "other bytes from {at} on");
        at += read;
        assert_eq!(nginx.kept_aside(), 0, "nothing waits on nginx's disk");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(at, wanted.len());
    let after = (peak(server.0.id()), nginx.pids().into_iter().map(peak).max().unwrap());
    assert!(after.0 < before.0 + 16 && after.1 < before.1 + 16, "{before:?} MiB grew to {after:?} MiB");
}

#[test]
fn cluster_nginx_limits_the_rate_and_says_when_to_come_back() {
    let (_folder, _server, _, nginx) = behind_nginx(false);
    let url = nginx.url();
    let ask = || {
        let head = "GET /api/v1/version HTTP/1.1\r\nOrigin: https://page.example\r\nConnection: close";
        answer(&mut open(&url, head))
    };
    let (mut passed, mut refused) = (0, Vec::new());
    let start = Instant::now();
    // Threads, so that more than 200 come in a second even on a busy machine.
    std::thread::scope(|scope| {
        let clients: Vec<_> =
            (0..8).map(|_| scope.spawn(|| (0..150).map(|_| ask()).collect::<Vec<_>>())).collect();
        for (head, body) in clients.into_iter().flat_map(|client| client.join().unwrap()) {
            match &head[..12] {
                "http/1.1 200" => passed += 1,
                "http/1.1 503" => refused.push((head, body)),
                _ => panic!("{head}"),
            }
        }
    });
    let most = 51 + (start.elapsed().as_secs_f64() * 200.0).ceil() as usize;
    assert!((50..=most).contains(&passed), "{passed} of at most {most} passed");
    assert!(!refused.is_empty(), "nobody was refused in {:?}", start.elapsed());
    for (head, body) in &refused {
        for line in
            ["retry-after: 1", "content-type: application/problem+json", "access-control-allow-origin: *"]
        {
            assert!(head.contains(&format!("\r\n{line}\r\n")), "no {line}: {head}");
        }
        let problem: serde_json::Value = serde_json::from_slice(body).unwrap();
        assert_eq!(problem["status"], 503);
    }
    // Whoever comes back when told to is served.
    std::thread::sleep(Duration::from_secs(1));
    assert!(ask().0.starts_with("http/1.1 200"));
}

#[test]
fn cluster_nginx_leaves_cross_origin_headers_alone() {
    let (_folder, _server, own, nginx) = behind_nginx(true);
    let headers = |url: &str, head: &str| {
        let (head, _) =
            answer(&mut open(url, &format!("{head}\r\nOrigin: https://page.example\r\nConnection: close")));
        let mut lines: Vec<_> = head.lines().filter(|line| line.starts_with("access-control-")).collect();
        lines.sort_unstable();
        (head[..12].to_owned(), lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
    };
    let preflight = "OPTIONS /api/v1/projects HTTP/1.1\r\nAccess-Control-Request-Method: POST\r\n\
                     Access-Control-Request-Headers: authorization";
    for (head, status) in [(preflight, "http/1.1 204"), ("GET /api/v1/version HTTP/1.1", "http/1.1 200")] {
        let passed = headers(&nginx.url(), head);
        assert_eq!(passed, headers(&own, head));
        assert_eq!(passed.0, status);
        assert!(passed.1.contains(&"access-control-allow-origin: *".to_owned()), "{passed:?}");
    }
}

#[test]
fn cluster_nginx_passes_refusals_of_large_uploads_on() {
    const ROWS: u64 = (40 << 20) / 128;
    let (_folder, _server, own, nginx) = behind_nginx(true);
    let project = create(&own, "groups").unwrap();
    let body = vec![7; 40 << 20];
    for url in [&own, &nginx.url()] {
        for _ in 0..20 {
            let mut stream = open(url, &binary_head(&project, "wrong", ROWS));
            // It is refused before all of it has been sent: nobody need read the rest.
            let _ = stream.write_all(&body);
            let (head, body) = answer(&mut stream);
            let body = String::from_utf8_lossy(&body);
            assert!(head.starts_with("http/1.1 403"), "by {url}: {head}{body}\n{}", nginx.log());
            if *url == own {
                assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
            }
        }
    }
    // A connection on which all was read is used again.
    assert_eq!(call(&own, "GET", "/version", "", None).unwrap().0, 200);
    assert_eq!(
        call(&nginx.url(), "POST", "/projects", "", Some(json!({"schema": {}, "result_type": "groups"})))
            .unwrap()
            .0,
        201
    );
}
