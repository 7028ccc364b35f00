package dev.godwit.transport.tls.engine;

import dev.godwit.transport.testkit.Await;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;

/** An engine on a socket, as simple as can be. Each wait ends. */
final class Wire implements AutoCloseable {
  private static final int BUFFER_BYTES = 256 * 1024;

  final TlsEngine engine;
  private final SocketChannel socket;
  private final ReadableByteChannel input;
  private final ByteBuffer in = Connection.empty(BUFFER_BYTES);
  private final ByteBuffer out = ByteBuffer.allocateDirect(BUFFER_BYTES);
  private final ByteBuffer plain = ByteBuffer.allocateDirect(BUFFER_BYTES);

  private Wire(TlsEngine engine, SocketChannel socket) throws IOException {
    this.engine = engine;
    this.socket = socket;
    socket.socket().setSoTimeout((int) Await.LIMIT.toMillis());
    input = Channels.newChannel(socket.socket().getInputStream());
  }

  /** A listener on this host that waits no longer than a test may. */
  static ServerSocketChannel listener() throws IOException {
    ServerSocketChannel listener = ServerSocketChannel.open();
    listener.socket().setSoTimeout((int) Await.LIMIT.toMillis());
    return listener.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
  }

  static int port(ServerSocketChannel listener) throws IOException {
    return ((InetSocketAddress) listener.getLocalAddress()).getPort();
  }

  /** Takes {@code dialling}, which dials. */
  static Wire accept(ServerSocketChannel listener, Foreigner dialling, TlsEngine engine)
      throws IOException {
    try {
      return new Wire(engine, listener.socket().accept().getChannel());
    } catch (SocketTimeoutException e) {
      throw new AssertionError("Nobody dials: " + dialling.said(), e);
    }
  }

  static Wire dial(int port, TlsEngine engine) throws IOException {
    return new Wire(
        engine, SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port)));
  }

  Wire shaken() throws IOException {
    while (true) {
      TlsEngine.Handshake state;
      try {
        state = engine.handshake(in, out);
      } catch (IOException e) {
        engine.parting(out);
        send();
        throw e;
      }
      send();
      if (state == TlsEngine.Handshake.DONE) {
        return this;
      }
      if (state == TlsEngine.Handshake.NEEDS_INPUT && receive() < 0) {
        throw new IOException("The peer has gone");
      }
    }
  }

  void write(byte[] bytes) throws IOException {
    ByteBuffer src = ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
    while (src.hasRemaining()) {
      engine.seal(src, out);
      send();
    }
  }

  void write(String text) throws IOException {
    write(text.getBytes(StandardCharsets.US_ASCII));
  }

  /** As many bytes, or fewer if the peer ended. */
  byte[] read(int count) throws IOException {
    ByteBuffer read = ByteBuffer.allocate(count);
    while (true) {
      plain.flip();
      plain.limit(Math.min(plain.limit(), plain.position() + read.remaining()));
      read.put(plain);
      plain.limit(plain.capacity());
      plain.clear();
      if (!read.hasRemaining()) {
        return read.array();
      }
      TlsEngine.Opened opened = engine.open(in, plain);
      if (plain.position() == 0
          && (opened == TlsEngine.Opened.ENDED
              || (opened == TlsEngine.Opened.NEEDS_INPUT && receive() < 0))) {
        return java.util.Arrays.copyOf(read.array(), read.position());
      }
    }
  }

  String readText(int count) throws IOException {
    return new String(read(count), StandardCharsets.US_ASCII);
  }

  /** Says good-bye. */
  void part() throws IOException {
    engine.parting(out);
    send();
  }

  private void send() throws IOException {
    out.flip();
    while (out.hasRemaining()) {
      socket.write(out);
    }
    out.clear();
  }

  private int receive() throws IOException {
    in.compact();
    try {
      return input.read(in);
    } catch (SocketTimeoutException e) {
      throw new AssertionError("The peer is silent", e);
    } finally {
      in.flip();
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
    engine.close();
  }
}
