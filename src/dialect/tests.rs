//! Tests of all dialects together.
