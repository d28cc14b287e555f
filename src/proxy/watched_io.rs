//! A client connection with deadlines: for the head of a request, for silence between requests,
//! and for a client that stops reading.
//!
//! hyper's own head timeout starts with the wait for a request and can't tell a client that thinks
//! for half a minute between two requests, as Octopus's CLI does, from one that drips a head byte
//! by byte.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::phase::Phase;
use crate::deadline::Deadline;

/// The deadlines of one connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    /// From the first byte of a head, or from the connection's start, to the head's end.
    pub(super) head: Duration,
    /// Between two requests.
    pub(super) keep_alive: Duration,
    /// For the client to take what was written.
    pub(super) write: Duration,
}

/// Ready with how much there is to be read, 1 at most, and 0 if this is the end; takes nothing.
pub(super) type PollPeek<T> = fn(&T, &mut Context<'_>) -> Poll<io::Result<usize>>;

/// The connection. Reading or writing fails when a deadline has passed, which closes it.
#[derive(Debug)]
pub(super) struct WatchedIo<T> {
    io: T,
    /// Looks for a caller who went away, where hyper does not.
    poll_peek: Option<PollPeek<T>>,
    /// Looking is of no use: a read waits for what comes next, or has not taken what came.
    is_next_known: bool,
    phase: Arc<Phase>,
    deadlines: Deadlines,
    expecting: Expecting,
    /// Of the phase, when it was last looked at.
    turns: u64,
    read_deadline: Deadline,
    write_deadline: Deadline,
    is_write_blocked: bool,
}

/// What the next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expecting {
    /// A head that has begun, or the first of the connection.
    Head,
    /// A head that may be long in coming.
    NextRequest,
    /// What is missing of a head, if anything is: then its deadline is set.
    RestOfHead,
    /// A body, whose own deadlines count.
    Body,
}

impl<T> WatchedIo<T> {
    pub(super) fn new(io: T, phase: Arc<Phase>, deadlines: Deadlines) -> Self {
        Self {
            io,
            poll_peek: None,
            is_next_known: false,
            phase,
            read_deadline: Deadline::after(deadlines.head),
            write_deadline: Deadline::after(deadlines.write),
            deadlines,
            expecting: Expecting::Head,
            turns: 0,
            is_write_blocked: false,
        }
    }

    /// The same, which fails when the caller goes away while a request is being served.
    pub(super) fn with_peek(self, poll_peek: Option<PollPeek<T>>) -> Self {
        Self { poll_peek, ..self }
    }

    fn note_phase(&mut self) {
        let turns = self.phase.turns();
        if std::mem::replace(&mut self.turns, turns) == turns {
            return;
        }
        if Phase::is_busy(turns) {
            self.expecting = Expecting::Body;
        } else {
            self.expecting = Expecting::NextRequest;
            self.read_deadline.set(self.deadlines.keep_alive);
        }
    }

    /// hyper may wait for the next request with a read that it tried while the last was being
    /// served, when no deadline was set. Looked at here, the deadline wakes the connection when it
    /// passes, which then reads again, and fails.
    fn watch_for_next(&mut self, context: &mut Context<'_>) {
        self.note_phase();
        if self.expecting == Expecting::NextRequest {
            let _ = self.read_deadline.poll_passed(context);
        }
    }

