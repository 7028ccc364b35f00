package dev.godwit.channel.session;

import dev.godwit.channel.session.wire.FrameHeader;
import dev.godwit.channel.session.wire.FrameType;
import dev.godwit.channel.session.wire.Hello;
import dev.godwit.channel.session.wire.Limits;
import dev.godwit.channel.session.wire.StreamState;
import dev.godwit.channel.session.wire.TalkMessage;
import dev.godwit.channel.session.wire.Welcome;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.testkit.Io;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.zip.CRC32C;

/** An end of a link that says whatever a test wants it to, frame by frame. */
final class RawPeer implements AutoCloseable {
  static final byte[] PREFACE = "GODWIT\u0001\n".getBytes(StandardCharsets.US_ASCII);
  static final Limits LIMITS = new Limits(64 * 1024, 4096, 60_000, 60_000);

  private static final int LENGTH = 4;
  private static final int PAYLOAD_CRC = 24;
  private static final int HEADER_CRC = 28;

  private final Channel channel;
  private boolean dialling;
  private long said;

  RawPeer(Channel channel) {
    this.channel = channel;
  }

  /** A frame that was read; the payload is the reader's. */
  @SuppressWarnings("ArrayRecordComponent") // Handed over, and compared by nobody.
  record Frame(FrameType type, int stream, long position, long value, byte[] payload) {
    String text() {
      return new String(payload, StandardCharsets.UTF_8);
    }
  }

  // What is said.

  static byte[] frame(FrameType type, int stream, long position, long value, byte... payload) {
    ByteBuffer out = ByteBuffer.allocate(FrameHeader.BYTES + payload.length);
    new FrameHeader().encode(out, type, stream, payload.length, position, value, crc(payload, 0));
    return out.put(payload).array();
  }

  /** The same with another first byte. */
  static byte[] typed(int type, byte[] frame) {
    frame[0] = (byte) type;
    return sealed(frame);
  }

  /** The same with another length, and no other payload. */
  static byte[] sized(int length, byte[] frame) {
    ByteBuffer.wrap(frame).putInt(LENGTH, length);
    return sealed(frame);
  }

  /** The same with both checksums right. */
  static byte[] sealed(byte[] frame) {
    ByteBuffer out = ByteBuffer.wrap(frame);
    out.putInt(PAYLOAD_CRC, crc(frame, FrameHeader.BYTES));
    CRC32C crc = new CRC32C();
    crc.update(frame, 0, HEADER_CRC);
    out.putInt(HEADER_CRC, (int) crc.getValue());
    return frame;
  }

  private static int crc(byte[] bytes, int from) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, from, bytes.length - from);
    return (int) crc.getValue();
  }

  void send(byte[] bytes) throws ChannelException {
    Io.send(channel, bytes);
  }

  void send(FrameType type, int stream, long position, long value, byte... payload)
      throws ChannelException {
    send(frame(type, stream, position, value, payload));
  }

  /** Says bytes on stream 0. */
  void say(byte[] bytes) throws ChannelException {
    send(FrameType.CHUNK, 0, said, 0, bytes);
    said += bytes.length;
  }

  void say(TalkMessage message) throws ChannelException {
    say(bytes(message.encode()));
  }

  void state(StreamState... all) throws ChannelException {
    send(FrameType.STATE, 0, 0, 0, bytes(StreamState.encode(List.of(all))));
  }

  static byte[] bytes(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }

  // Handshakes.

  /** The first words of a dialling side, with what a frame in front of them may be. */
  static byte[] first(byte[] frame) {
    return ByteBuffer.allocate(PREFACE.length + frame.length).put(PREFACE).put(frame).array();
  }

  static byte[] hello(int version, boolean fresh, int rail, byte[] id, byte[] nonce, String name) {
    return frame(
        FrameType.HELLO,
        0,
        0,
        0,
        bytes(new Hello(version, fresh, rail, id, nonce, LIMITS, name).encode()));
  }

  /** Plays the dialling side up to its proof. */
  void dial(SessionId id, boolean fresh, int rail) throws ChannelException {
    dialling = true;
    byte[] nonce = SessionId.nonce();
    send(first(hello(Hello.VERSION, fresh, rail, fresh ? id.secret() : id.locator(), nonce, "")));
    Welcome welcome = Welcome.decode(ByteBuffer.wrap(greeting(FrameType.WELCOME).payload));
    send(FrameType.PROOF, 0, 0, 0, id.proof("prove", nonce, welcome.nonce(), rail));
  }

  /** Plays the accepting side of a new session. */
  SessionId accept() throws ChannelException {
    Hello hello = Hello.decode(ByteBuffer.wrap(greeting(FrameType.HELLO).payload));
    SessionId id = SessionId.of(hello.id());
    welcome(id, hello, Hello.VERSION);
    await(FrameType.PROOF);
    return id;
  }

  /** Plays the accepting side of a further link. */
  void accept(SessionId id) throws ChannelException {
    Hello hello = Hello.decode(ByteBuffer.wrap(greeting(FrameType.HELLO).payload));
    welcome(id, hello, Hello.VERSION);
    await(FrameType.PROOF);
  }

  void welcome(SessionId id, Hello hello, int version) throws ChannelException {
    byte[] nonce = SessionId.nonce();
    byte[] proof = id.proof("welcome", hello.nonce(), nonce, hello.rail());
    byte[] payload = bytes(new Welcome(version, nonce, LIMITS, proof).encode());
    send(first(frame(FrameType.WELCOME, 0, 0, 0, payload)));
  }

  /** The other side's first frame, behind its preface. */
  Frame greeting(FrameType type) throws ChannelException {
    Io.receive(channel, PREFACE.length);
    Frame frame = next();
    if (frame.type != type) {
      throw new AssertionError(frame + " came where " + type + " belongs: " + frame.text());
    }
    return frame;
  }

  /** The {@code n}-th stream that this side opens, from 1. */
  int own(int n) {
    return dialling ? 2 * n - 1 : 2 * n;
  }

  /** The {@code n}-th stream that the other side opens, from 1. */
  int theirs(int n) {
    return dialling ? 2 * n : 2 * n - 1;
  }

  // What is heard.

  Frame next() throws ChannelException {
    ByteBuffer head = ByteBuffer.wrap(Io.receive(channel, FrameHeader.BYTES));
    FrameHeader header = new FrameHeader();
    header.decode(head);
    byte[] payload = Io.receive(channel, header.length());
    return new Frame(header.type(), header.stream(), header.position(), header.value(), payload);
  }

  /** The next frame of that type; others are passed over. */
  Frame await(FrameType type) throws ChannelException {
    while (true) {
      Frame frame = next();
      if (frame.type == type) {
        return frame;
      }
      if (frame.type == FrameType.GONE) {
        throw new AssertionError("The session was given up: " + frame.text());
      }
    }
  }

  /** Returns once a stream has brought all bytes before {@code position}. */
  void awaitBytes(int stream, long position) throws ChannelException {
    while (true) {
      Frame chunk = await(FrameType.CHUNK);
      if (chunk.stream == stream && chunk.position + chunk.payload.length >= position) {
        return;
      }
    }
  }

  Channel channel() {
    return channel;
  }

  @Override
  public void close() throws ChannelException {
    channel.close();
  }
}
