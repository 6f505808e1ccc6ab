//! A client that behaves well: it tries again until it has an answer, looks before it posts a second time, and knows what every
//! result must be.

use std::time::Duration;

use serde_json::{Value, json};

use super::data::{Data, Wanted, lined_up};
use super::tally::Tally;
use crate::service::{Answer, request_within};

/// Longest wait for bytes of an answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longest time for anything to come right once nobody does harm any more.
const UTMOST: Duration = Duration::from_secs(240);

type Headers<'a> = &'a [(&'a str, &'a str)];
const JSON: Headers = &[("Content-Type", "application/json")];

/// One client, which does one linkage after the other.
pub struct Client<'a> {
    pub url: String,
    pub number: u64,
    pub tally: &'a Tally,
    pub random: Box<dyn FnMut() -> u64 + Send>,
    /// Serial number of what was posted.
    pub posted: u64,
}

/// A project at work.
pub struct Linkage<'a> {
    pub id: String,
    data: &'a Data,
    result_type: &'static str,
    updates: Vec<String>,
    result: String,
    /// None for a party whose receipt was lost with the answer.
    receipts: Vec<Option<String>>,
    /// Identifiers of runs, with what they must give.
    runs: Vec<(String, &'a Wanted)>,
    /// Names under which this client tried to post runs.
    tried: Vec<String>,
}

