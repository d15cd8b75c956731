//! Every limit of HTTP/2 and of a connection that an operator does not set. A test connects with bare
//! frames and asserts them.
//!
//! What one connection can make the broker hold: the connection window of unread bytes, one frame, and
//! for each of its streams one message that is being received ([`levee_types::limits::MAX_REQUEST_BYTES`])
//! and what waits to be sent. Of a stranger, whose calls reach no service: the headers of its streams and one frame,
//! less than 2 MiB.

use hyper::server::conn::http2;
use hyper_util::rt::TokioTimer;
use std::time::Duration;

/// Streams, and so calls, that one connection may have open. One more is refused.
pub const MAX_CONCURRENT_STREAMS: u32 = 100;

/// Streams that the client may open and reset before the broker got to see them (CVE-2023-44487);
/// beyond, the connection is closed.
pub const MAX_PENDING_ACCEPT_RESET_STREAMS: usize = 20;

/// Streams that the broker may have to reset because of the client's errors (CVE-2025-8671); beyond,
/// the connection is closed.
pub const MAX_LOCAL_ERROR_RESET_STREAMS: usize = 1024;

/// Bytes of the headers of one request, unpacked.
pub const MAX_HEADER_LIST_BYTES: u32 = 16 * 1024;

/// Bytes of one frame that the broker receives. The default of HTTP/2, 16 KiB, costs twice the CPU per
/// byte, because a batch then arrives in many frames; beyond 64 KiB, where a usual batch fits into one
/// frame, there is little more to gain. The buffer for a frame is reserved when its head arrives, so
/// this is what 10,000 connections that send nothing but heads multiply: no reason for more than this.
pub const MAX_FRAME_BYTES: u32 = 256 * 1024;

/// Bytes that one stream may send before the broker has read them. Holds one message of the largest
/// size, so that a producer never waits in the middle of one for a window update.
pub const STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// The same for all streams of a connection together: this is what a client that fills every stream and
/// whose messages are not read can occupy. Two streams at full speed fit; a hundred share it.
pub const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// Bytes that wait to be sent on one stream before its service is asked for more; one message may
/// exceed it.
pub const MAX_SEND_BUFFER_BYTES: usize = 512 * 1024;

/// A client that is silent for so long is asked for a sign of life.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// It has this long to give one.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A new connection has this long for its TLS handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of a file of certificates, keys or lists of revoked certificates.
pub const MAX_TLS_FILE_BYTES: usize = 16 * 1024 * 1024;

/// A new connection has this long to say that it speaks HTTP/2, after its handshake if there is one.
/// Keepalive begins only after that.
pub const PREFACE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that was asked to go, and has no calls left, has this long to do so.
pub const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// Connections that wait to be accepted.
pub const BACKLOG: i32 = 1024;

/// Open connections to metrics and health; one more is closed at once.
pub const MAX_HTTP_CONNECTIONS: usize = 64;

/// Bytes of the head of a request to metrics and health.
pub const MAX_HTTP_HEAD_BYTES: usize = 16 * 1024;

/// A connection to metrics and health lives no longer.
pub const HTTP_CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);

/// The head of a request to metrics and health must arrive within this.
pub const HTTP_HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// HTTP/2 with these limits; `executor` runs the calls.
pub fn http2<E: Clone>(executor: E) -> http2::Builder<E> {
    let mut builder = http2::Builder::new(executor);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .max_pending_accept_reset_streams(MAX_PENDING_ACCEPT_RESET_STREAMS)
        .max_local_error_reset_streams(MAX_LOCAL_ERROR_RESET_STREAMS)
        .max_header_list_size(MAX_HEADER_LIST_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(MAX_SEND_BUFFER_BYTES)
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    builder
}
