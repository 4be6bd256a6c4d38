use super::*;

#[test]
fn the_operating_system_s_errors_are_sorted_by_what_to_do_about_them() {
    let sorted = [
        (ErrorKind::StorageFull, FileError::NoSpace),
        (ErrorKind::QuotaExceeded, FileError::NoSpace),
        (ErrorKind::PermissionDenied, FileError::NoAccess),
        (ErrorKind::ReadOnlyFilesystem, FileError::NoAccess),
        (ErrorKind::NotFound, FileError::Missing),
        (ErrorKind::AlreadyExists, FileError::Exists),
    ];
    for (kind, error) in sorted {
        assert_eq!(explain(kind.into()), error);
    }
}