impl<'a> Client<'a> {
    /// A whole linkage on some data; returns the project if it is to stay for a while.
    pub fn link(&mut self, data: &'a Data) -> Option<Linkage<'a>> {
        let mut linkage = self.create(data);
        let early = self.one_in(3);
        if early {
            self.post_run(&mut linkage);
        }
        for party in 0..data.parties.len() {
            if self.one_in(4) {
                self.upload_rubbish(&linkage, party);
            }
            self.upload(&mut linkage, party);
        }
        if !early || self.one_in(3) {
            self.post_run(&mut linkage);
        }
        if self.one_in(6) {
            self.pause();
            self.delete(linkage);
            self.tally.add("projects deleted by their owner with runs under way");
            return None;
        }
        if self.one_in(5) {
            self.pause();
            self.cancel(&mut linkage);
            self.post_run(&mut linkage);
        }
        for run in linkage.runs.clone() {
            self.wait(&linkage, &run.0);
            self.tally.add("runs completed");
            self.check(&linkage, &run);
        }
        self.account(&linkage);
        if self.one_in(12) {
            return Some(linkage);
        }
        self.delete(linkage);
        self.tally.add("projects deleted when done");
        None
    }

    /// Looks once more at a project that was kept, and deletes it.
    pub fn revisit(&mut self, linkage: Linkage<'a>) {
        for run in &linkage.runs {
            self.check(&linkage, run);
        }
        self.account(&linkage);
        self.delete(linkage);
        self.tally.add("projects kept to the end, and still the same");
    }

    fn one_in(&mut self, many: u64) -> bool {
        (self.random)() >> 20 & 0xffff_ffff < (1 << 32) / many
    }

    fn pick(&mut self, from: usize) -> usize {
        ((self.random)() >> 20) as usize % from
    }

    fn pause(&mut self) {
        let long = self.pick(700) as u64;
        std::thread::sleep(Duration::from_millis(long));
    }

    /// One try. What is no answer, or one that asks for another try, is counted and `None`.
    fn once(
        &self,
        what: &str,
        line: (&str, &str),
        token: &str,
        body: &[u8],
        headers: Headers,
    ) -> Option<Answer> {
        match request_within(PATIENCE, &self.url, line, token, body, headers) {
            Ok(answer) if answer.0 < 500 && answer.0 != 408 => return Some(answer),
            Ok((500, body)) if what == "result" && String::from_utf8_lossy(&body).contains("Run Failed") => {
                panic!("{}", String::from_utf8_lossy(&body))
            }
            Ok((status, _)) => self.tally.add(format!("refused: {status} to {what}")),
            Err(error) => self.tally.add(format!("no answer: {:?} to {what}", error.kind())),
        }
        self.tally.add("retries");
        None
    }

    /// Tries until something comes of it.
    fn insist<T>(&mut self, what: &str, mut attempt: impl FnMut(&mut Self) -> Option<T>) -> T {
        let mut wait = 50;
        loop {
            if let Some(done) = attempt(self) {
                return done;
            }
            assert!(
                self.tally.calm_for() < UTMOST && !self.tally.has_failed(),
                "client {} gave up: {what}",
                self.number
            );
            std::thread::sleep(Duration::from_millis(wait + self.pick(50) as u64));
            wait = (wait * 2).min(1000);
        }
    }

    /// A request that may be repeated as it is; whether one without an answer came before it, and the answer.
    fn ask(
        &mut self,
        what: &str,
        line: (&str, &str),
        token: &str,
        body: &[u8],
        headers: Headers,
    ) -> (bool, Answer) {
        let mut tries = 0;
        self.insist(what, |client| {
            tries += 1;
            Some((tries > 1, client.once(what, line, token, body, headers)?))
        })
    }

    /// A GET that must be answered by a document.
    fn get(&mut self, what: &str, path: &str, token: &str) -> Value {
        let (_, (status, body)) = self.ask(what, ("GET", path), token, b"", &[]);
        assert_eq!(status, 200, "GET {path} ({what}): {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    fn name(&mut self) -> String {
        self.posted += 1;
        format!("{}-{}", self.number, self.posted)
    }

    /// Projects can't be looked up, so that one whose tokens were lost on their way is a stranger's: the soak counts them.
    fn create(&mut self, data: &'a Data) -> Linkage<'a> {
        let result_type = match data.parties.len() {
            2 => ["groups", "similarity_scores", "permutations"][self.pick(3)],
            _ => "groups",
        };
        let made: Value = self.insist("create a project", |client| {
            let name = client.name();
            let body = json!({
                "schema": {}, "result_type": result_type, "number_parties": data.parties.len(),
                "uses_blocking": data.blocks.is_some(), "name": name, "expires_in": 86_400,
            });
            let Some(answer) =
                client.once("create a project", ("POST", "/projects"), "", body.to_string().as_bytes(), JSON)
            else {
                client.tally.unanswered(&name);
                return None;
            };
            assert_eq!(answer.0, 201, "{}", String::from_utf8_lossy(&answer.1));
            client.tally.add("projects created");
            Some(serde_json::from_slice(&answer.1).unwrap())
        });
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Linkage {
            id: text(&made["project_id"]),
            data,
            result_type,
            updates: made["update_tokens"].as_array().unwrap().iter().map(text).collect(),
            result: text(&made["result_token"]),
            receipts: vec![None; data.parties.len()],
            runs: Vec::new(),
            tried: Vec::new(),
        }
    }

    /// Uploads that must be refused, or that end before they are whole. The token stays good.
    fn upload_rubbish(&mut self, linkage: &Linkage, party: usize) {
        let binary: Headers =
            &[("Content-Type", "application/octet-stream"), ("Hash-Count", "7"), ("Hash-Size", "128")];
        let whole = linkage.data.json(party);
        let (path, token) = (format!("/projects/{}/clks", linkage.id), linkage.updates[party].as_str());
        let packed = format!("/projects/{}/binaryclks", linkage.id);
        let (what, wanted, answer) = match self.pick(4) {
            0 => (
                "torn JSON",
                400,
                self.ask("upload", ("POST", &path), token, &whole[..whole.len() / 2], JSON),
            ),
            // Who uses blocking must say so in JSON.
            1 => (
                "packed badly",
                if linkage.data.blocks.is_some() { 403 } else { 400 },
                self.ask("upload", ("POST", &packed), token, &[0; 700], binary),
            ),
            2 => ("a wrong token", 403, self.ask("upload", ("POST", &path), &linkage.result, &whole, JSON)),
            _ => {
                self.hang_up(&path, token, &whole);
                self.tally.add("uploads given up in the middle");
                return;
            }
        };
        let (status, body) = answer.1;
        // The right may still be held for an upload that an earlier try left hanging.
        let held = status == 403 && answer.0;
        assert!(status == wanted || held, "{what}: {status} {}", String::from_utf8_lossy(&body));
        self.tally.add(format!("uploads refused: {what}"));
    }

    /// Sends half a body and goes.
    fn hang_up(&self, path: &str, token: &str, body: &[u8]) {
        use std::io::Write;

        let address = self.url.trim_start_matches("http://");
        let Ok(mut stream) = std::net::TcpStream::connect(address) else { return };
        let head = format!(
            "POST /api/v1{path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        // It may be cut even earlier than meant.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..body.len() / 2]));
    }

    fn upload(&mut self, linkage: &mut Linkage, party: usize) {
        let data = linkage.data;
        let (rows, token) = (data.rows(party).to_string(), linkage.updates[party].clone());
        let packed: Headers =
            &[("Content-Type", "application/octet-stream"), ("Hash-Count", &rows), ("Hash-Size", "128")];
        let json = data.blocks.is_some() || self.one_in(2);
        let (path, body, headers) = match json {
            true => (format!("/projects/{}/clks", linkage.id), data.json(party), JSON),
            false => (format!("/projects/{}/binaryclks", linkage.id), data.parties[party].clone(), packed),
        };
        let parties = format!("/projects/{}/parties", linkage.id);
        let mut doubtful = false;
        linkage.receipts[party] = self.insist("upload", |client| {
            let Some((status, answer)) = client.once("upload", ("POST", &path), &token, &body, headers)
            else {
                doubtful = true;
                return None;
            };
            let text = String::from_utf8_lossy(&answer).into_owned();
            match status {
                201 => {
                    client.tally.add("uploads accepted");
                    let answer: Value = serde_json::from_slice(&answer).unwrap();
                    return Some(Some(answer["receipt_token"].as_str().unwrap().to_owned()));
                }
                // An answer that was lost, or an upload that was given up and isn't noticed yet.
                403 => {
                    let all = client.get("parties", &parties, &linkage.result);
                    if all["parties"][party]["state"] == "ready" {
                        assert!(doubtful, "an upload was taken that nobody sent: {text}");
                        client.tally.add("uploads accepted though the answer was lost");
                        return Some(None);
                    }
                    client.tally.add("refused: 403 to upload while another is under way");
                }
                _ => panic!("a good upload: {status} {text}"),
            }
            client.tally.add("retries");
            None
        });
    }

    /// Posts a run at one of the data's thresholds. If nobody answers it looks for the run before it posts another.
    fn post_run(&mut self, linkage: &mut Linkage<'a>) {
        let data = linkage.data;
        let wanted = &data.wanted[self.pick(data.wanted.len())];
        let path = format!("/projects/{}/runs", linkage.id);
        let mut mine = Vec::new();
        let id = self.insist("post a run", |client| {
            let name = client.name();
            linkage.tried.push(name.clone());
            mine.push(name.clone());
            let body = json!({"threshold": wanted.threshold, "name": name}).to_string();
            if let Some((status, body)) =
                client.once("post a run", ("POST", &path), &linkage.result, body.as_bytes(), JSON)
            {
                let text = String::from_utf8_lossy(&body);
                assert_eq!(status, 201, "{text}");
                client.tally.add("runs accepted");
                let run: Value = serde_json::from_str(&text).unwrap();
                return Some(run["run_id"].as_str().unwrap().to_owned());
            }
            client.tally.unanswered(&name);
            let found = client.named_runs(linkage).into_iter().find(|(_, name)| mine.contains(name));
            found.map(|(id, _)| {
                client.tally.add("runs accepted though the answer was lost");
                id
            })
        });
        linkage.runs.push((id, wanted));
    }

    /// Identifiers and names of all runs of a project.
    fn named_runs(&mut self, linkage: &Linkage) -> Vec<(String, String)> {
        let path = format!("/projects/{}/runs", linkage.id);
        let list = self.get("runs", &path, &linkage.result);
        let ids: Vec<_> =
            list.as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect();
        let mut named = |id: &str| {
            let run = self.get("run", &format!("{path}/{id}"), &linkage.result);
            (id.to_owned(), run["name"].as_str().unwrap().to_owned())
        };
        ids.into_iter().map(&mut named).collect()
    }

    /// Deletes one of the runs, which may be at work.
    fn cancel(&mut self, linkage: &mut Linkage) {
        let (run, _) = linkage.runs.remove(self.pick(linkage.runs.len()));
        let path = format!("/projects/{}/runs/{run}", linkage.id);
        self.remove("delete a run", &path, &linkage.result);
        let (_, (status, _)) =
            self.ask("deleted run", ("GET", &format!("{path}/status")), &linkage.result, b"", &[]);
        assert!(status == 403 || status == 404, "a deleted run answers {status}");
        self.tally.add("runs deleted by their owner");
    }

    fn delete(&mut self, linkage: Linkage) {
        let path = format!("/projects/{}", linkage.id);
        self.remove("delete a project", &path, &linkage.result);
        let (_, (status, _)) = self.ask("deleted project", ("GET", &path), &linkage.result, b"", &[]);
        assert_eq!(status, 403, "a deleted project answers");
    }

    fn remove(&mut self, what: &str, path: &str, token: &str) {
        let (doubtful, (status, body)) = self.ask(what, ("DELETE", path), token, b"", &[]);
        let gone = status == 204 || (doubtful && status == 403);
        assert!(gone, "{what}: {status} {}", String::from_utf8_lossy(&body));
    }

    /// Waits for a run's end. Its stage never goes back; its progress may while Redis is away, since processes then don't know what
    /// the others have shown.
    fn wait(&mut self, linkage: &Linkage, run: &str) {
        let path = format!("/projects/{}/runs/{run}/status", linkage.id);
        let mut reached = (0, 0);
        loop {
            let status = self.get("status", &path, &linkage.result);
            let number = |value: &Value| value.as_u64().unwrap_or(0);
            let stage = &status["current_stage"];
            let now = (number(&stage["number"]), number(&stage["progress"]["absolute"]));
            assert!(now.0 >= reached.0, "the stage goes back from {reached:?}: {status}");
            if now < reached {
                self.tally.add("progress shown that is lower than before");
            }
            reached = now;
            match status["state"].as_str() {
                Some("completed") => return,
                Some("error") => panic!("run {run}: {status}"),
                _ => assert!(
                    self.tally.calm_for() < UTMOST && !self.tally.has_failed(),
                    "run {run} doesn't end: {status}"
                ),
            }
            std::thread::sleep(Duration::from_millis(100 + self.pick(200) as u64));
        }
    }

    /// Fetches a completed run's result and compares it with what must come out.
    fn check(&mut self, linkage: &Linkage, (run, wanted): &(String, &Wanted)) {
        let path = format!("/projects/{}/runs/{run}", linkage.id);
        let status = self.get("status", &format!("{path}/status"), &linkage.result);
        assert_eq!(status["total_number_comparisons"], wanted.comparisons, "{status}");
        let path = format!("{path}/result");
        let found = self.get("result", &path, &linkage.result);
        let place = format!("{} at {} of project {}", linkage.result_type, wanted.threshold, linkage.id);
        match linkage.result_type {
            "groups" => assert!(found == wanted.groups, "other {place}"),
            "similarity_scores" => assert!(found == wanted.scores, "other {place}"),
            _ => {
                let links = found["mask"].as_array().unwrap().iter().filter(|bit| **bit == 1).count();
                assert_eq!(links, wanted.groups["groups"].as_array().unwrap().len(), "other {place}");
                if let [Some(a), Some(b)] = linkage.receipts.as_slice() {
                    let [a, b] = [a, b].map(|token| self.get("result", &path, token));
                    let groups = lined_up(&found, [&a, &b]).unwrap();
                    assert!(groups == wanted.groups, "other {place}");
                }
            }
        }
        self.tally.add(format!("results as wanted: {}", linkage.result_type));
    }

    /// Every run that was accepted is there, once; every other one is a posting of this client that nobody answered.
    fn account(&mut self, linkage: &Linkage) {
        let named = self.named_runs(linkage);
        for (run, _) in &linkage.runs {
            assert!(named.iter().any(|(id, _)| id == run), "run {run} is lost");
        }
        for (id, name) in &named {
            assert_eq!(
                named.iter().filter(|(_, other)| other == name).count(),
                1,
                "run {name} is there twice"
            );
            let known = linkage.runs.iter().any(|(run, _)| run == id);
            let mine = linkage.tried.contains(name) && self.tally.is_unanswered(name);
            assert!(known || mine, "a run {name} that nobody posted");
        }
    }
}
