//! WebSocket servers and clients for Tokio.
