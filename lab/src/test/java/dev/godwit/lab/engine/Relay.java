package dev.godwit.lab.engine;

import dev.godwit.transport.Endpoint;
import dev.godwit.transport.testkit.Await;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** Carries TCP connections on and counts every byte in both directions, knowing nothing of them. */
final class Relay implements AutoCloseable {
  private final ServerSocket server;
  private final int port;
  private final AtomicLong bytes = new AtomicLong();
  private final AtomicInteger open = new AtomicInteger();
  private final AtomicInteger connections = new AtomicInteger();
  private final List<Socket> sockets = new ArrayList<>();

  private Relay(ServerSocket server, int port) {
    this.server = server;
    this.port = port;
  }

  static Relay to(Endpoint target) throws IOException {
    String address = target.toString();
    int port = Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
    Relay relay = new Relay(new ServerSocket(0, 50, InetAddress.getLoopbackAddress()), port);
    Thread.ofPlatform().daemon().name("relay").start(relay::accept);
    return relay;
  }

  Endpoint address() {
    return Endpoint.parse("tcp:127.0.0.1:" + server.getLocalPort());
  }

  private void accept() {
    try {
      while (true) {
        Socket in = server.accept();
        Socket out = new Socket(InetAddress.getLoopbackAddress(), port);
        synchronized (sockets) {
          sockets.add(in);
          sockets.add(out);
        }
        connections.incrementAndGet();
        open.addAndGet(2);
        carry(in, out);
        carry(out, in);
      }
    } catch (IOException e) {
      // Closed.
    }
  }

  private void carry(Socket from, Socket to) {
    Thread.ofPlatform()
        .daemon()
        .name("relay")
        .start(
            () -> {
              try {
                InputStream in = from.getInputStream();
                OutputStream out = to.getOutputStream();
                byte[] buffer = new byte[64 * 1024];
                for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                  bytes.addAndGet(read);
                  out.write(buffer, 0, read);
                }
                to.shutdownOutput();
              } catch (IOException e) {
                // The ends say whether that matters.
              } finally {
                open.decrementAndGet();
              }
            });
  }

  /** Returns once the source's connections have ended, when it has closed them. */
  void awaitEnd() {
    long[] last = {-1};
    Await.until(
        "nothing moves any more",
        () -> {
          long now = bytes.get();
          boolean still = now == last[0];
          last[0] = now;
          return still;
        });
  }

  long bytes() {
    return bytes.get();
  }

  int connections() {
    return connections.get();
  }

  @Override
  public void close() throws IOException {
    server.close();
    synchronized (sockets) {
      for (Socket socket : sockets) {
        socket.close();
      }
    }
  }
}
