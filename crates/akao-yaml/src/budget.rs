//! How much a YAML text may ask for.

/// Bounds on one text. Whatever is over them ends in an error before it costs memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Longest text, in bytes.
    pub text_bytes_max: usize,
    /// Longest single scalar or key, in bytes.
    pub scalar_bytes_max: usize,
    /// Most scalars, keys, sequences and mappings, with what aliases repeat.
    pub nodes_max: usize,
    /// Deepest nesting of sequences and mappings, with what aliases repeat.
    pub depth_max: usize,
    /// Most nodes that anchors keep and aliases repeat.
    pub alias_nodes_max: usize,
    /// Most bytes of text that anchors keep and aliases repeat.
    pub alias_bytes_max: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            text_bytes_max: 8 * 1024 * 1024,
            scalar_bytes_max: 1024 * 1024,
            nodes_max: 100_000,
            depth_max: 64,
            alias_nodes_max: 20_000,
            alias_bytes_max: 1024 * 1024,
        }
    }
}
