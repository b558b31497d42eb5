//! Cuts the bytes of the socket into messages: a line each, or the line `Z<bytes>` followed by that many bytes of zstd.
//!
//! The cap is checked while bytes come in, so that an endless line holds no more memory than an allowed one.

use crate::{
    RpcError,
    limits::{MESSAGE_BYTES_DEFAULT, READ_BYTES},
};

/// The longest line that can stand before a compressed message: `Z` and ten digits.
const HEAD_BYTES_MAX: usize = 11;

/// What stands next in the buffer.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// `bytes[start..end]` is a message; the following one begins at `then`.
    Line { start: usize, end: usize, then: usize },
    /// The same for compressed bytes.
    Packed { start: usize, end: usize },
    /// Not all of it is there.
    More,
}

/// The receiving half of the framing.
#[derive(Debug)]
pub struct FrameReader {
    bytes: Vec<u8>,
    /// Where the first byte stands that was not handed out.
    start: usize,
    /// Where the received bytes end; what follows is room.
    end: usize,
    /// Up to here no end of a line was found.
    searched: usize,
    bytes_max: usize,
    compression: bool,
    unpacked: Vec<u8>,
}

impl Default for FrameReader {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            end: 0,
            searched: 0,
            bytes_max: MESSAGE_BYTES_DEFAULT,
            compression: false,
            unpacked: Vec::new(),
        }
    }
}

impl FrameReader {
    /// A reader with the limits before `node.info`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over what `node.info` agreed on.
    pub fn agree(&mut self, bytes_max: usize, compression: bool) {
        self.bytes_max = bytes_max;
        self.compression = compression;
    }

    /// Room for the next read, never empty. What is read into it is made known by [`Self::filled`].
    pub fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            if self.start < self.end {
                self.bytes.copy_within(self.start..self.end, 0);
            }
            self.end -= self.start;
            self.searched -= self.start;
            self.start = 0;
        }
        self.settle();
        if self.bytes.len() < self.end + READ_BYTES {
            // Doubling keeps a long message from being copied at every read.
            let wanted = (self.end + READ_BYTES).max(self.bytes.len() * 2);
            self.bytes.resize(wanted.min(self.end.max(self.bytes_max) + READ_BYTES + HEAD_BYTES_MAX), 0);
        }
        &mut self.bytes[self.end..]
    }

    /// Gives memory back after a long message has been handled. A short one may have become long by unpacking.
    fn settle(&mut self) {
        if self.end == 0 && self.bytes.len() > 4 * READ_BYTES {
            self.bytes = Vec::new();
        }
        if self.unpacked.capacity() > 4 * READ_BYTES {
            self.unpacked = Vec::new();
        }
    }

    /// The first `count` bytes of the room now hold received bytes.
    pub fn filled(&mut self, count: usize) {
        self.end = (self.end + count).min(self.bytes.len());
    }

    /// Received bytes that belong to a message that is not complete.
    pub fn unfinished(&self) -> usize {
        self.end - self.start
    }

    /// Memory that is held.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity() + self.unpacked.capacity()
    }

    /// The next complete message, or `None` when more bytes are needed.
    pub fn next_message(&mut self) -> Result<Option<&[u8]>, RpcError> {
        match self.find()? {
            Next::More => Ok(None),
            Next::Line { start, end, then } => {
                (self.start, self.searched) = (then, then);
                Ok(Some(&self.bytes[start..end]))
            }
            Next::Packed { start, end } => {
                (self.start, self.searched) = (end, end);
                unpack(&self.bytes[start..end], self.bytes_max, &mut self.unpacked)?;
                Ok(Some(&self.unpacked))
            }
        }
    }

    fn find(&mut self) -> Result<Next, RpcError> {
        let received = &self.bytes[..self.end];
        let too_long = RpcError::MessageTooLong { bytes_max: self.bytes_max };
        let Some(at) = memchr::memchr(b'\n', &received[self.searched..]) else {
            self.searched = self.end;
            let length = self.end - self.start;
            let packed = received.get(self.start) == Some(&b'Z');
            return match () {
                () if packed && length > HEAD_BYTES_MAX => Err(RpcError::BadFrame { reason: "a long head".into() }),
                () if length > self.bytes_max => Err(too_long),
                () => Ok(Next::More),
            };
        };
        let line_end = self.searched + at;
        let line = &received[self.start..line_end];
        if line.first() != Some(&b'Z') {
            if line.len() > self.bytes_max {
                return Err(too_long);
            }
            return Ok(Next::Line { start: self.start, end: line_end, then: line_end + 1 });
        }
        let length = packed_length(line, self.bytes_max, self.compression)?;
        let (start, end) = (line_end + 1, line_end + 1 + length);
        if end > self.end {
            // The head's own end of line is found again when the bytes have come.
            self.searched = line_end;
            return Ok(Next::More);
        }
        Ok(Next::Packed { start, end })
    }
}

/// The number in the line `Z<bytes>`.
fn packed_length(line: &[u8], bytes_max: usize, agreed: bool) -> Result<usize, RpcError> {
    let bad = |reason: &str| RpcError::BadFrame { reason: reason.to_owned() };
    if line.len() > HEAD_BYTES_MAX {
        return Err(bad("a long head"));
    }
    if !agreed {
        return Err(RpcError::NotNegotiated { what: "compression" });
    }
    let digits = std::str::from_utf8(&line[1..]).map_err(|_| bad("not a number"))?;
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    if !plain {
        return Err(bad("not a positive decimal number"));
    }
    match digits.parse::<usize>() {
        Ok(length) if length <= bytes_max => Ok(length),
        _ => Err(RpcError::MessageTooLong { bytes_max }),
    }
}

/// Unpacks one message. The buffer has the size of the limit at most, so that a bomb ends in an error.
fn unpack(packed: &[u8], bytes_max: usize, unpacked: &mut Vec<u8>) -> Result<(), RpcError> {
    let bad = |reason: String| RpcError::BadCompression { reason };
    let too_long = RpcError::MessageTooLong { bytes_max };
    let said = zstd::zstd_safe::get_frame_content_size(packed).map_err(|_| bad("not a zstd frame".into()))?;
    let Some(said) = said else { return Err(bad("the frame does not say how long its content is".into())) };
    let said = usize::try_from(said).ok().filter(|said| *said <= bytes_max).ok_or(too_long)?;
    let frame = zstd::zstd_safe::find_frame_compressed_size(packed);
    if frame != Ok(packed.len()) {
        return Err(bad("not exactly one frame".into()));
    }
    unpacked.clear();
    unpacked.reserve_exact(said);
    let mut decoder = zstd::bulk::Decompressor::new().map_err(|error| bad(error.to_string()))?;
    let written = decoder.decompress_to_buffer(packed, unpacked).map_err(|error| bad(error.to_string()))?;
    if written == said { Ok(()) } else { Err(bad(format!("{written} bytes instead of {said}"))) }
}

/// Puts one message into its frame: as the line that it is, or compressed when that was agreed and it is long.
pub(crate) fn frame_into(out: &mut Vec<u8>, message: &[u8], compress: bool) {
    if compress && message.len() > crate::limits::COMPRESS_BYTES_MIN {
        // An input above zstd's limits or no memory: the plain line says the same.
        if let Ok(packed) = zstd::bulk::compress(message, 1)
            && packed.len() < message.len()
        {
            out.extend_from_slice(format!("Z{}\n", packed.len()).as_bytes());
            out.extend_from_slice(&packed);
            return;
        }
    }
    out.extend_from_slice(message);
    out.push(b'\n');
}
