//! A connection that sends one request again and again. It does as little as it can, because it
//! shares the machine with the server.

use std::{
    io::{BufRead, BufReader, Error, Read, Result, Write},
    net::{SocketAddr, TcpStream},
};

use wythe_bench_harness::request;

pub(crate) struct Client {
    connection: BufReader<TcpStream>,
    request: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(server: SocketAddr) -> Result<Self> {
        let connection = TcpStream::connect(server)?;
        connection.set_nodelay(true)?;
        Ok(Self {
            connection: BufReader::new(connection),
            request: bytes()?,
        })
    }

    /// Sends the request and reads the response, which must be a 201.
    pub(crate) fn send(&mut self) -> Result<()> {
        self.connection.get_mut().write_all(&self.request)?;
        let (mut line, mut length) = (String::new(), 0);
        self.connection.read_line(&mut line)?;
        if !line.starts_with("HTTP/1.1 201 ") {
            return Err(Error::other(format!("the server answers {line:?}")));
        }
        loop {
            line.clear();
            self.connection.read_line(&mut line)?;
            match line.trim_end().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().map_err(Error::other)?,
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.connection.read_exact(&mut body)
    }
}

/// The request as HTTP/1.1.
fn bytes() -> Result<Vec<u8>> {
    let request = request::create_user();
    let body = request.body();
    let mut bytes = Vec::new();
    write!(
        bytes,
        "{} {} HTTP/1.1\r\nhost: api.example.com\r\ncontent-length: {}\r\n",
        request.method(),
        request.uri(),
        body.len()
    )?;
    for (name, value) in request.headers() {
        write!(bytes, "{name}: ")?;
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    Ok(bytes)
}
