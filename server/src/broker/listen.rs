//! The broker's listeners: TLS with client certificates, and plain on loopback where it was asked for.
//!
//! rmqtt's own read their certificate once, when they are made. Here each handshake asks for the present
//! one, so another takes its place while devices stay connected.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use futures::StreamExt as _;
use rmqtt::{
    codec::{
        MqttCodec, MqttPacket,
        cert::CertInfo,
        v3::Codec as CodecV3,
        v5::Codec as CodecV5,
        version::{ProtocolVersion, VersionCodec},
    },
    context::ServerContext,
    net::{Builder, TlsCertExtractor as _, v3::MqttStream as StreamV3, v5::MqttStream as StreamV5},
    types::ListenerId,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::codec::Framed;

use super::MAX_OUTGOING_BYTES;

/// Marks the sessions of the listener with TLS.
pub(super) const SECURE: ListenerId = 1;
/// Marks the sessions of the plain listener.
pub(super) const PLAIN: ListenerId = 2;
/// Connections that the system may hold until they are taken.
const BACKLOG: u32 = 1_024;
/// How long a handshake of TLS, and the first packet after it, may each take.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);
/// Between tries to take connections while the system has no room for one.
const PAUSE: Duration = Duration::from_secs(1);

/// Where connections come in.
pub(super) struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    settings: Arc<Builder>,
    number: ListenerId,
}

impl Listener {
    /// Binds the address, with TLS where a configuration is given; nothing is taken before
    /// [`Listener::serve`]. Sessions carry `number`.
    pub(super) fn bind(
        address: SocketAddr,
        tls: Option<Arc<rustls::ServerConfig>>,
        settings: Builder,
        number: ListenerId,
    ) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        // Ended connections linger in the system; a new start must not wait for them.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(Self {
            socket: socket.listen(BACKLOG)?,
            tls: tls.map(TlsAcceptor::from),
            settings: Arc::new(settings),
            number,
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Takes connections for as long as it is polled.
    pub(super) async fn serve(self, context: ServerContext) {
        context
            .listen_cfgs
            .insert(self.number, self.settings.clone());
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => {
                    let connection = Connection {
                        context: context.clone(),
                        settings: self.settings.clone(),
                        number: self.number,
                        peer,
                    };
                    tokio::spawn(connection.serve(stream, self.tls.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "no connection could be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

struct Connection {
    context: ServerContext,
    settings: Arc<Builder>,
    number: ListenerId,
    peer: SocketAddr,
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let peer = self.peer;
        let served = match tls {
            Some(tls) => self.secure(stream, tls).await,
            None => self.speak(stream, None).await,
        };
        if let Err(error) = served {
            tracing::info!(%peer, %error, "a connection was not taken");
        }
    }

    async fn secure(self, stream: TcpStream, tls: TlsAcceptor) -> rmqtt::Result<()> {
        stream.set_nodelay(true)?;
        let stream = timeout(HANDSHAKE, tls.accept(stream)).await??;
        let certificate = stream.extract_cert_info();
        self.speak(stream, certificate).await
    }

    /// The first packet says which version of the protocol the client speaks.
    async fn speak<Io>(self, stream: Io, cert_info: Option<CertInfo>) -> rmqtt::Result<()>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
    {
        let Self {
            context,
            settings: cfg,
            number,
            peer: remote_addr,
        } = self;
        let most = cfg.max_packet_size;
        let mut io = Framed::new(stream, MqttCodec::Version(VersionCodec));
        let first = timeout(HANDSHAKE, io.next()).await?;
        match first.transpose()? {
            Some((MqttPacket::Version(ProtocolVersion::MQTT3), _)) => {
                *io.codec_mut() = MqttCodec::V3(CodecV3::new(most));
                let stream = StreamV3 {
                    io,
                    remote_addr,
                    cfg,
                    cert_info,
                };
                rmqtt::v3::process(context, stream, number).await
            }
            Some((MqttPacket::Version(ProtocolVersion::MQTT5), _)) => {
                *io.codec_mut() = MqttCodec::V5(CodecV5::new(most, MAX_OUTGOING_BYTES));
                let stream = StreamV5 {
                    io,
                    remote_addr,
                    cfg,
                    cert_info,
                };
                rmqtt::v5::process(context, stream, number).await
            }
            // It connected and said nothing.
            _ => Ok(()),
        }
    }
}
