//! TLS as clients meet it: what is spoken, who gets in, and what becomes of files that change.

mod authority;
mod client;
mod clients;
mod files;
mod handshakes;
mod rotation;
mod start;