    /// Fails if the caller went away while its request is being served. hyper would read on, only to
    /// learn this, and keep a buffer for it; to peek takes none. Who sends nothing more counts as
    /// gone, as it does for hyper, whatever came behind the request. Behind bytes that hyper has not
    /// read nothing can be seen; and while a body is being read, its reader finds the end.
    fn look_for_end(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let Some(poll_peek) = self.poll_peek else { return Ok(()) };
        let may_look = self.expecting == Expecting::Body && !self.is_next_known;
        if !may_look || self.phase.poll_whole(context).is_pending() {
            return Ok(());
        }
        let Poll::Ready(peeked) = poll_peek(&self.io, context) else { return Ok(()) };
        self.is_next_known = matches!(peeked, Ok(1..));
        if self.is_next_known {
            return Ok(());
        }
        Err(peeked.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for WatchedIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let watched = self.get_mut();
        watched.note_phase();
        let filled = buffer.filled().len();
        let polled = Pin::new(&mut watched.io).poll_read(context, buffer);
        watched.is_next_known = polled.is_pending();
        if polled.is_ready() {
            if buffer.filled().len() > filled && watched.expecting == Expecting::NextRequest {
                watched.expecting = Expecting::RestOfHead;
            }
            return polled;
        }
        if watched.expecting == Expecting::RestOfHead {
            watched.expecting = Expecting::Head;
            watched.read_deadline.set(watched.deadlines.head);
        }
        if watched.expecting != Expecting::Body
            && watched.read_deadline.poll_passed(context).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<T: AsyncWrite + Unpin> WatchedIo<T> {
    fn watch_write<R>(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if polled.is_ready() {
            self.is_write_blocked = false;
            return polled;
        }
        if !std::mem::replace(&mut self.is_write_blocked, true) {
            self.write_deadline.set(self.deadlines.write);
        }
        if self.write_deadline.poll_passed(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WatchedIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let watched = self.get_mut();
        let polled = Pin::new(&mut watched.io).poll_write(context, bytes);
        watched.watch_write(context, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let watched = self.get_mut();
        let polled = Pin::new(&mut watched.io).poll_write_vectored(context, slices);
        watched.watch_write(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let watched = self.get_mut();
        let polled = Pin::new(&mut watched.io).poll_flush(context);
        if polled.is_ready() {
            watched.watch_for_next(context);
            watched.look_for_end(context)?;
        }
        watched.watch_write(context, polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;
    use crate::octopus::RequestBody;

    const DEADLINES: Deadlines = Deadlines {
        head: Duration::from_secs(10),
        keep_alive: Duration::from_secs(60),
        write: Duration::from_secs(30),
    };

    fn watched() -> (tokio::io::DuplexStream, WatchedIo<tokio::io::DuplexStream>, Arc<Phase>) {
        let (client, server) = duplex(16);
        let phase = Arc::new(Phase::default());
        (client, WatchedIo::new(server, Arc::clone(&phase), DEADLINES), phase)
    }

    async fn read_fails_after(server: &mut WatchedIo<tokio::io::DuplexStream>) -> u64 {
        let start = Instant::now();
        let error = server.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_is_closed_at_the_head_deadline() {
        let (_client, mut server, _) = watched();

        assert_eq!(read_fails_after(&mut server).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dripping_head_gains_no_time() {
        let (mut client, mut server, _) = watched();
        for _ in 0..9 {
            client.write_u8(b'x').await.unwrap();
            server.read_u8().await.unwrap();
            tokio::time::advance(Duration::from_secs(1)).await;
        }

        assert_eq!(read_fails_after(&mut server).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dripping_head_gains_no_time_behind_another_request_either() {
        let (mut client, mut server, phase) = watched();
        phase.begin(false);
        server.flush().await.unwrap();
        phase.end();
        server.flush().await.unwrap();
        tokio::time::advance(Duration::from_secs(50)).await;
        for _ in 0..9 {
            client.write_u8(b'x').await.unwrap();
            server.read_u8().await.unwrap();
            // hyper looks for more at once.
            let mut byte = [0];
            assert!(server.read(&mut byte).now_or_never().is_none());
            tokio::time::advance(Duration::from_secs(1)).await;
        }

        assert_eq!(read_fails_after(&mut server).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_the_keep_alive_deadline_counts() {
        let (mut client, mut server, phase) = watched();
        phase.begin(false);
        client.write_u8(b'x').await.unwrap();
        server.read_u8().await.unwrap();
        tokio::time::advance(Duration::from_secs(3600)).await;
        phase.end();

        assert_eq!(read_fails_after(&mut server).await, 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_refused_at_once_counts_as_one() {
        let (mut client, mut server, phase) = watched();
        client.write_u8(b'x').await.unwrap();
        server.read_u8().await.unwrap();
        phase.begin(false);
        phase.end();

        assert_eq!(read_fails_after(&mut server).await, 60);
    }

    #[tokio::test]
    async fn a_caller_who_left_ends_a_request_that_is_read_whole() {
        let (_client, server, phase) = watched();
        let mut server = server.with_peek(Some(|_, _| Poll::Ready(Ok(0))));
        server.flush().await.expect("between two requests a read tells");

        phase.begin(true);
        server.flush().await.expect("whoever reads the body finds its end");
        let body = RequestBody::held(bytes::Bytes::new());
        phase.reads(body.progress());

        let error = server.flush().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn bytes_that_nobody_has_read_are_looked_at_once() {
        let (_client, server, phase) = watched();
        let mut server = server.with_peek(Some(|_, _| Poll::Ready(Ok(1))));
        phase.begin(false);
        server.flush().await.unwrap();

        server.poll_peek = Some(|_, _| panic!("looked at again"));
        server.flush().await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_reading_is_left() {
        let (_client, mut server, _) = watched();
        let start = Instant::now();

        let error = server.write_all(&[0; 64]).await.unwrap_err();

        assert_eq!((error.kind(), start.elapsed().as_secs()), (io::ErrorKind::TimedOut, 30));
    }
}
