//! WebSocket servers and clients over blocking sockets and threads.
