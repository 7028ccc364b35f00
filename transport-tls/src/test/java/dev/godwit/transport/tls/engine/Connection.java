package dev.godwit.transport.tls.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Two engines and the wire between them, in memory. */
final class Connection implements AutoCloseable {
  private static final int WIRE_BYTES = 256 * 1024;

  /** More round trips than any handshake has. */
  private static final int TURNS = 100;

  final TlsEngine client;
  final TlsEngine server;

  /** What is under way, ready to be read. */
  final ByteBuffer toServer;

  final ByteBuffer toClient;

  Connection(TlsEngine client, TlsEngine server) {
    this(client, server, empty(WIRE_BYTES), empty(WIRE_BYTES));
  }

  /** Over memory that is used again. */
  Connection(TlsEngine client, TlsEngine server, ByteBuffer toServer, ByteBuffer toClient) {
    this.client = client;
    this.server = server;
    this.toServer = toServer;
    this.toClient = toClient;
  }

  /** A direct buffer from which nothing can be read yet. */
  static ByteBuffer empty(int bytes) {
    return ByteBuffer.allocateDirect(bytes).limit(0);
  }

  /** Shakes hands. */
  Connection shaken() throws ChannelException {
    boolean clientDone = false;
    boolean serverDone = false;
    for (int turn = 0; turn < TURNS && !(clientDone && serverDone); turn++) {
      if (!clientDone) {
        clientDone = step(client, toClient, toServer);
      }
      if (!serverDone) {
        serverDone = step(server, toServer, toClient);
      }
    }
    assertThat(clientDone && serverDone).as("the handshake ends").isTrue();
    return this;
  }

  /** One side's turn; true once it is done. */
  static boolean step(TlsEngine engine, ByteBuffer in, ByteBuffer wire) throws ChannelException {
    TlsEngine.Handshake state;
    do {
      wire.compact();
      try {
        state = engine.handshake(in, wire);
      } finally {
        wire.flip();
      }
      assertThat(state == TlsEngine.Handshake.NEEDS_ROOM && wire.remaining() == wire.capacity())
          .isFalse();
    } while (state == TlsEngine.Handshake.NEEDS_ROOM);
    return state == TlsEngine.Handshake.DONE;
  }

  /** Adds the last record of {@code engine} to {@code wire}. */
  static void part(TlsEngine engine, ByteBuffer wire) {
    wire.compact();
    engine.parting(wire);
    wire.flip();
  }

  /** Seals all of {@code plain}; the wire must have room. */
  static void seal(TlsEngine engine, byte[] plain, ByteBuffer wire) throws ChannelException {
    ByteBuffer src = ByteBuffer.allocateDirect(plain.length).put(plain).flip();
    wire.compact();
    engine.seal(src, wire);
    wire.flip();
    assertThat(src.hasRemaining()).isFalse();
  }

  /** Opens what is on the wire. */
  static byte[] open(TlsEngine engine, ByteBuffer wire) throws ChannelException {
    ByteBuffer dst = ByteBuffer.allocateDirect(WIRE_BYTES);
    assertThat(engine.open(wire, dst)).isEqualTo(TlsEngine.Opened.NEEDS_INPUT);
    byte[] plain = new byte[dst.flip().remaining()];
    dst.get(plain);
    return plain;
  }

  /** The lengths of the records on the wire, with their headers. */
  static List<Integer> records(ByteBuffer wire) {
    List<Integer> lengths = new ArrayList<>();
    for (int at = wire.position(); at < wire.limit(); at += lengths.getLast()) {
      lengths.add(5 + (wire.getShort(at + 3) & 0xffff));
    }
    return lengths;
  }

  static byte[] bytes(Random random, int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }

  @Override
  public void close() {
    client.close();
    server.close();
  }
}
