//! A connection, before and after TLS begins over it.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::super::handshake;
use super::Secure;
use crate::domain::probe::kinds::Answer;

/// A connection.
pub(super) enum Wire {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
    /// TLS was begun over it, and did not come about.
    Gone,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self::Plain(stream)
    }

    /// Begins TLS.
    ///
    /// # Errors
    /// The answer that says why it does not come about.
    pub(super) async fn secure(&mut self, how: &Secure) -> Result<(), Answer> {
        let Self::Plain(stream) = std::mem::replace(self, Self::Gone) else {
            let text = "TLS is begun twice over one connection".to_owned();
            return Err(Answer::Unasked(text));
        };
        let (config, name) = (how.config.clone(), how.name.clone());
        let stream = handshake::secure(stream, config, name, &how.address).await?;
        *self = Self::Secure(Box::new(stream));
        Ok(())
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Secure(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// So many bytes, and 0 where the other side has closed.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer).await,
            Self::Secure(stream) => stream.read(buffer).await,
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// As [`handshake::accepted`].
    ///
    /// # Errors
    /// The same.
    pub(super) async fn accepted(&mut self, address: &str) -> Result<(), Answer> {
        match self {
            Self::Secure(stream) => handshake::accepted(stream, address).await,
            Self::Plain(_) | Self::Gone => Ok(()),
        }
    }
}
