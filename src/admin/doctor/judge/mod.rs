//! Which facts are findings, and which command fixes each. Pure.

pub mod accounts;
pub mod answer;
pub mod binary;
pub mod files;
pub mod groups;
pub mod home;
pub mod host_jobs;
pub mod jobs;
pub mod kernel;
pub mod keys;
pub mod limits;
pub mod log;
pub mod login;
pub mod match_names;
pub mod name_service;
pub mod places;
pub mod policy;
pub mod profiles;
pub mod servers;
pub mod shells;
pub mod sshd;
pub mod sshd_config;
#[cfg(test)]
mod sshd_tests;
pub mod strict_modes;
