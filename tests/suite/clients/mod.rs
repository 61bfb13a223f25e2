//! Every real client, unmodified, against a real sshd: each row of its table runs in an ordinary account and in a
//! restricted one, and must give the same result (P11), except for a dotfile (P4). These runs write docs/clients.md.

mod material;
mod matrix;
mod row;
mod stage;
mod table;
mod tree;

mod backup;
mod curl;
mod filezilla;
mod lftp;
mod libssh;
mod npm;
mod openssh;
mod putty;
mod python;
mod rclone;
mod rsync;
mod sshfs;

mod beyond;
mod large;

/// A test for every client, and the list of them in the order of the page.
macro_rules! clients {
    ($($(#[$heavy:meta])? $name:ident: $client:path,)*) => {
        const ALL: &[&row::Client] = &[$(&$client),*];
        $(
            #[test]
            $(#[$heavy])?
            fn $name() {
                matrix::run(&$client);
            }
        )*
    };
}

clients! {
    openssh_scp: openssh::SCP,
    openssh_scp_legacy: openssh::SCP_LEGACY,
    openssh_sftp: openssh::SFTP,
    putty_pscp_sftp: putty::PSCP,
    putty_pscp_scp: putty::PSCP_LEGACY,
    putty_psftp: putty::PSFTP,
    putty_psftp_fallback: putty::PSFTP_FALLBACK,
    lftp_mirror: lftp::LFTP,
    curl_sftp: curl::SFTP,
    curl_scp: curl::SCP,
    rclone_copy: rclone::RCLONE,
    paramiko_sftp: python::PARAMIKO,
    paramiko_scp: python::SCP,
    asyncssh_sftp: python::ASYNCSSH,
    asyncssh_scp: python::ASYNCSSH_SCP,
    sshfs_mount: sshfs::SSHFS,
    rsync_ssh: rsync::RSYNC,
    libssh_sftp: libssh::SFTP,
    libssh_scp: libssh::SCP,
    #[ignore = "a heavy client: tests/run --all"]
    filezilla_fzsftp: filezilla::FZSFTP,
    #[ignore = "a heavy client: tests/run --all"]
    npm_ssh2_sftp_client: npm::SSH2_SFTP_CLIENT,
    #[ignore = "a heavy client: tests/run --all"]
    restic_backup: backup::RESTIC,
    #[ignore = "a heavy client: tests/run --all"]
    duplicity_backup: backup::DUPLICITY,
    #[ignore = "a heavy client: tests/run --all"]
    borg_backup: backup::BORG,
}
