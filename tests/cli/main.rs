//! `race` as a process against the stand-in of GitHub: what it ends with, what it
//! writes, what it asks. Every exchange is held to GitHub's own description.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

#[path = "../support/openapi.rs"]
mod openapi;

mod advise;
mod advise_local;
mod alike;
mod cancelled;
mod carry;
mod choose;
mod cleanup;
mod dispatched;
mod doctor;
mod doctor_fix;
mod forged;
mod generate;
mod get_started;
mod init;
mod inspect;
mod policy;
mod reruns;
mod sampled;
mod scene;
mod selection;
mod settle;
mod settle_at_once;
mod trouble;
mod untrusted;
mod wait;
