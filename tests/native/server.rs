//! A server of one thread for each connection, that answers by path and counts.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

#[derive(Clone, Default)]
pub(crate) struct Counts {
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Counts {
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Starts a server on loopback; its threads end with the process.
pub(crate) fn start() -> (String, Counts) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let counts = Counts::default();
    let counting = counts.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counting.connections.fetch_add(1, Ordering::SeqCst);
            let counting = counting.clone();
            thread::spawn(move || serve(stream, &counting));
        }
    });
    (address, counts)
}

fn serve(stream: TcpStream, counts: &Counts) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let Some(request) = read_request(&mut reader) else {
            // What is no HTTP, such as a TLS greeting, gets the answer that real servers give.
            let _gone = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            return;
        };
        counts.requests.fetch_add(1, Ordering::SeqCst);
        let path = request.line.split(' ').nth(1).unwrap_or_default().to_owned();
        let answer: Vec<u8> = match path.as_str() {
            "/cut" => b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this".to_vec(),
            "/hang-up" => Vec::new(),
            "/redirect" => b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n".to_vec(),
            "/cookie" => plain("Set-Cookie: session=1\r\n", b"set"),
            "/large" => plain("", &vec![b'x'; 1_000_000]),
            "/busy" => b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n".to_vec(),
            "/echo" => plain("", format!("{}\n{}", request.head, request.body).as_bytes()),
            _ => plain("", b"hello"),
        };
        let goes_on = stream.write_all(&answer).is_ok() && !matches!(path.as_str(), "/cut" | "/hang-up");
        if !goes_on {
            return;
        }
    }
}

struct Request {
    line: String,
    head: String,
    body: String,
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let line = head.lines().next()?.to_owned();
    Some(Request { line, head, body: String::from_utf8(body).ok()? })
}

fn plain(header: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\n{header}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}
