//! What an access control list says about the owner.

/// `POSIX_ACL_XATTR_VERSION` of `<linux/posix_acl_xattr.h>`.
const VERSION: u32 = 2;
/// `ACL_USER_OBJ` of `<linux/posix_acl.h>`.
const OWNER: u16 = 1;
/// Tag, permissions, id.
const ENTRY: usize = 8;

/// The owner's bits, as in a mode, in a list in the form of the extended
/// attribute; `None` if it has none for the owner.
pub fn owner_bits(value: &[u8]) -> Option<u32> {
    let (version, entries) = value.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != VERSION {
        return None;
    }
    entries.chunks_exact(ENTRY).find_map(|entry| {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        let bits = u16::from_le_bytes([entry[2], entry[3]]);
        (tag == OWNER).then(|| u32::from(bits & 7) << 6)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_found() {
        let entry = |tag: u8, bits: u8| [tag, 0, bits, 0, 0xff, 0xff, 0xff, 0xff];
        let list = [&[2, 0, 0, 0][..], &entry(1, 5), &entry(4, 7), &entry(32, 0)].concat();
        assert_eq!(owner_bits(&list), Some(0o500));
        assert_eq!(owner_bits(&list[..4]), None);
        assert_eq!(owner_bits(&[3, 0, 0, 0, 1, 0, 7, 0, 0, 0, 0, 0]), None);
        assert_eq!(owner_bits(b""), None);
    }
}
