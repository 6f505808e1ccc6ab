//! What only a real connection shows.

use std::net::SocketAddr;
use std::time::Duration;

use anonlink::api::serve;
use anonlink::domain::PartyState;
use anonlink::store::Store;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::api::support::{Project, Service, clks};

struct Running {
    service: Service,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Running {
    async fn start(service: Service) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async move { drop(stopped.await) };
        let server = tokio::spawn(serve(listener.into(), service.state.clone(), shutdown));
        Self { service, address, stop, server }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn party_is(&self, project: &Project, state: PartyState) {
        let id = project.id.parse().unwrap();
        let reached = async {
            while self.service.db.parties(id).await.unwrap()[0].state != state {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), reached).await.expect("the party gets there");
    }
}

/// The head of an upload with so many bytes of body to come.
fn head(project: &Project, length: usize) -> String {
    format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n",
        project.path("/clks"),
        project.update[0],
    )
}

/// Reads one answer whose length is declared.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()).unwrap_or("0");
            if body.len() >= length.parse().unwrap() {
                return String::from_utf8(bytes).unwrap();
            }
        }
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "the connection was closed after {text:?}");
        bytes.extend_from_slice(&piece[..read]);
    }
}

#[tokio::test]
async fn requests_share_a_connection_and_shutdown_waits_for_the_running_one() {
    let running = Running::start(Service::start().await).await;
    let project = running.service.project(json!({})).await;
    let mut stream = running.connect().await;
    for _ in 0..3 {
        stream.write_all(b"GET /api/v1//version/ HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(answer(&mut stream).await.starts_with("HTTP/1.1 200"));
    }
    let body = clks(3).to_string();
    let head = head(&project, body.len());
    stream.write_all(format!("{head}Expect: 100-continue\r\n\r\n").as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 100"));
    running.party_is(&project, PartyState::Uploading).await;
    running.stop.send(()).unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 201"));
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "the connection is closed then");
    drop(stream);
    running.server.await.unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn shutdown_cuts_what_outlasts_the_grace_period_and_gives_uploads_back() {
    let running = Running::start(Service::with(&["--shutdown-grace-seconds", "0"]).await).await;
    let project = running.service.project(json!({})).await;
    let mut stream = running.connect().await;
    stream.write_all(format!("{}\r\n{{\"clks\":[", head(&project, 1000)).as_bytes()).await.unwrap();
    running.party_is(&project, PartyState::Uploading).await;
    running.stop.send(()).unwrap();
    running.server.await.unwrap();
    assert_eq!(
        running.service.db.parties(project.id.parse().unwrap()).await.unwrap()[0].state,
        PartyState::Waiting
    );
}

#[tokio::test]
async fn an_upload_whose_client_hangs_up_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::directory(&folder.path().join("objects")).unwrap();
    let running = Running::start(Service::on(store, &[]).await).await;
    let project = running.service.project(json!({})).await;
    // Enough for the store to have begun writing parts.
    let half = clks(1_000_000).to_string();
    let mut stream = running.connect().await;
    stream.write_all(format!("{}\r\n", head(&project, 2 * half.len())).as_bytes()).await.unwrap();
    stream.write_all(&half.as_bytes()[..half.len() - 10]).await.unwrap();
    running.party_is(&project, PartyState::Uploading).await;
    drop(stream);
    running.party_is(&project, PartyState::Waiting).await;
    assert!(running.service.objects(&project).await.is_empty());
    running.service.upload(&project, 0, 2).await;
    assert_eq!(running.service.objects(&project).await.len(), 1);
}

#[tokio::test]
async fn a_silent_upload_is_ended_and_its_token_stays_good() {
    let running = Running::start(Service::with(&["--upload-idle-seconds", "1"]).await).await;
    let project = running.service.project(json!({})).await;
    let mut stream = running.connect().await;
    stream.write_all(format!("{}\r\n{{\"clks\":[", head(&project, 1000)).as_bytes()).await.unwrap();
    let answer = answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("no data came"), "{answer}");
    assert!(running.service.objects(&project).await.is_empty());
    running.service.upload(&project, 0, 2).await;
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_sends_on() {
    let running = Running::start(Service::with(&["--max-body", "1000"]).await).await;
    let project = running.service.project(json!({})).await;
    let (mut read, mut write) = running.connect().await.into_split();
    let sending = tokio::spawn({
        let head = head(&project, 20 << 20);
        async move {
            write.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
            for _ in 0..20 {
                write.write_all(&vec![b' '; 1 << 20]).await.unwrap();
            }
        }
    });
    let mut answer = String::new();
    read.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("1000 bytes"), "{answer}");
    sending.await.unwrap();
    running.service.upload(&project, 0, 2).await;
}

#[tokio::test]
async fn clients_are_told_apart_by_their_addresses() {
    let flags = ["--rate-limit", "0.001", "--rate-limit-burst", "1", "--trusted-proxies", "127.0.0.1"];
    let running = Running::start(Service::with(&flags).await).await;
    let mut stream = running.connect().await;
    for (client, status) in
        [("1.1.1.1", "200"), ("1.1.1.1", "503"), ("9.9.9.9, 2.2.2.2", "200"), ("2.2.2.2", "503")]
    {
        let request = format!("GET /api/v1/version HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = answer(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{client}: {answer}");
    }
}

#[tokio::test]
async fn more_clients_than_slots_wait_for_one() {
    let running = Running::start(Service::with(&["--max-connections", "1"]).await).await;
    let project = running.service.project(json!({})).await;
    let body = clks(3).to_string();
    let mut first = running.connect().await;
    first.write_all(format!("{}\r\n", head(&project, body.len())).as_bytes()).await.unwrap();
    running.party_is(&project, PartyState::Uploading).await;
    let mut second = running.connect().await;
    second.write_all(VERSION).await.unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(250), second.read(&mut byte)).await;
    assert!(early.is_err(), "the one slot is taken by a request");
    first.write_all(body.as_bytes()).await.unwrap();
    assert!(answer(&mut first).await.starts_with("HTTP/1.1 201"));
    assert!(answer(&mut second).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn connections_without_a_request_give_way() {
    let running = Running::start(Service::with(&["--max-connections", "3"]).await).await;
    // One says nothing, one is slow with its header, one has had its answer.
    let silent = running.connect().await;
    let mut slow = running.connect().await;
    slow.write_all(b"GET /api/v1/version HTTP/1.1\r\nHo").await.unwrap();
    let mut served = running.connect().await;
    served.write_all(VERSION).await.unwrap();
    answer(&mut served).await;
    let mut newcomers = Vec::new();
    for mut old in [silent, slow, served] {
        let mut newcomer = running.connect().await;
        newcomer.write_all(VERSION).await.unwrap();
        assert!(answer(&mut newcomer).await.starts_with("HTTP/1.1 200"));
        // Whether by an end or a reset, it is over.
        assert!(!matches!(old.read(&mut [0]).await, Ok(1)));
        newcomers.push(newcomer);
    }
}

/// The smallest request.
const VERSION: &[u8] = b"GET /api/v1/version HTTP/1.1\r\nHost: x\r\n\r\n";
