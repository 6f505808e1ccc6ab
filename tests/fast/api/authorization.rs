//! Every endpoint against every kind of token, of its own project and of others, absent, forged and malformed: only those of the table
//! pass, and a refusal tells nothing of what exists.

use std::collections::BTreeSet;
use std::time::Duration;

use anonlink::api::ROUTES;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::api::support::{Answer, Project, Service, clks, request};

/// Whose token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Result,
    Update,
    Receipt,
}

use Kind::{Receipt, Result, Update};

/// Method, path, and the kinds of token that it takes in a project of groups (or scores) and in one of permutations.
type Right = (&'static str, &'static str, &'static [Kind], &'static [Kind]);

const PROJECT: &str = "/api/v1/projects/{project_id}";

const RIGHTS: &[Right] = &[
    ("get", "", &[Result], &[Result, Receipt]),
    ("delete", "", &[Result], &[Result]),
    ("get", "/authorize-external-upload", &[Update], &[Update]),
    ("post", "/clks", &[Update], &[Update]),
    ("post", "/binaryclks", &[Update], &[Update]),
    ("get", "/parties", &[Result, Update, Receipt], &[Result, Update, Receipt]),
    ("get", "/runs", &[Result], &[Result]),
    ("post", "/runs", &[Result], &[Result]),
    ("get", "/runs/{run_id}", &[Result], &[Result]),
    ("delete", "/runs/{run_id}", &[Result], &[Result]),
    ("get", "/runs/{run_id}/status", &[Result], &[Result, Receipt]),
    ("get", "/runs/{run_id}/result", &[Result], &[Result, Receipt]),
    ("get", "/runs/{run_id}/summary", &[Result], &[Result]),
];

/// A project whose first party has uploaded, with a run that waits for the second.
struct Known {
    project: Project,
    run: String,
    receipt: String,
}

impl Known {
    async fn make(service: &Service, result_type: &str) -> Self {
        Self::with(service, json!({"result_type": result_type})).await
    }

    async fn with(service: &Service, members: Value) -> Self {
        let project = service.project(members).await;
        let receipt = service.upload(&project, 0, 3).await;
        let run = service.run(&project, 0.8).await;
        let run = run.rsplit('/').next().unwrap().to_owned();
        Self { project, run, receipt }
    }

    /// All its tokens. The first update token has been used; it is no less its party's.
    fn tokens(&self) -> Vec<(Kind, String)> {
        let Project { update, result, .. } = &self.project;
        vec![
            (Result, result.clone()),
            (Update, update[0].clone()),
            (Update, update[1].clone()),
            (Receipt, self.receipt.clone()),
        ]
    }
}

/// Calls an endpoint with a body that it would take.
async fn call(service: &Service, method: &str, rest: &str, project: &str, run: &str, token: &str) -> Answer {
    let path = format!("{PROJECT}{rest}").replace("{project_id}", project).replace("{run_id}", run);
    let mut asked = request(&method.to_uppercase(), &path, token);
    let body = match rest {
        "/clks" => {
            asked = asked.header("Content-Type", "application/json");
            Body::from(clks(2).to_string())
        }
        "/binaryclks" => {
            asked = asked
                .header("Content-Type", "application/octet-stream")
                .header("Hash-Count", "2")
                .header("Hash-Size", "8");
            Body::from(vec![7; 16])
        }
        "/runs" if method == "post" => {
            asked = asked.header("Content-Type", "application/json");
            Body::from(json!({"threshold": 0.9}).to_string())
        }
        _ => Body::empty(),
    };
    service.call(asked.body(body).unwrap()).await
}

/// All that a client can see, but for what differs from request to request.
fn seen(answer: &Answer) -> (StatusCode, HeaderMap, Bytes) {
    let mut headers = answer.headers.clone();
    headers.remove("x-request-id");
    headers.remove("date");
    (answer.status, headers, answer.body.clone())
}

#[test]
fn every_endpoint_of_a_project_is_in_the_table() {
    let table: BTreeSet<_> =
        RIGHTS.iter().map(|(method, rest, ..)| (*method, format!("{PROJECT}{rest}"))).collect();
    let routes: BTreeSet<_> = ROUTES
        .iter()
        .filter(|route| route.path.starts_with(PROJECT))
        .map(|route| (route.method, route.path.to_owned()))
        .collect();
    assert_eq!(table, routes);
    let open: Vec<_> =
        ROUTES.iter().map(|route| route.path).filter(|path| !path.starts_with(PROJECT)).collect();
    assert_eq!(
        open,
        [
            "/health/live",
            "/health/ready",
            "/api/v1/openapi.json",
            "/api/v1/status",
            "/api/v1/monitor",
            "/api/v1/version",
            "/api/v1/projects",
            "/api/v1/projects"
        ],
        "what takes no project's token holds nothing of a project"
    );
}

