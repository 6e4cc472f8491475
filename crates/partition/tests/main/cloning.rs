//! cloning
