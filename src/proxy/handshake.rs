//! The TLS handshake of one connection, within its time; and why there was none, in a word.

use std::io;
use std::sync::Arc;

use rustls::{Error, InvalidMessage, PeerIncompatible, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::limits;
use crate::telemetry::HandshakeFailure;

/// Shakes hands as `config` says.
pub(super) async fn shake_hands<T>(
    stream: T,
    config: Arc<ServerConfig>,
) -> Result<TlsStream<T>, (HandshakeFailure, io::Error)>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let handshake = TlsAcceptor::from(config).accept(stream);
    let shaken = tokio::time::timeout(limits::TLS_HANDSHAKE_TIMEOUT, handshake).await;
    let timed_out = |_| (HandshakeFailure::Timeout, io::ErrorKind::TimedOut.into());
    shaken.map_err(timed_out)?.map_err(|error| (failure(&error), error))
}

fn failure(error: &io::Error) -> HandshakeFailure {
    let source = error.get_ref().and_then(|source| source.downcast_ref::<Error>());
    // The system's own words: the connection was closed, reset or lost.
    source.map_or(HandshakeFailure::Closed, tls_failure)
}

fn tls_failure(error: &Error) -> HandshakeFailure {
    match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => HandshakeFailure::NoTls,
        // Who speaks TLS 1.1 at most does not send `signature_algorithms` (RFC 5246 7.4.1.4.1), which
        // is looked for before the version.
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired,
        ) => HandshakeFailure::NoCommonVersion,
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => {
            HandshakeFailure::NoCommonParameters
        }
        Error::NoCertificatesPresented => HandshakeFailure::NoClientCertificate,
        Error::InvalidCertificate(_) => HandshakeFailure::ClientCertificateRefused,
        Error::AlertReceived(_) => HandshakeFailure::RefusedByClient,
        _ => HandshakeFailure::ProtocolError,
    }
}
