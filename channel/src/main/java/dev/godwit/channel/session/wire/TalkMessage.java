package dev.godwit.channel.session.wire;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * A message of stream 0, which carries what is said of the other streams and what the two ends tell
 * each other (docs/sessions.md, "Stream 0").
 *
 * <pre>
 *    0  u8   kind
 *    1  u8   0
 *    2  u16  stream, or the kind of a note
 *    4  u32  length of the body, which follows
 * </pre>
 */
public sealed interface TalkMessage {
  int HEADER_BYTES = 8;
  int MAX_BODY_BYTES = 64 * 1024;

  /** A stream begins. */
  record Open(int stream) implements TalkMessage {}

  /** A stream's bytes from this side end before {@code position}. */
  record End(int stream, long position) implements TalkMessage {}

  /** This side reads no more of a stream. */
  record Deaf(int stream) implements TalkMessage {}

  /** This side has broken a stream off. */
  record Broken(int stream, String why) implements TalkMessage {}

  /** What the users of the two ends tell each other; the body is the receiver's own. */
  @SuppressWarnings("ArrayRecordComponent") // Handed over, and compared by nobody.
  record Note(int kind, byte[] body) implements TalkMessage {}

  /** This side's user needs the session no more, and all its streams have ended. */
  record Bye() implements TalkMessage {}

  /** The head of a message, of which the body has still to come. */
  record Head(int kind, int subject, int bodyBytes) {}

  private int kind() {
    return switch (this) {
      case Open ignored -> 1;
      case End ignored -> 2;
      case Deaf ignored -> 3;
      case Broken ignored -> 4;
      case Note ignored -> 5;
      case Bye ignored -> 6;
    };
  }

  private int subject() {
    return switch (this) {
      case Open open -> open.stream;
      case End end -> end.stream;
      case Deaf deaf -> deaf.stream;
      case Broken broken -> broken.stream;
      case Note note -> note.kind;
      case Bye ignored -> 0;
    };
  }

  private byte[] body() {
    return switch (this) {
      case Open ignored -> new byte[0];
      case End end -> ByteBuffer.allocate(Long.BYTES).putLong(end.position).array();
      case Deaf ignored -> new byte[0];
      case Broken broken -> broken.why.getBytes(StandardCharsets.UTF_8);
      case Note note -> note.body;
      case Bye ignored -> new byte[0];
    };
  }

  default ByteBuffer encode() {
    byte[] body = body();
    if (body.length > MAX_BODY_BYTES) {
      throw new IllegalArgumentException(
          "A message has at most " + MAX_BODY_BYTES + " bytes, not " + body.length);
    }
    ByteBuffer out = ByteBuffer.allocate(HEADER_BYTES + body.length);
    out.put((byte) kind()).put((byte) 0).putShort((short) subject());
    return out.putInt(body.length).put(body).flip();
  }

  /** Takes the 8 bytes before a body apart; {@code src} stays yours. */
  static Head head(ByteBuffer src) throws ChannelException {
    int kind = Byte.toUnsignedInt(src.get());
    src.get();
    int subject = Short.toUnsignedInt(src.getShort());
    int length = src.getInt();
    if (length < 0 || length > MAX_BODY_BYTES) {
      throw new ChannelException.Violated(
          "A message of " + Integer.toUnsignedString(length) + " bytes is too long");
    }
    return new Head(kind, subject, length);
  }

  /** The message with that head; {@code body} is the message's own from now on. */
  static TalkMessage of(Head head, byte[] body) throws ChannelException {
    return switch (head.kind) {
      case 1 -> new Open(head.subject);
      case 2 -> {
        if (body.length != Long.BYTES) {
          throw new ChannelException.Violated(
              "An end of " + body.length + " bytes has no position");
        }
        yield new End(head.subject, ByteBuffer.wrap(body).getLong());
      }
      case 3 -> new Deaf(head.subject);
      case 4 -> new Broken(head.subject, new String(body, StandardCharsets.UTF_8));
      case 5 -> new Note(head.subject, body);
      case 6 -> new Bye();
      default -> throw new ChannelException.Violated("There is no message of kind " + head.kind);
    };
  }
}
