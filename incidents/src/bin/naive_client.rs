//! The naive client as a process of its own.

fn main() -> std::process::ExitCode {
    mainstay_incidents::client::log_to_standard_error();
    match mainstay_incidents::client::run_naive() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mainstay-naive-client: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}
