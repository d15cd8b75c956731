//! Where a server listens, as people write it.

use crate::failure::Failure;

/// An endpoint in its full form: `host:port` gets its scheme, `http`.
///
/// # Errors
/// It is no address of a server.
pub(crate) fn check_endpoint(text: &str) -> Result<String, Failure> {
    let bad = |why: &str| {
        Failure::usage(format!("{text:?} is not an endpoint: {why}"))
            .with_hint("write https://HOST:PORT, or http://HOST:PORT for a server without TLS")
    };
    let (scheme, authority) = match text.split_once("://") {
        None => ("http", text),
        Some((scheme @ ("http" | "https"), authority)) => (scheme, authority),
        Some(_) => return Err(bad("unknown scheme")),
    };
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let (host, port) = authority.rsplit_once(':').ok_or_else(|| bad("there is no port"))?;
    if host.is_empty() || host.contains(['/', '@', '?', '#', ' ']) {
        return Err(bad("there is no host"));
    }
    if port.parse::<u16>().is_err() {
        return Err(bad("the port is not a number up to 65535"));
    }
    Ok(format!("{scheme}://{authority}"))
}
