//! Reads text of the form of group(5).

use super::passwd::cut;

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupEntry<'a> {
    /// The name of the group.
    pub name: &'a str,
    /// Its gid.
    pub gid: u32,
    members: &'a str,
}

impl GroupEntry<'_> {
    /// Whether this name is listed as a member.
    pub fn has(&self, name: &str) -> bool {
        self.members.split(',').any(|member| member == name)
    }
}

/// The entries, in the order of the text. A line that is none is left out.
pub fn entries(group: &str) -> impl Iterator<Item = GroupEntry<'_>> {
    group.lines().filter_map(|line| {
        let (name, rest) = cut(line)?;
        let (_password, rest) = cut(rest)?;
        let (gid, rest) = cut(rest)?;
        let members = cut(rest).map_or(rest, |(members, _more)| members);
        Some(GroupEntry {
            name,
            gid: gid.parse().ok()?,
            members,
        })
    })
}

/// The groups of an entry of passwd(5): its primary one, and those that list
/// it as a member.
pub fn of<'a>(group: &'a str, name: &str, gid: u32) -> impl Iterator<Item = GroupEntry<'a>> {
    entries(group).filter(move |entry| entry.gid == gid || entry.has(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_the_primary_one_and_those_with_the_member() {
        let group = "alice:x:1000:\nsftp:x:200:bob,alice\nstaff:x:50:alicex\nodd:x:x:alice\n";
        let names: Vec<_> = of(group, "alice", 1000).map(|entry| entry.name).collect();
        assert_eq!(names, ["alice", "sftp"]);
    }
}
