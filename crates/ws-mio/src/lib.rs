//! WebSocket servers and clients in one thread over mio.
