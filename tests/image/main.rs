//! The image: its static binary in an empty root, the image in a container, and deploy/compose.yaml.
//!
//! Images can't be pulled by a test that needs no network. So the binary is built outside by the script that the Dockerfile's builder
//! runs (deploy/image/build.sh), and the Dockerfile copies it; and the servers of the compose file, which is run as it is, are the
//! distribution's, in images made here under the names that the file has (see `standins`). Docker engines are started by
//! the tests, in temporary folders, and stopped.

mod binary;
mod dns;
mod engine;
#[path = "../cluster/linkage.rs"]
mod linkage;
mod root;
#[path = "../service/mod.rs"]
mod service;
#[path = "../stack/mod.rs"]
mod stack;
mod standins;

mod image_binary;
mod image_compose;
mod image_container;
mod image_contents;
mod image_packages;
