//! What the doctor examines: files, accounts, sshd's settings, and what a
//! session would get. Nothing is judged here.

pub mod binary;
pub mod database;
pub mod files;
pub mod home;
pub mod host_jobs;
pub mod jobs;
pub mod keys;
pub mod limits;
pub mod log;
pub mod name_service;
pub mod places;
pub mod policy;
pub mod rights;
pub mod settings;
pub mod shadow;
pub mod sshd;
pub mod tool;
