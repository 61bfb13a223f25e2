//! What clients ask beyond vetting.
pub const SECTION: &str = "beyond";
