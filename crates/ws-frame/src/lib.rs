//! WebSocket framing without allocation: headers, masking, close codes, incremental UTF-8.
