package dev.godwit.transport.tls.engine;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.tls.credentials.PreSharedKey;
import dev.godwit.transport.tls.credentials.PskCredentials;
import dev.godwit.transport.tls.engine.TlsEngine.Handshake;
import dev.godwit.transport.tls.engine.TlsEngine.Opened;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** A client and a server in memory, whose bytes pass in pieces of random lengths. */
final class BouncyPair implements AutoCloseable {
  static final int ROOM = 4 * TlsEngine.SEALED_BYTES;

  final TlsEngine client;
  final TlsEngine server;
  private final Random random;

  BouncyPair(TlsEngine client, TlsEngine server, Random random) {
    this.client = client;
    this.server = server;
    this.random = random;
  }

  /** A key that is the same for the same number, as in keys.psk. */
  static PreSharedKey key(String identity, int number) {
    byte[] key = new byte[32];
    new Random(number).nextBytes(key);
    return new PreSharedKey(identity, key);
  }

  static PskCredentials keys(PreSharedKey... keys) {
    return new PskCredentials(List.of(keys));
  }

  /** Goes through the handshake; each side that fails gives its alert to the other. */
  Outcome handshake() {
    Side one = new Side(client);
    Side other = new Side(server);
    while (!one.over() || !other.over()) {
      boolean moved = one.step(other, random);
      moved |= other.step(one, random);
      if (!moved) {
        throw new AssertionError("Both sides wait: " + one + ", " + other);
      }
    }
    return new Outcome(one.failures, other.failures);
  }

  /** What each side failed with; nothing for one that is done. */
  record Outcome(List<ChannelException> client, List<ChannelException> server) {}

  static byte[] seal(TlsEngine engine, byte[] plain) throws ChannelException {
    ByteBuffer src = direct(plain);
    ByteBuffer out = ByteBuffer.allocateDirect(2 * plain.length + ROOM);
    engine.seal(src, out);
    if (src.hasRemaining()) {
      throw new AssertionError("Left unsealed: " + src);
    }
    return taken(out);
  }

  /** Opens records that arrive in pieces, until the input is used up or the peer has ended. */
  static Read open(TlsEngine engine, byte[] records, Random random) throws ChannelException {
    ByteBuffer in = ByteBuffer.allocateDirect(records.length);
    ByteBuffer dst = ByteBuffer.allocateDirect(records.length + TlsEngine.RECORD_BYTES);
    int given = 0;
    while (true) {
      int piece = Math.min(records.length - given, 1 + random.nextInt(20_000));
      in.put(records, given, piece).flip();
      given += piece;
      Opened opened = engine.open(in, dst);
      in.compact();
      if (opened == Opened.ENDED || given == records.length) {
        return new Read(opened, taken(dst), in.position());
      }
    }
  }

  /** What became of records. */
  static final class Read {
    private final Opened opened;
    private final byte[] plain;
    private final int left;

    Read(Opened opened, byte[] plain, int left) {
      this.opened = opened;
      this.plain = plain;
      this.left = left;
    }

    Opened opened() {
      return opened;
    }

    byte[] plain() {
      return plain;
    }

    /** Bytes of the input that were not taken. */
    int left() {
      return left;
    }
  }

  static byte[] parting(TlsEngine engine) {
    ByteBuffer out = ByteBuffer.allocateDirect(ROOM);
    engine.parting(out);
    return taken(out);
  }

  /** The records that {@code bytes} are made of. */
  static List<byte[]> records(byte[] bytes) {
    List<byte[]> records = new ArrayList<>();
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      byte[] record = new byte[5 + Short.toUnsignedInt(buffer.getShort(buffer.position() + 3))];
      buffer.get(record);
      records.add(record);
    }
    return records;
  }

  static byte[] join(List<byte[]> parts) {
    ByteBuffer all = ByteBuffer.allocate(parts.stream().mapToInt(part -> part.length).sum());
    parts.forEach(all::put);
    return all.array();
  }

  static ByteBuffer direct(byte[] bytes) {
    return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
  }

  static byte[] taken(ByteBuffer filled) {
    byte[] bytes = new byte[filled.flip().remaining()];
    filled.get(bytes);
    return bytes;
  }

  @Override
  public void close() {
    client.close();
    server.close();
  }

  /** One side of a handshake. */
  private static final class Side {
    private final TlsEngine engine;
    private final ByteBuffer in = ByteBuffer.allocateDirect(1 << 18);
    private final ByteBuffer out = ByteBuffer.allocateDirect(ROOM);
    private final List<ChannelException> failures = new ArrayList<>();
    private boolean first = true;
    private boolean done;
    private int pending;

    Side(TlsEngine engine) {
      this.engine = engine;
    }

    boolean over() {
      return (done || !failures.isEmpty()) && out.position() == 0;
    }

    /** Takes what came, and gives some of what is to be sent. */
    boolean step(Side other, Random random) {
      boolean moved = false;
      if (!failures.isEmpty()) {
        in.clear();
      } else if (!done && (first || in.position() > pending)) {
        moved = true;
        first = false;
        in.flip();
        try {
          done = engine.handshake(in, out) == Handshake.DONE;
        } catch (ChannelException e) {
          failures.add(e);
          engine.parting(out);
        }
        in.compact();
        pending = in.position();
      } else if (done && in.position() > pending) {
        moved = true;
        in.flip();
        try {
          engine.open(in, ByteBuffer.allocateDirect(TlsEngine.RECORD_BYTES));
        } catch (ChannelException e) {
          failures.add(e);
        }
        in.compact();
        pending = in.position();
      }
      if (out.position() > 0) {
        moved = true;
        out.flip();
        int piece = Math.min(out.remaining(), 1 + random.nextInt(300));
        other.in.put(out.slice(out.position(), piece));
        out.position(out.position() + piece);
        out.compact();
      }
      return moved;
    }

    @Override
    public String toString() {
      return (done ? "done" : "not done") + failures;
    }
  }
}
