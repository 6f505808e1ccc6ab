//! One linkage is one trace, through nginx, an API process, PostgreSQL's ledger and the workers.

use crate::cluster::kit::Cluster;
use crate::collector::Collector;
use crate::service::{create, parties, post_run, run_state, upload, wait_for};

#[test]
fn cluster_traces_go_on_through_the_ledger() {
    let collector = Collector::start();
    let small = ("CHUNK_SIZE_AIM", "100000");
    let cluster = Cluster::start(2, 2, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url()), small]);
    let url = cluster.url();
    let project = create(&url, "groups").unwrap();
    for (party, rows) in parties(1000, 7).iter().enumerate() {
        assert_eq!(upload(&url, &project, party, 128, rows).unwrap(), 201);
    }
    let run = post_run(&url, &project, 0.8).unwrap();
    wait_for("the run", || run_state(&url, &project, &run).unwrap().0 == "completed");
    let request = "POST /api/v1/projects/{project_id}/runs";
    // Each process tells its spans a few seconds after they have ended.
    wait_for("the trace", || {
        let spans = collector.spans();
        !spans.named("finish").is_empty()
            && !spans.named(request).is_empty()
            && !spans.named("plan").is_empty()
    });
    wait_for("the spans of all parts", || collector.spans().named("compare").len() >= 10);
    let spans = collector.spans();
    let (posted, plan, finish) = (spans.only(request), spans.only("plan"), spans.only("finish"));
    for task in [plan, finish] {
        assert_eq!(spans.parent(task).map(|span| &span.id), Some(&posted.id), "{task:?}");
    }
    for compare in spans.named("compare") {
        assert_eq!(spans.parent(compare).map(|span| &span.id), Some(&plan.id), "{compare:?}");
        assert_eq!(compare.trace, posted.trace);
    }
}
