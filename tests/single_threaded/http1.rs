//! As much of HTTP/1.1 (RFC 9112) as it takes to ask a server that closes the connection after its answer.

use std::io;

use bytes::Bytes;
use mainstay::host::{Connection, Inbound, Outbound, TransportError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub async fn send(outbound: Outbound) -> Result<Inbound, TransportError> {
    let (parts, body) = outbound.request.into_parts();
    let authority = parts.uri.authority().ok_or(TransportError::InvalidRequest)?.as_str().to_owned();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut head = format!("{} {target} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n", parts.method);
    for (name, value) in &parts.headers {
        head += &format!("{name}: {}\r\n", value.to_str().map_err(|_| TransportError::InvalidRequest)?);
    }
    head += &format!("content-length: {}\r\n\r\n", body.len());
    let mut stream = TcpStream::connect(&authority).await.map_err(|_| TransportError::Unreachable)?;
    let answer = ask(&mut stream, head.as_bytes(), &body).await.map_err(|_| TransportError::Broken)?;
    let response = read(&answer).ok_or(TransportError::Broken)?;
    if response.body().len() > outbound.body_limit {
        return Err(TransportError::TooLarge);
    }
    Ok(Inbound { response, connection: Connection::Fresh, from_cache: false })
}

async fn ask(stream: &mut TcpStream, head: &[u8], body: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(head).await?;
    stream.write_all(body).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

fn read(answer: &[u8]) -> Option<http::Response<Bytes>> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let mut lines = std::str::from_utf8(&answer[..end]).ok()?.split("\r\n");
    let status: u16 = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut response = http::Response::builder().status(status);
    let mut length = None;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok();
        }
        response = response.header(name, value.trim());
    }
    let body = &answer[end + 4..];
    let whole = length.is_none_or(|length: usize| length == body.len());
    whole.then(|| response.body(Bytes::copy_from_slice(body)).ok())?
}
