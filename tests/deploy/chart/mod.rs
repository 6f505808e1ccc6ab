//! The Helm chart, rendered by real Helm and judged by real tools: kubeconform with the schemas of all releases from Kubernetes
//! 1.29 on, checkov's policies, and the programs whose scripts and configurations it carries.

mod cases;
pub mod helm;
pub mod objects;

mod documents;
mod environment;
mod exposure;
mod monitoring;
mod old_values;
mod pods;
mod programs;
mod refusals;
mod rendering;
mod scaling;
mod server;
mod snapshots;
mod tools;
