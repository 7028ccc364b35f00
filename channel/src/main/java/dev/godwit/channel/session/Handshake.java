package dev.godwit.channel.session;

import dev.godwit.channel.session.wire.FrameHeader;
import dev.godwit.channel.session.wire.FrameType;
import dev.godwit.channel.session.wire.Hello;
import dev.godwit.channel.session.wire.Limits;
import dev.godwit.channel.session.wire.Refusal;
import dev.godwit.channel.session.wire.Welcome;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;

/**
 * How a link begins (docs/sessions.md, "Hello").
 *
 * <pre>
 *   dialling side                       accepting side
 *   preface, HELLO  -----------------&gt;
 *                   &lt;-----------------  preface, WELCOME with its proof    or REFUSAL
 *   PROOF           -----------------&gt;
 *   STATE           -----------------&gt;
 *                   &lt;-----------------  STATE                               or REFUSAL
 * </pre>
 *
 * Neither side waits longer than the deadline under which its caller aborts the channel.
 */
final class Handshake {
  /** No stream of QEMU's begins so, and no text. */
  private static final byte[] PREFACE = "GODWIT\u0001\n".getBytes(StandardCharsets.US_ASCII);

  /** The longest chunk this side takes. */
  static final int CHUNK_BYTES = 256 * 1024;

  private static final int QEMU_MAIN = 0x5145564d;
  private static final int QEMU_MULTIFD = 0x11223344;

  private static final String WELCOMES = "welcome";
  private static final String PROVES = "prove";

  private final Channel channel;
  private final FrameReader reader;
  private final FrameHeader header = new FrameHeader();
  private boolean begun;
  private boolean heard;

  Handshake(Channel channel) {
    this.channel = channel;
    this.reader = new FrameReader(channel);
  }

  /** The reader of the channel, which stands behind what was said here. */
  FrameReader reader() {
    return reader;
  }

  /** The other side does not want this link, and says why. */
  static final class RefusedException extends Exception {
    private static final long serialVersionUID = 1;
    private final transient Refusal refusal;

    RefusedException(Refusal refusal, String why) {
      super(why);
      this.refusal = refusal;
    }

    Refusal refusal() {
      return refusal;
    }

    String why() {
      String message = getMessage();
      return message == null ? "" : message;
    }
  }

  /** Plays the dialling side; returns the other side's limits. */
  Limits dial(SessionId id, boolean fresh, int rail, SessionOptions options)
      throws ChannelException, RefusedException {
    byte[] nonce = SessionId.nonce();
    Hello hello =
        new Hello(
            Hello.VERSION,
            fresh,
            rail,
            fresh ? id.secret() : id.locator(),
            nonce,
            options.limits(CHUNK_BYTES),
            options.name());
    send(FrameType.HELLO, 0, hello.encode());
    requirePreface();
    requireFrame();
    if (reader.header().type() == FrameType.REFUSAL) {
      throw refused();
    }
    require(FrameType.WELCOME);
    Welcome welcome = Welcome.decode(reader.wholePayload());
    byte[] expected = id.proof(WELCOMES, nonce, welcome.nonce(), rail);
    if (!MessageDigest.isEqual(expected, welcome.proof())) {
      throw new ChannelException.Untrusted(
          "The other end does not know the session that this link belongs to");
    }
    send(FrameType.PROOF, 0, ByteBuffer.wrap(id.proof(PROVES, nonce, welcome.nonce(), rail)));
    return welcome.limits();
  }

  /** Plays the accepting side up to the dialling side's first word. */
  Hello hello() throws ChannelException {
    requirePreface();
    requireFrame();
    require(FrameType.HELLO);
    return Hello.decode(reader.wholePayload());
  }

  /** Answers a hello, and lets nobody pass who does not know the session's secret. */
  void welcome(SessionId id, Hello hello, SessionOptions options) throws ChannelException {
    byte[] nonce = SessionId.nonce();
    byte[] proof = id.proof(WELCOMES, hello.nonce(), nonce, hello.rail());
    Welcome welcome =
        new Welcome(
            Math.min(hello.version(), Hello.VERSION), nonce, options.limits(CHUNK_BYTES), proof);
    send(FrameType.WELCOME, 0, welcome.encode());
    requireFrame();
    require(FrameType.PROOF);
    byte[] expected = id.proof(PROVES, hello.nonce(), nonce, hello.rail());
    ByteBuffer payload = reader.wholePayload();
    byte[] given = new byte[payload.remaining()];
    payload.get(given);
    if (!MessageDigest.isEqual(expected, given)) {
      throw new ChannelException.Untrusted("It does not know the session that it wants to join");
    }
  }

  /** Says why there will be no link, to whoever sent a hello, and waits until it was read. */
  void refuse(Refusal refusal, String why) throws ChannelException {
    byte[] sentence = why.getBytes(StandardCharsets.UTF_8);
    send(FrameType.REFUSAL, refusal.code(), ByteBuffer.wrap(sentence));
    channel.shutdownOutput();
    reader.drain();
  }

  private RefusedException refused() throws ChannelException {
    String why = StandardCharsets.UTF_8.decode(reader.wholePayload()).toString();
    return new RefusedException(Refusal.of(reader.header().value()), printable(why));
  }

  /** A sentence of the other side's, as one line of text. */
  static String printable(String sentence) {
    String plain = sentence.replaceAll("\\p{Cntrl}", " ");
    return plain.length() > 500 ? plain.substring(0, 500) : plain;
  }

  /** The same for what went wrong here; says nothing to whoever is no Godwit. */
  void refuse(ChannelException why) throws ChannelException {
    if (heard && why instanceof ChannelException.Violated) {
      refuse(Refusal.VIOLATION, why.getMessage());
    } else if (heard && why instanceof ChannelException.Untrusted) {
      refuse(Refusal.PROOF, why.getMessage());
    }
  }

  private void send(FrameType type, long value, ByteBuffer payload) throws ChannelException {
    ByteBuffer out = ByteBuffer.allocate(PREFACE.length + FrameHeader.BYTES + payload.remaining());
    if (!begun) {
      begun = true;
      out.put(PREFACE);
    }
    header.encode(out, type, 0, payload.remaining(), 0, value, header.crcOf(payload));
    channel.write(out.put(payload).flip());
    channel.flush();
  }

  private void requirePreface() throws ChannelException {
    byte[] first = reader.preface(Integer.BYTES);
    int word = ByteBuffer.wrap(first).getInt();
    if (word == QEMU_MAIN || word == QEMU_MULTIFD) {
      throw new ChannelException.Violated(
          "A QEMU speaks at the other end, not a Godwit; '--peer qemu' here takes its migration");
    }
    byte[] rest = reader.preface(PREFACE.length - Integer.BYTES);
    ByteBuffer all = ByteBuffer.allocate(PREFACE.length).put(first).put(rest);
    if (!MessageDigest.isEqual(all.array(), PREFACE)) {
      throw new ChannelException.Violated("The other end is no Godwit that speaks sessions");
    }
    heard = true;
  }

  private void requireFrame() throws ChannelException {
    if (!reader.next()) {
      throw new ChannelException.EndedEarly("The other end closed the connection at once");
    }
  }

  private void require(FrameType type) throws ChannelException {
    if (reader.header().type() != type) {
      throw new ChannelException.Violated(
          "The other end said " + reader.header().type() + " where " + type + " belongs");
    }
  }
}
