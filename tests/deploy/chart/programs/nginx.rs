//! nginx in front, with the configuration that the chart gives it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use super::{folder, get, ground, render, user};
use crate::chart::objects::{find, list, pod, texts};
use crate::stack::{Daemon, find as program, free_port, wait_until};

#[test]
fn chart_nginx_starts_as_its_pod_starts_it_and_passes_on() {
    let (objects, ground) = (render("nginx"), ground());
    let (settings, run) = (ground.path().join("settings"), folder(ground.path(), "run"));
    std::fs::create_dir(&settings).unwrap();
    let api = TcpListener::bind("127.0.0.1:0").unwrap();
    let (behind, port) = (api.local_addr().unwrap().port(), free_port());
    // An API that greets whoever asks.
    std::thread::spawn(move || {
        for stream in api.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap_or(0);
            let forwarded = String::from_utf8_lossy(&request[..read]).contains("X-Forwarded-For: 127.0.0.1");
            let body = if forwarded { "forwarded" } else { "plain" };
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    let text = texts(&find(&objects, "ConfigMap", "anonlink-www")["data"])["nginx.conf"].clone();
    for (from, to) in [
        ("anonlink-api:8851", format!("127.0.0.1:{behind}")),
        ("listen 8080;", format!("listen 127.0.0.1:{port};")),
    ] {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        let file = settings.join("nginx.conf");
        let text = std::fs::read_to_string(&file).unwrap_or_else(|_| text.clone());
        std::fs::write(file, text.replace(from, &to)).unwrap();
    }
    let container = &pod(&objects, "Deployment", "anonlink-www")["spec"]["containers"][0];
    let command: Vec<_> = list(&container["command"])
        .iter()
        .map(|one| {
            let one = one.as_str().unwrap().replace("/etc/anonlink-www", settings.to_str().unwrap());
            one.replace("/run/anonlink-www/", &format!("{}/", run.display()))
        })
        .collect();
    let nginx = program(&command[0], &["/usr/sbin", "/usr/local/sbin"]);
    let mut daemon = Daemon::start("nginx", ground.path(), &nginx, &command[1..], &[], user());
    daemon.wait_for_port(port);
    let answer = get(port, "/api/v1/status");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("forwarded"), "{answer}");
    // What its pod does before it stops: it ends once its requests have.
    let stop = list(&container["lifecycle"]["preStop"]["exec"]["command"])[2].as_str().unwrap();
    let quit = stop.split("; ").nth(1).unwrap();
    let quit = quit
        .replace("/etc/anonlink-www", settings.to_str().unwrap())
        .replace("/run/anonlink-www", run.to_str().unwrap());
    let quit = quit.replacen("nginx", nginx.to_str().unwrap(), 1);
    assert!(Command::new("sh").args(["-c", &quit]).status().unwrap().success(), "{quit}: {}", daemon.log());
    wait_until("its end", || !daemon.running());
}
