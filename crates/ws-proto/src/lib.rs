//! The WebSocket protocol without I/O: connection, handshake, limits, deadlines.
