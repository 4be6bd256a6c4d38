//! Tests of the test hosts.
