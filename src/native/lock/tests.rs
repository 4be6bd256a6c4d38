use super::*;

#[cfg(unix)]
#[test]
fn a_file_system_without_locks_is_told_from_one_in_trouble() {
    use rustix::io::Errno;
    let meaning = |errno: Errno| explain(&io::Error::from_raw_os_error(errno.raw_os_error()));
    for errno in [Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP] {
        assert_eq!(meaning(errno), LockError::Unsupported, "{errno:?}");
    }
    for errno in [Errno::IO, Errno::ACCESS, Errno::NOSPC, Errno::STALE] {
        assert!(matches!(meaning(errno), LockError::Io(_)), "{errno:?}");
    }
}
