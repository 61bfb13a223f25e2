//! The integration tests: the real binary, a real sshd, real clients. They run as root and need no other set-up
//! than what `tests/run` installs.

// A test that cannot continue says why and fails: that is what these are for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

mod accounts;
mod check_agrees;
mod churn;
mod cli;
mod clients;
mod confine;
mod container_entry;
mod corpus;
mod differential;
mod disks;
mod docs;
mod doctor;
mod doctor_advice;
mod doctor_agrees;
mod doctor_log;
mod doctor_login;
mod doctor_rows;
mod doctor_state;
mod doctor_surroundings;
mod elsewhere;
mod facts;
mod faults;
mod filter;
mod forced;
mod forwarding;
mod guard;
mod hostile;
mod hostile_start;
mod install;
mod install_races;
mod install_upgrade;
mod large_trees;
mod layering;
mod leftovers;
mod live;
mod log_targets;
mod mend_lines;
mod migrate;
mod model;
mod name_service;
mod narrowing;
mod output;
mod overrides;
mod package;
mod policy_file;
mod policy_found;
mod policy_size;
mod prepared;
mod profiles;
mod properties;
mod rsync;
mod self_test;
mod ssh;
mod told;
mod traced;
mod who;
mod wildcards;
