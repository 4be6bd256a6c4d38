//! Secrets stay where they belong.

use std::{
    io,
    sync::{Arc, Mutex},
};

use mainstay_mock_server::{MockServer, StartError};
use serde_json::json;

use crate::support::{DeviceKey, Till};

/// Collects what would have been logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_empty_secret_is_refused_by_the_library_too() {
    let refused = MockServer::builder().secret("").start().await.unwrap_err();
    assert!(matches!(refused, StartError::EmptySecret));
    assert!(refused.to_string().contains("MAINSTAY_MOCK_SECRET"));
    assert!(matches!(MockServer::builder().control_token(" ").start().await, Err(StartError::EmptySecret)));
}

#[tokio::test]
async fn no_secret_and_no_token_is_in_a_log_line_or_a_debug_output() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    // This runtime has one thread, which is also the server's.
    let _guard = tracing::subscriber::set_default(subscriber);

    let builder = MockServer::builder()
        .secret("canary-signing-secret")
        .control_token("canary-control-token")
        .operator("first", "canary-operator-token")
        .scripted_person("ada");
    let mut written = format!("{builder:?}");
    let server = builder.start().await.unwrap();
    let control = server.control();
    let till = Till::new(&server);
    let tokens = till.sign_in().await;
    let key = DeviceKey::new(2);
    let kid = till.enroll(&tokens.access, &key).await;
    let assertion = key.assertion(&server, &kid, &json!({}));
    till.assert(&assertion).await;
    let renewed = till.refreshed(&tokens.refresh).await;
    till.refresh(&tokens.refresh).await;
    control.change_secret(false);
    for _ in 0..20 {
        till.get("/api/me", &renewed.access).await;
    }

    written += &format!("{server:?} {control:?} {:?} {:?}", control.observations(), control.requests());
    written += &String::from_utf8_lossy(&log.0.lock().unwrap());
    assert!(written.contains("MockServer") && written.contains("a surge of rejected tokens"));
    let canaries = ["canary-signing-secret", "canary-control-token", "canary-operator-token"];
    let tokens = [tokens.access, tokens.refresh, renewed.access, renewed.refresh, assertion];
    for secret in canaries.into_iter().chain(tokens.iter().map(String::as_str)) {
        assert!(!written.contains(secret), "{secret} was written");
    }
}
