//! Keeping the server up.

use std::io;

use mainstay_mock_server::{MockServer, OPERATORS};

use crate::{
    screen::Screen,
    words::{FAINT, NORMAL, STRONG},
};

/// Says where the server and its page are, and waits until somebody has seen enough.
pub(crate) async fn serve(screen: &mut Screen, server: &MockServer) -> io::Result<()> {
    let mut say = |label: &str, value: String, note: &str| {
        screen.line(&[(FAINT, format!("  {label:<12}")), (NORMAL, value), (FAINT, format!("  {note}"))])
    };
    say("page", format!("{}#control={}", server.url(), server.control_token()), "every fault has a switch here")?;
    say("issuer", server.issuer().to_owned(), "ada, grace and linus, PIN 1234")?;
    say("/control", format!("X-Mainstay-Control: {}", server.control_token()), "")?;
    for operator in OPERATORS {
        let token = server.admin_token(operator).unwrap_or_default();
        say("/admin", format!("X-Mainstay-Admin: {token}"), &format!("{operator} operator"))?;
    }
    screen.blank()?;
    screen.line(&[(STRONG, "  The server stays up, with what it has seen. Ctrl-C ends it.".to_owned())])?;
    tokio::signal::ctrl_c().await
}
