//! The gateway from outside: real sockets, real servers.

mod edge;
