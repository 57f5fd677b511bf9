//! The names of errors of system calls.

/// As the header of C writes it.
pub(super) fn errno_name(errno: i32) -> String {
    match errno {
        libc::ENOMEM => "ENOMEM".to_owned(),
        libc::EAGAIN => "EAGAIN".to_owned(),
        libc::EPERM => "EPERM".to_owned(),
        libc::EACCES => "EACCES".to_owned(),
        libc::ENOSYS => "ENOSYS".to_owned(),
        libc::EINVAL => "EINVAL".to_owned(),
        number => format!("errno {number}"),
    }
}
