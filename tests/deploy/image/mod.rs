//! The image: its static binary in an empty root, the image in a container, and deploy/compose.yaml.
//!
//! Images can't be pulled by a test that needs no network. So the binary is built outside by the script that the Dockerfile's builder
//! runs (deploy/image/build.sh), and the Dockerfile copies it; and the servers of the compose file, which is run as it is, are the
//! distribution's, in images made here under the names that the file has (see `standins`). Docker engines are started by
//! the tests, in temporary folders, and stopped.

mod built;
mod dns;
mod engine;
mod root;
mod standins;

mod binary;
mod compose;
mod container;
mod contents;
mod packages;
