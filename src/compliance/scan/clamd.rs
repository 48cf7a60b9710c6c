//! clamd, by its `INSTREAM` command (clamd(8)): the bytes go there in pieces, and a line comes back.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::Scan;
use crate::market::policy::landing::{Clamd, ClamdAt};

/// Bytes of one piece.
const PIECE: usize = 64 << 10;
/// The most bytes of an answer.
const LONGEST_ANSWER: u64 = 4_096;

/// Has bytes scanned. Whatever fails on the way leaves it open what they are.
pub async fn scan(clamd: &Clamd, bytes: &[u8]) -> Scan {
    if bytes.len() > clamd.largest {
        return Scan::NotKnown(format!("{} bytes are more than the {} that are scanned", bytes.len(), clamd.largest));
    }
    match timeout(clamd.within, asked(clamd, bytes)).await {
        Ok(Ok(answer)) => read(&answer),
        Ok(Err(error)) => Scan::NotKnown(format!("clamd: {error}")),
        Err(_) => Scan::NotKnown("clamd: no answer in time".to_owned()),
    }
}

async fn asked(clamd: &Clamd, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match &clamd.at {
        ClamdAt::Socket(path) => exchange(UnixStream::connect(path).await?, bytes).await,
        ClamdAt::Tcp(address) => exchange(TcpStream::connect(address).await?, bytes).await,
    }
}

async fn exchange<L>(mut line: L, bytes: &[u8]) -> io::Result<Vec<u8>>
where
    L: AsyncReadExt + AsyncWriteExt + Unpin,
{
    // A daemon that has heard enough answers and closes: then writing fails, and the answer tells why.
    let sent = async {
        line.write_all(b"zINSTREAM\0").await?;
        for piece in bytes.chunks(PIECE) {
            let length = u32::try_from(piece.len()).map_err(io::Error::other)?;
            line.write_all(&length.to_be_bytes()).await?;
            line.write_all(piece).await?;
        }
        line.write_all(&0_u32.to_be_bytes()).await?;
        line.flush().await
    }
    .await;
    let mut answer = Vec::new();
    let heard = line.take(LONGEST_ANSWER).read_to_end(&mut answer).await;
    if answer.is_empty() {
        sent?;
        heard?;
    }
    Ok(answer)
}

/// `stream: OK`, `stream: NAME FOUND`, or an error.
fn read(answer: &[u8]) -> Scan {
    let text = String::from_utf8_lossy(answer);
    let text = text.trim_end_matches(['\0', '\n']).trim();
    let said = text.strip_prefix("stream: ").unwrap_or(text);
    if text == "stream: OK" {
        Scan::Clean
    } else if let Some(name) = said.strip_suffix(" FOUND") {
        Scan::Infected(name.to_owned())
    } else {
        Scan::NotKnown(format!("clamd: {}", said.chars().take(200).collect::<String>()))
    }
}
