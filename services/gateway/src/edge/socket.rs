//! One WebSocket: reads frames, writes what the socket did not take at once, keeps the clocks.

use std::{
    cell::RefCell,
    io::{self, Read as _},
    net::Shutdown,
    os::fd::AsFd as _,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Buf as _, Bytes};
use socket2::SockRef;
use tokio::{io::Interest, net::TcpStream, time::Instant};

use super::{
    CloseCode, Closed, EdgeConfig,
    channel::{Channel, Kind, LinkKind},
    frame::Frame,
    heartbeat::{Beat, Heartbeat},
    websocket::{self, Decoder, Message},
};

/// Bytes of one read. The buffer is the thread's, so that no connection needs one of its own.
const SCRATCH: usize = 32 * 1024;

thread_local! {
    static INPUT: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

pub(super) enum Event {
    Text(Bytes),
    Closed(Closed),
}

pub(super) struct Socket {
    config: Arc<EdgeConfig>,
    stream: Arc<TcpStream>,
    channel: Arc<Channel>,
    decoder: Decoder,
    /// Read but not decoded yet: messages that came together with the one given out.
    unread: Bytes,
    heartbeat: Heartbeat,
    control: Budget,
    /// Set when the client has said goodbye; its answer is on the way.
    client_left: bool,
    /// After a violation the frames cannot be told apart any more: what still comes is thrown away.
    deaf: bool,
}

impl Socket {
    pub(super) fn new(config: Arc<EdgeConfig>, stream: Arc<TcpStream>, unread: Bytes, channel: Arc<Channel>) -> Self {
        Self {
            decoder: Decoder::new(config.message_bytes),
            heartbeat: Heartbeat::new(&config),
            control: Budget { since: Instant::now(), used: 0 },
            config,
            stream,
            channel,
            unread,
            client_left: false,
            deaf: false,
        }
    }

    pub(super) fn stream(&self) -> &Arc<TcpStream> {
        &self.stream
    }

    /// A socket on trial, until it is attached to the channel that it is for.
    pub(super) fn on_trial(mut self) -> Self {
        self.heartbeat = self.heartbeat.without_pings();
        self
    }

    /// Goes on for another channel, which has taken over the stream.
    pub(super) fn attach(&mut self, channel: Arc<Channel>) {
        self.channel = channel;
        self.heartbeat.start_pings(&self.config);
    }

    pub(super) fn authenticated(&mut self) {
        self.heartbeat.authenticated();
    }

    pub(super) fn pong(&mut self) {
        self.heartbeat.pong();
        self.control();
    }

    pub(super) async fn next(&mut self) -> Event {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        loop {
            let status = self.channel.status(cx);
            let ended = status.closing.map_or(Closed::Lost, Closed::ByServer);
            if status.link == LinkKind::Gone {
                return Poll::Ready(Event::Closed(ended));
            }
            if status.closing.is_some() || self.client_left {
                self.heartbeat.closing(&self.config);
            }
            match self.heartbeat.poll(cx, status.paused, &self.config) {
                Poll::Ready(Beat::Ping) => {
                    self.ping();
                    continue;
                }
                Poll::Ready(Beat::Late(code)) => {
                    self.channel.close(code);
                    continue;
                }
                Poll::Ready(Beat::GiveUp) => {
                    self.channel.say_goodbye();
                    return Poll::Ready(Event::Closed(ended));
                }
                Poll::Pending => {}
            }
            if self.deaf {
                self.channel.say_goodbye();
            }
            let flushed = match self.channel.poll_flush(&self.stream, cx) {
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(_)) => return Poll::Ready(Event::Closed(ended)),
                Poll::Pending => false,
            };
            if self.client_left {
                return if flushed { Poll::Ready(Event::Closed(Closed::ByClient)) } else { Poll::Pending };
            }
            if self.deaf && flushed {
                // The client's answer cannot be made out, so the end of the stream is asked for.
                let _ = self.finish_writing();
            }
            if status.paused && status.closing.is_none() {
                return Poll::Pending;
            }
            let input = match self.poll_input(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(Input::Nothing)) => continue,
                Poll::Ready(Ok(Input::End)) | Poll::Ready(Err(_)) => return Poll::Ready(Event::Closed(ended)),
                Poll::Ready(Ok(Input::Message(message))) => message,
            };
            match (input, status.closing) {
                // The answer to our goodbye, or the client's own after it was told to stay away.
                (Message::Close(_), Some(_)) => {
                    self.channel.say_goodbye();
                    return Poll::Ready(Event::Closed(ended));
                }
                (_, Some(_)) => {}
                (Message::Text(text), None) => return Poll::Ready(Event::Text(text)),
                (Message::Binary(_), None) => self.channel.close(CloseCode::Unsupported),
                (Message::Ping(payload), None) => {
                    if self.control() {
                        self.channel.control(websocket::pong(&payload));
                    }
                }
                (Message::Pong, None) => self.pong(),
                (Message::Close(payload), None) => {
                    self.channel.control(websocket::close_answer(&payload));
                    self.client_left = true;
                }
            }
        }
    }

    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Input>> {
        if !self.unread.is_empty() {
            let mut input = &self.unread[..];
            let message = self.decoder.decode(&mut input);
            let used = self.unread.len() - input.len();
            self.unread.advance(used);
            if self.unread.is_empty() {
                self.unread = Bytes::new();
            }
            return Poll::Ready(Ok(self.checked(message)));
        }
        std::task::ready!(self.stream.poll_read_ready(cx))?;
        INPUT.with_borrow_mut(|scratch| {
            let length = match read_some(&self.stream, scratch) {
                Ok(0) => return Poll::Ready(Ok(Input::End)),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Ready(Ok(Input::Nothing)),
                Err(error) => return Poll::Ready(Err(error)),
            };
            if self.deaf {
                return Poll::Ready(Ok(Input::Nothing));
            }
            let mut input = &scratch[..length];
            let message = self.decoder.decode(&mut input);
            self.unread = Bytes::copy_from_slice(input);
            Poll::Ready(Ok(self.checked(message)))
        })
    }

    fn checked(&mut self, message: Result<Option<Message>, websocket::Violation>) -> Input {
        match message {
            Ok(Some(message)) => Input::Message(message),
            Ok(None) => Input::Nothing,
            Err(violation) => {
                self.deaf = true;
                self.unread = Bytes::new();
                self.channel.close(violation.close_code());
                Input::Nothing
            }
        }
    }

    fn ping(&self) {
        match self.channel.kind() {
            Kind::Plain => self.channel.control(websocket::ping()),
            // Not answered by the browser but by the client's own code, so it also notices a client that hangs.
            Kind::SocketIo => drop(self.channel.answer(&Frame::packet(Bytes::from_static(b"2")))),
        }
    }

    /// Counts a control message; false when they come too fast.
    pub(super) fn control(&mut self) -> bool {
        let within = self.control.take(self.config.control_per_second);
        if !within {
            self.channel.close(CloseCode::Flood);
        }
        within
    }

    fn finish_writing(&self) -> io::Result<()> {
        std::net::TcpStream::from(self.stream.as_fd().try_clone_to_owned()?).shutdown(Shutdown::Write)
    }
}

/// As `try_read`. Less than there was room for is all that had come: the stream then counts as read empty, without another call
/// that would say so. What comes later makes it readable again.
fn read_some(stream: &TcpStream, room: &mut [u8]) -> io::Result<usize> {
    let mut read = None;
    let tried = stream.try_io(Interest::READABLE, || {
        let length = (&*SockRef::from(stream)).read(room)?;
        read = Some(length);
        if (1..room.len()).contains(&length) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(length) }
    });
    read.map_or(tried, Ok)
}

enum Input {
    Message(Message),
    Nothing,
    End,
}

/// How much a client may do in a second.
struct Budget {
    since: Instant,
    used: u32,
}

impl Budget {
    fn take(&mut self, per_second: u32) -> bool {
        if self.since.elapsed().as_secs() >= 1 {
            *self = Self { since: Instant::now(), used: 0 };
        }
        self.used += 1;
        self.used <= per_second
    }
}
