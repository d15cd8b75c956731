//! A stream whose first bytes were read and are read again.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Gives `head` before what else there is to read.
pub(super) struct Rewound<T, const N: usize> {
    head: [u8; N],
    /// Bytes of the head that were given.
    given: usize,
    stream: T,
}

impl<T, const N: usize> Rewound<T, N> {
    pub(super) fn new(head: [u8; N], stream: T) -> Self {
        Self { head, given: 0, stream }
    }
}

impl<T: AsyncRead + Unpin, const N: usize> AsyncRead for Rewound<T, N> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given == N {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let end = N.min(self.given + buffer.remaining());
        buffer.put_slice(&self.head[self.given..end]);
        self.given = end;
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin, const N: usize> AsyncWrite for Rewound<T, N> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::Rewound;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn gives_the_head_in_pieces_and_then_the_rest() {
        let (mut peer, stream) = tokio::io::duplex(64);
        peer.write_all(b"defg").await.unwrap();
        let mut rewound = Rewound::new(*b"abc", stream);
        let mut piece = [0; 2];
        for expected in [&b"ab"[..], b"c", b"de", b"fg"] {
            let length = rewound.read(&mut piece).await.unwrap();
            assert_eq!(&piece[..length], expected);
        }
        rewound.write_all(b"xyz").await.unwrap();
        let mut answer = [0; 3];
        peer.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"xyz");
    }
}
