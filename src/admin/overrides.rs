//! Prints where one entry of the policy overrides another.

use crate::decide::access::Access;
use crate::decide::policy::Origin;
use crate::decide::policy::overrides::{EntryName, Override};
use crate::decide::roots::entries::DirectoryRights;
use crate::print::escape::Escaped;
use crate::print::json::Json;

/// One line for each.
pub fn lines(overrides: &[Override]) -> impl Iterator<Item = String> {
    overrides.iter().map(|row| {
        let (entry, other) = (name(&row.entry), name(&row.other));
        let (holds, without) = (rights(row.holds), rights(row.without));
        let more = if row.widens() { "more" } else { "less" };
        format!("{entry}: {holds}; without it {more}, by {other}: {without}")
    })
}

fn name(named: &EntryName) -> String {
    let written = Escaped::bytes(named.written.as_bytes());
    format!("{} \"{written}\" ({})", named.key, named.origin)
}

fn rights(rights: DirectoryRights) -> String {
    format!("{}, dotfiles {}", rights.access, rights.dotfiles.name())
}

/// A list of objects.
pub fn json(overrides: &[Override]) -> Json {
    let rows = overrides.iter().map(|row| {
        let directory = row.directory.as_deref();
        Json::Object(vec![
            ("entry", name_json(&row.entry)),
            ("directory", directory.map_or(Json::Null, Json::path)),
            ("holds", rights_json(row.holds)),
            ("without", rights_json(row.without)),
            ("by", name_json(&row.other)),
            ("widens", Json::Bool(row.widens())),
        ])
    });
    Json::List(rows.collect())
}

fn name_json(named: &EntryName) -> Json {
    let line = match named.origin {
        Origin::Default => Json::Null,
        Origin::Line(line) => Json::Number(line.into()),
    };
    Json::Object(vec![
        ("key", Json::Text(named.key.to_owned())),
        ("path", Json::Text(named.written.clone())),
        ("line", line),
    ])
}

fn rights_json(rights: DirectoryRights) -> Json {
    let access = |access: Access| Json::texts(access.rights().map(|right| right.name()));
    Json::Object(vec![
        ("access", access(rights.access)),
        ("dotfiles", Json::Text(rights.dotfiles.name().to_owned())),
    ])
}