#[tokio::test]
async fn only_the_right_kind_of_token_passes() {
    for (method, rest, groups, permutations) in RIGHTS {
        for (result_type, allowed) in
            [("groups", groups), ("similarity_scores", groups), ("permutations", permutations)]
        {
            for chosen in 0..4 {
                // A service for each, because what passes may change or delete the project.
                let service = Service::start().await;
                let known = Known::make(&service, result_type).await;
                let (kind, token) = known.tokens().swap_remove(chosen);
                let answer = call(&service, method, rest, &known.project.id, &known.run, &token).await;
                let place = format!("{method} {rest} of {result_type} by {kind:?} {chosen}");
                match allowed.contains(&kind) {
                    // Whether there is a result yet, or a token is used up, is told to whom it may concern.
                    true => assert_ne!(answer.body, no_access(), "{place}"),
                    false => {
                        assert_eq!(answer.status, 403, "{place}");
                        assert_eq!(answer.body, no_access(), "{place}");
                    }
                }
            }
        }
    }
}

fn no_access() -> String {
    let detail = "Invalid access token or project doesn't exist";
    json!({"type": "about:blank", "title": "Forbidden", "status": 403, "detail": detail}).to_string()
}

/// What a stranger can present: any token of other projects, living, deleted or expired, and what is no token at all.
struct Strangers {
    other: Known,
    gone: Known,
    expired: Known,
}

impl Strangers {
    async fn make(service: &Service) -> Self {
        let other = Known::make(service, "permutations").await;
        let gone = Known::make(service, "permutations").await;
        service.delete(&gone.project.path(""), &gone.project.result).await;
        let lives = json!({"result_type": "permutations", "expires_in": 3600});
        let expired = Known::with(service, lives).await;
        service.get(&expired.project.path(""), &expired.project.result).await.json(200);
        // Nobody has cleared it away yet.
        service.clock.advance(Duration::from_secs(3601));
        Self { other, gone, expired }
    }

    fn tokens(&self, of: &Known) -> Vec<String> {
        let known = [&self.other, &self.gone, &self.expired];
        let mut tokens: Vec<String> =
            known.iter().flat_map(|known| known.tokens()).map(|(_, token)| token).collect();
        let forged = forged();
        tokens.extend([forged[1..].to_owned(), format!("{forged}0"), forged]);
        tokens.extend(["x".into(), of.project.result.to_uppercase(), "Bearer".into(), "é".into()]);
        tokens
    }

    /// Pairs of project and run of which no such token opens one.
    fn places(&self, of: &Known) -> Vec<(String, String)> {
        let place = |project: &Known, run: &Known| (project.project.id.clone(), run.run.clone());
        vec![
            place(of, of),
            place(of, &self.other),
            place(&self.gone, &self.gone),
            place(&self.expired, &self.expired),
            (forged(), forged()),
            ("nonsense".into(), "nonsense".into()),
        ]
    }
}

/// Something of the form of a token or an identifier.
fn forged() -> String {
    "0123456789abcdef".repeat(3)
}

#[tokio::test]
async fn refusals_of_what_exists_and_what_does_not_are_one() {
    let service = Service::start().await;
    let known = Known::make(&service, "groups").await;
    let strangers = Strangers::make(&service).await;
    let (other, gone, forged) = (&strangers.other, &strangers.gone, forged());
    for (method, rest, allowed, _) in RIGHTS {
        // A HEAD is a GET whose body is kept back.
        let methods: &[&str] = if *method == "get" { &["get", "head"] } else { &[method] };
        for method in methods {
            let mut refusals = Vec::new();
            for (project, run) in strangers.places(&known) {
                for token in strangers.tokens(&known) {
                    refusals.push(seen(&call(&service, method, rest, &project, &run, &token).await));
                }
                let nothing = call(&service, method, rest, &project, &run, "").await;
                assert_eq!(nothing.status, 400, "{method} {rest}");
                if *method != "head" {
                    let wanted = "the request header Authorization is required";
                    assert_eq!(nothing.problem(400), wanted, "{method} {rest}");
                }
            }
            // The project's own people without that right are strangers here.
            for (_, token) in known.tokens().iter().filter(|(kind, _)| !allowed.contains(kind)) {
                let answer = call(&service, method, rest, &known.project.id, &known.run, token).await;
                refusals.push(seen(&answer));
            }
            assert_eq!(refusals[0].0, 403, "{method} {rest}");
            assert_eq!(refusals[0].2, if *method == "head" { String::new() } else { no_access() });
            let odd = refusals.iter().find(|refusal| **refusal != refusals[0]);
            assert!(odd.is_none(), "{method} {rest}: {odd:?} beside {:?}", refusals[0]);
        }
    }
    // A run of another project, by who may see runs.
    for (method, rest, ..) in RIGHTS.iter().filter(|(_, rest, ..)| rest.contains("{run_id}")) {
        for run in [&other.run, &gone.run, &forged, &"x".to_owned()] {
            let answer = call(&service, method, rest, &known.project.id, run, &known.project.result).await;
            assert_eq!((answer.status.as_u16(), answer.body), (403, no_access().into()), "{method} {rest}");
        }
    }
    // Nothing of it had an effect.
    let described = service.get(&known.project.path(""), &known.project.result).await.json(200);
    assert_eq!((&described["parties_contributed"], &described["error"]), (&json!(1), &json!(false)));
    let runs = service.get(&known.project.path("/runs"), &known.project.result).await.json(200);
    assert_eq!(runs.as_array().unwrap().len(), 1);
}
