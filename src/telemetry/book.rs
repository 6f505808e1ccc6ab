//! Making metrics, each under a name of its own, and telling what there is.

use prometheus::core::Collector;
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Seconds: from a look into a cache to a large merge.
const SECONDS: &[f64] = &[0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 30.0, 120.0, 600.0];
/// Seconds of one call of a store: from memory at hand to where patience ends.
const CALL_SECONDS: &[f64] = &[0.000_5, 0.002, 0.01, 0.05, 0.2, 1.0, 5.0, 20.0];

/// What there is to know of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Its labels.
    pub labels: Vec<&'static str>,
    /// What it counts or measures.
    pub help: &'static str,
}

/// A registry that is being filled.
pub(super) struct Book {
    pub registry: Registry,
    pub about: Vec<About>,
}

impl Book {
    pub fn new() -> Self {
        Self { registry: Registry::new(), about: Vec::new() }
    }

    /// Registers a metric. Names and labels are literals of this module, each used once: the test makes them all.
    fn register<M: Collector + Clone + 'static>(&mut self, metric: prometheus::Result<M>, about: About) -> M {
        let metric =
            metric.unwrap_or_else(|error| unreachable!("a metric's name or label is wrong: {error}"));
        if let Err(error) = self.registry.register(Box::new(metric.clone())) {
            unreachable!("two metrics have one name: {error}");
        }
        self.about.push(about);
        metric
    }

    pub fn counter(&mut self, name: &'static str, help: &'static str) -> IntCounter {
        let about = About { name, kind: "counter", labels: Vec::new(), help };
        self.register(IntCounter::new(name, help), about)
    }

    pub fn counters(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[&'static str],
    ) -> IntCounterVec {
        let about = About { name, kind: "counter", labels: labels.to_vec(), help };
        self.register(IntCounterVec::new(Opts::new(name, help), labels), about)
    }

    pub fn gauge(&mut self, name: &'static str, help: &'static str) -> IntGauge {
        let about = About { name, kind: "gauge", labels: Vec::new(), help };
        self.register(IntGauge::new(name, help), about)
    }

    pub fn gauges(&mut self, name: &'static str, help: &'static str, labels: &[&'static str]) -> IntGaugeVec {
        let about = About { name, kind: "gauge", labels: labels.to_vec(), help };
        self.register(IntGaugeVec::new(Opts::new(name, help), labels), about)
    }

    /// Gauges of numbers that needn't be whole.
    pub fn fine_gauges(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[&'static str],
    ) -> GaugeVec {
        let about = About { name, kind: "gauge", labels: labels.to_vec(), help };
        self.register(GaugeVec::new(Opts::new(name, help), labels), about)
    }

    /// How long something takes.
    pub fn seconds(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[&'static str],
    ) -> HistogramVec {
        self.histogram(name, help, labels, SECONDS)
    }

    /// How long a call of a store takes.
    pub fn calls(&mut self, name: &'static str, help: &'static str, labels: &[&'static str]) -> HistogramVec {
        self.histogram(name, help, labels, CALL_SECONDS)
    }

    fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[&'static str],
        buckets: &[f64],
    ) -> HistogramVec {
        let about = About { name, kind: "histogram", labels: labels.to_vec(), help };
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(HistogramVec::new(options, labels), about)
    }
}
