package dev.godwit.channel.stream;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.testkit.Threads;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.UUID;

/** Both ends of one {@code mem:} channel. */
public final class Wired implements AutoCloseable {
  /** What reads from a stream in a test. */
  @FunctionalInterface
  public interface Reading<T> {
    T read(StreamInput in) throws IOException;
  }

  /** What writes a stream in a test. */
  @FunctionalInterface
  public interface Writing {
    void write(StreamOutput out) throws IOException;
  }

  private static final Transports TRANSPORTS = Transports.load();

  /** The smallest that there is, so that every edge of it is met. */
  private static final int SMALL_BUFFER_BYTES = 512;

  private final Listener listener;
  private final Dialer dialer;
  private final Channel sending;
  private final Channel receiving;

  /**
   * @param settings of both sides, as in a URI
   */
  public Wired(String settings) throws ChannelException {
    Endpoint address = Endpoint.parse("mem:" + UUID.randomUUID() + "?" + settings);
    Deadline soon = Deadline.after(Await.LIMIT);
    listener = TRANSPORTS.listen(address);
    dialer = TRANSPORTS.dialer(address);
    sending = dialer.dial(soon);
    receiving = listener.accept(soon);
  }

  public Channel sending() {
    return sending;
  }

  public Channel receiving() {
    return receiving;
  }

  /** Reads {@code bytes} that come in pieces of up to {@code pieceBytes}, then an orderly end. */
  public static <T> T reading(byte[] bytes, int pieceBytes, Reading<T> reading) throws IOException {
    try (Wired wired = new Wired("buffer=" + pieceBytes);
        StreamInput in = new StreamInput(wired.receiving, "main", SMALL_BUFFER_BYTES)) {
      if (bytes.length <= pieceBytes) {
        wired.sending.write(ByteBuffer.wrap(bytes));
        wired.sending.shutdownOutput();
        return reading.read(in);
      }
      Task<Boolean> feeding = Threads.start("feed", () -> wired.feed(bytes));
      try {
        return reading.read(in);
      } finally {
        wired.receiving.abort(new IllegalStateException("The reader is done"));
        feeding.result();
      }
    }
  }

  /** Reads {@code bytes} that are there at once. */
  public static <T> T reading(byte[] bytes, Reading<T> reading) throws IOException {
    return reading(bytes, Math.max(1, bytes.length), reading);
  }

  /** What {@code writing} writes. */
  public static byte[] written(Writing writing) throws IOException {
    try (Wired wired = new Wired("buffer=1M")) {
      Task<byte[]> received = Task.start("drain", () -> Io.drain(wired.receiving));
      try (StreamOutput out = new StreamOutput(wired.sending, SMALL_BUFFER_BYTES)) {
        writing.write(out);
        out.flush();
      }
      wired.sending.shutdownOutput();
      return received.result();
    }
  }

  /** Bytes in hexadecimal, blanks ignored; {@code 'text'} stands for its bytes. */
  public static byte[] hex(String text) {
    StringBuilder digits = new StringBuilder();
    boolean quoted = false;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '\'') {
        quoted = !quoted;
      } else if (quoted) {
        digits.append(HexFormat.of().toHexDigits((byte) c));
      } else if (!Character.isWhitespace(c)) {
        digits.append(c);
      }
    }
    return HexFormat.of().parseHex(digits);
  }

  private void feed(byte[] bytes) throws ChannelException {
    try {
      sending.write(ByteBuffer.wrap(bytes));
      sending.shutdownOutput();
    } catch (ChannelException e) {
      // The reader found what it was looking for before the end, and left.
      sending.abort(e);
    }
  }

  @Override
  public void close() throws ChannelException {
    sending.abort(new IllegalStateException("The test is over"));
    receiving.abort(new IllegalStateException("The test is over"));
    sending.close();
    receiving.close();
    dialer.close();
    listener.close();
  }
}
