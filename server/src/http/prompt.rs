//! Connections that say nothing end: no stranger keeps one for nothing.
//!
//! Who speaks TLS and HTTP is bounded by their own limits; this bounds the time before it is known which HTTP it is.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum_server::accept::Accept;
use hyper_util::rt::TokioTimer;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Sleep,
};

/// How long a connection may wait before, between and within the heads of requests.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long a peer of HTTP/2 may leave a ping unanswered.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
/// The longest sign of which HTTP it is, in bytes: the preface of RFC 9113, 3.4.
const PREFACE: usize = 24;

/// Has connections end that are idle, whatever HTTP they speak.
pub(super) fn bounded<A, Inner>(
    mut server: axum_server::Server<A, Inner>,
) -> axum_server::Server<A, Prompt<Inner>>
where
    A: axum_server::Address,
{
    let builder = server.http_builder();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PATIENCE)
        .keep_alive_timeout(ANSWERS_WITHIN);
    server.map(Prompt)
}

/// Accepts as the other one does; what is accepted must speak in time.
#[derive(Debug, Clone)]
pub(super) struct Prompt<Inner>(Inner);

impl<I, S, Inner> Accept<I, S> for Prompt<Inner>
where
    Inner: Accept<I, S>,
    Inner::Future: Send + 'static,
{
    type Stream = Speaking<Inner::Stream>;
    type Service = Inner::Service;
    type Future =
        Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send + 'static>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let accepted = self.0.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            Ok((Speaking::new(stream), service))
        })
    }
}

/// A stream whose first bytes must come in time.
#[derive(Debug)]
pub(super) struct Speaking<Stream> {
    stream: Stream,
    /// Until when; none once it has spoken.
    until: Option<Pin<Box<Sleep>>>,
    heard: usize,
}

impl<Stream> Speaking<Stream> {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            until: Some(Box::pin(tokio::time::sleep(PATIENCE))),
            heard: 0,
        }
    }
}

impl<Stream: AsyncRead + Unpin> AsyncRead for Speaking<Stream> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.heard += buffer.filled().len() - before;
        if self.heard >= PREFACE {
            self.until = None;
        }
        match (&read, &mut self.until) {
            (Poll::Pending, Some(until)) => {
                std::task::ready!(until.as_mut().poll(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
            _ => read,
        }
    }
}

impl<Stream: AsyncWrite + Unpin> AsyncWrite for Speaking<Stream> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_let_go_and_who_has_spoken_is_not() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut silent = Speaking::new(near);
        let mut byte = [0; 64];
        far.write_all(b"PRI * HTTP").await.unwrap();
        silent.read_exact(&mut byte[..10]).await.unwrap();
        let error = silent.read(&mut byte).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);

        let (near, mut far) = tokio::io::duplex(64);
        let mut speaking = Speaking::new(near);
        far.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n")
            .await
            .unwrap();
        speaking.read_exact(&mut byte[..25]).await.unwrap();
        let later = tokio::time::timeout(PATIENCE * 2, speaking.read(&mut byte)).await;
        assert!(later.is_err(), "it may wait as long as HTTP lets it");
    }
}
