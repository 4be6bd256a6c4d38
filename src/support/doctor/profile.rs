//! The profile that fits a server, to be pasted.

use std::fmt::Write as _;

use super::Read;

/// A profile in the form of docs/profile.md. What only a person can know stands in it as a comment.
pub(super) fn profile(read: &Read) -> String {
    let mut profile = String::new();
    let mut line = |text: &str| {
        // Writing to a `String` cannot fail.
        let _never = writeln!(profile, "{text}");
    };
    if read.has_probe() {
        line("probe = \"userinfo\"");
    } else {
        line("# The server has no userinfo: name a request that tells whose a token is.");
        line("# probe = { who_am_i = \"https://…/me\" }");
    }
    if read.has_device_keys() {
        line("enroll_device_key = true");
    }
    line("# Where your API lives, if not at the issuer's own address, and what it answers only with a good token:");
    line("# resource_origins = [\"https://api.example.com\"]");
    line("# protected_paths = [\"/api/me\"]");
    line("# If every answer of your API names the person, the window of a mixed-up session store closes:");
    line("# identity_echo = { header = \"x-signed-in-as\" }");
    profile
}
