//! A linkage that goes on whatever happens. Used by the tests of the cluster and of the image.

#![allow(dead_code)]

use std::time::Duration;

use crate::service::{self, Project, call, create, post_run, request, result, run_state, upload, wait_for};

pub const THRESHOLDS: [f64; 2] = [0.75, 0.9];

/// What an undisturbed embedded service gives: the results at both thresholds.
pub fn undisturbed(result_type: &str, rows: &[Vec<u8>; 2]) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = service::serve(folder.path(), &[]);
    let mut linkage = Linkage::new(result_type);
    linkage.go_on(&url, rows).unwrap();
    linkage.wait(&url);
    linkage.results(&url)
}

/// A project with two uploads and two runs, whose client tries again until it has its answers.
pub struct Linkage {
    result_type: String,
    pub project: Option<Project>,
    uploaded: [bool; 2],
    pub runs: Vec<String>,
}

impl Linkage {
    pub fn new(result_type: &str) -> Self {
        Self { result_type: result_type.to_owned(), project: None, uploaded: [false; 2], runs: Vec::new() }
    }

    /// Goes on with what isn't acknowledged yet; `Err` at the first sign that something is away.
    pub fn go_on(&mut self, url: &str, rows: &[Vec<u8>; 2]) -> std::io::Result<()> {
        let project = match &self.project {
            Some(project) => project.clone(),
            None => self.project.insert(create(url, &self.result_type)?).clone(),
        };
        for (party, rows) in rows.iter().enumerate() {
            if !self.uploaded[party] {
                match upload(url, &project, party, 128, rows)? {
                    // 403 if the answer to an accepted upload was lost: then it is there.
                    201 | 403 => self.uploaded[party] = true,
                    status => return Err(std::io::Error::other(format!("upload: {status}"))),
                }
            }
        }
        while self.runs.len() < THRESHOLDS.len() {
            self.runs.push(post_run(url, &project, THRESHOLDS[self.runs.len()])?);
        }
        Ok(())
    }

    /// Goes on until everything is acknowledged.
    pub fn insist(&mut self, url: &str, rows: &[Vec<u8>; 2]) {
        let start = std::time::Instant::now();
        while let Err(error) = self.go_on(url, rows) {
            assert!(start.elapsed() < Duration::from_secs(120), "the client gave up: {error}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Whether all runs are complete; `Err` while the service can't say.
    pub fn complete(&self, url: &str) -> std::io::Result<bool> {
        let project = self.project.as_ref().expect("a project");
        let mut all = true;
        for run in &self.runs {
            let (state, status) = run_state(url, project, run)?;
            assert_ne!(state, "error", "{status}");
            all &= state == "completed";
        }
        Ok(all)
    }

    /// Waits until all runs are complete.
    pub fn wait(&self, url: &str) {
        wait_for("all runs", || self.complete(url).unwrap_or(false));
    }

    pub fn results(&self, url: &str) -> Vec<Vec<u8>> {
        let project = self.project.as_ref().unwrap();
        let one = |run: &String| {
            let (status, body) = result(url, project, run).unwrap();
            assert_eq!(status, 200);
            body
        };
        self.runs.iter().map(one).collect()
    }

    /// Deletes the runs, and with them the comparison: the next ones compare anew.
    pub fn delete_runs(&mut self, url: &str) {
        let project = self.project.as_ref().unwrap();
        for run in self.runs.drain(..) {
            let path = format!("/projects/{}/runs/{run}", project.id);
            assert_eq!(call(url, "DELETE", &path, &project.result, None).unwrap().0, 204);
        }
    }

    /// Deletes the project.
    pub fn delete(self, url: &str) {
        let project = self.project.unwrap();
        let answer = request(url, "DELETE", &format!("/projects/{}", project.id), &project.result, b"", &[]);
        assert_eq!(answer.unwrap().0, 204);
    }
}
