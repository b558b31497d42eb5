//! Takes a content coding off an answer. The bound holds for the decoded bytes, so a small answer cannot become a huge one.

use akao_step::EgressError;
use std::io::Read;

/// Buffer of the Brotli decoder, in bytes.
const BROTLI_BUFFER_BYTES: usize = 4096;

/// Largest window that RFC 9659 lets a sender of `zstd` use: 8 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// What is asked for when the caller asks for nothing.
pub(super) const ACCEPTED: &str = "gzip, br, zstd";

/// A content coding that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

impl Coding {
    /// The coding that a `Content-Encoding` names; none for several or for one that is not understood.
    pub(super) fn named(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Decodes `bytes` into at most `bytes_max` bytes.
pub(super) fn decode(coding: Coding, bytes: &[u8], bytes_max: u64) -> Result<Vec<u8>, EgressError> {
    let broken = |error: std::io::Error| EgressError::Protocol(format!("the answer's compression is broken: {error}"));
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let decoder: Box<dyn Read + '_> = match coding {
        Coding::Gzip => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        Coding::Deflate => Box::new(flate2::read::ZlibDecoder::new(bytes)),
        Coding::Brotli => Box::new(brotli_decompressor::Decompressor::new(bytes, BROTLI_BUFFER_BYTES)),
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(broken)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(broken)?;
            Box::new(decoder)
        }
    };
    let mut decoded = Vec::new();
    decoder.take(bytes_max.saturating_add(1)).read_to_end(&mut decoded).map_err(broken)?;
    if decoded.len() as u64 > bytes_max { Err(EgressError::TooLarge(bytes_max)) } else { Ok(decoded) }
}
