//! Real Helm, and the objects that it renders.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::stack::find;

/// The release of Kubernetes that is rendered for, unless a test says otherwise: the newest one that we have schemas of.
pub const KUBERNETES: &str = "1.37.0";

/// The repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The chart's folder.
pub fn chart() -> PathBuf {
    repository().join("deploy/helm/anonlink")
}

/// A `helm` program.
pub struct Helm(PathBuf);

impl Helm {
    /// Helm 3.
    pub fn three() -> Self {
        Self(find("helm3", &[]))
    }

    /// Helm 4.
    pub fn four() -> Self {
        Self(find("helm4", &[]))
    }

    /// Helm 4, or 3 where there is no other.
    pub fn any() -> Self {
        let four = repository().join("target/test-tools/bin/helm4");
        if four.is_file() { Self(four) } else { Self::three() }
    }

    /// Runs it with these arguments, in the repository.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.0);
        // It shall see no cluster, and leave nothing behind.
        command.env("KUBECONFIG", "/dev/null").env_remove("KUBECONFIG_CONTEXT");
        command.current_dir(repository()).args(arguments).output().unwrap()
    }

    /// `helm template` for a release of Kubernetes: what it writes, or what it says is wrong.
    pub fn template(&self, kubernetes: &str, arguments: &[&str]) -> Result<String, String> {
        let chart = chart();
        let mut all = vec!["template", "anonlink", chart.to_str().unwrap(), "--namespace", "linkage"];
        all.extend(["--kube-version", kubernetes]);
        all.extend(arguments);
        let output = self.run(&all);
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout).unwrap()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// The objects of a release named `anonlink` in the namespace `linkage`.
    ///
    /// # Panics
    /// It can't be rendered.
    pub fn objects(&self, arguments: &[&str]) -> Vec<Value> {
        match self.template(KUBERNETES, arguments) {
            Ok(text) => parse(&text),
            Err(message) => panic!("{arguments:?} can't be rendered: {message}"),
        }
    }
}

/// The objects of a text of YAML documents; empty documents are left out.
pub fn parse(text: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    all.into_iter().filter(|object| !object.is_null()).collect()
}
