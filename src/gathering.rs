//! Writing what stands in several pieces: `writev` costs more than `send`, and for little data more
//! than copying the pieces together first.

use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::limits::GATHERED_BYTES;

/// Writes pieces as [`AsyncWrite::poll_write_vectored`] does, in the way that costs the least.
pub fn poll_write_pieces<T: AsyncWrite>(
    io: Pin<&mut T>,
    context: &mut Context<'_>,
    pieces: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    if let [one] = pieces {
        return io.poll_write(context, one);
    }
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    if length > GATHERED_BYTES {
        return io.poll_write_vectored(context, pieces);
    }
    let mut bytes = [0; GATHERED_BYTES];
    let mut rest = bytes.as_mut_slice();
    for piece in pieces {
        // There is room for all of them.
        rest.write_all(piece)?;
    }
    io.poll_write(context, bytes.get(..length).unwrap_or_default())
}

/// A stream that writes pieces so.
#[derive(Debug)]
pub struct Gathering<T>(pub T);

impl<T: AsyncRead + Unpin> AsyncRead for Gathering<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Gathering<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_write_pieces(Pin::new(&mut self.get_mut().0), context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Takes note of what it is asked to write, and takes so many bytes at a time.
    #[derive(Debug)]
    struct Noting {
        most: usize,
        calls: Vec<Call>,
        text: Vec<u8>,
    }

    /// How long what was to be written was.
    #[derive(Debug, PartialEq)]
    enum Call {
        Bytes(usize),
        Pieces(Vec<usize>),
    }

    impl Noting {
        fn note(&mut self, call: Call, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.most);
            self.calls.push(call);
            self.text.extend(&bytes[..taken]);
            Poll::Ready(Ok(taken))
        }
    }

    impl AsyncWrite for Noting {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.get_mut().note(Call::Bytes(bytes.len()), bytes)
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            pieces: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let lengths = pieces.iter().map(|piece| piece.len()).collect();
            let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.to_vec()).collect();
            self.get_mut().note(Call::Pieces(lengths), &bytes)
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// How many of the pieces' bytes were taken by what takes so many at a time.
    async fn write(texts: &[&[u8]], most: usize) -> (usize, Noting) {
        let pieces: Vec<IoSlice<'_>> = texts.iter().map(|text| IoSlice::new(text)).collect();
        let mut stream = Gathering(Noting { most, calls: Vec::new(), text: Vec::new() });
        let taken = poll_fn(|context| Pin::new(&mut stream).poll_write_vectored(context, &pieces));
        (taken.await.unwrap(), stream.0)
    }

    #[tokio::test]
    async fn what_is_one_or_small_is_written_in_one_piece_and_what_is_large_as_it_is() {
        const MOST: usize = GATHERED_BYTES;
        let rows: [(&[usize], Call); 6] = [
            (&[3], Call::Bytes(3)),
            (&[MOST + 1], Call::Bytes(MOST + 1)),
            (&[200, 1024], Call::Bytes(1224)),
            (&[0, 1, 0, MOST - 1], Call::Bytes(MOST)),
            (&[1, MOST], Call::Pieces(vec![1, MOST])),
            (&[], Call::Bytes(0)),
        ];
        let text = [b'x'; MOST + 1];
        for (lengths, call) in rows {
            let texts: Vec<&[u8]> = lengths.iter().map(|length| &text[..*length]).collect();
            let (taken, noting) = write(&texts, usize::MAX).await;
            assert_eq!((noting.calls, taken), (vec![call], lengths.iter().sum()));
        }
    }

    #[tokio::test]
    async fn bytes_stand_in_their_order_and_a_short_write_is_told() {
        let (taken, noting) = write(&[b"abc", b"de", b"f"], 4).await;

        assert_eq!((taken, noting.text.as_slice()), (4, b"abcd".as_slice()));
    }
}
