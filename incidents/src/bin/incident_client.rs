//! The Rust client as a process of its own.

fn main() -> std::process::ExitCode {
    mainstay_incidents::client::log_to_standard_error();
    match mainstay_incidents::client::run_rust() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mainstay-incident-client: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
