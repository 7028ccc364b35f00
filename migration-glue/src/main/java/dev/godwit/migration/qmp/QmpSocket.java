package dev.godwit.migration.qmp;

import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Connects to a monitor's socket, says why it could not, and finds out whether one still listens.
 */
final class QmpSocket {
  /** How long a lost monitor's socket is looked at to tell a dead QEMU from a closed connection. */
  private static final Duration PROBE = Duration.ofSeconds(1);

  private QmpSocket() {}

  static SocketChannel connect(Path path, Deadline deadline) throws QmpException {
    long start = System.nanoTime();
    SocketChannel channel;
    try {
      channel = SocketChannel.open(StandardProtocolFamily.UNIX);
    } catch (IOException e) {
      throw new QmpException.Unreachable("No unix socket can be made: " + e.getMessage(), e);
    }
    boolean connected = false;
    try {
      await(connecting(channel, path), deadline);
      connected = true;
      return channel;
    } catch (IOException e) {
      throw unreachable(path, e);
    } catch (TimeoutException e) {
      throw new QmpException.Busy(
          "QEMU's monitor at %s has taken no connection for %s; another client probably holds it, since a monitor serves one at a time"
              .formatted(path, QmpFailures.since(start)));
    } catch (InterruptedException e) {
      throw QmpFailures.interrupted("Interrupted while connecting to " + path, e);
    } finally {
      if (!connected) {
        closeQuietly(channel);
      }
    }
  }

  /**
   * Runs the connect on a platform thread. With a full backlog, as behind a monitor that serves
   * somebody else, a unix connect blocks; the JDK's non-blocking form, which a virtual thread would
   * use, takes the kernel's EAGAIN for a connection under way and reports success.
   */
  private static CompletableFuture<Boolean> connecting(SocketChannel channel, Path path) {
    CompletableFuture<Boolean> done = new CompletableFuture<>();
    Thread.ofPlatform()
        .daemon()
        .name("qmp-connect")
        .start(
            () -> {
              try {
                done.complete(channel.connect(UnixDomainSocketAddress.of(path)));
              } catch (IOException | RuntimeException e) {
                done.completeExceptionally(e);
              }
            });
    return done;
  }

  private static void await(CompletableFuture<Boolean> done, Deadline deadline)
      throws IOException, TimeoutException, InterruptedException {
    try {
      done.get(deadline.remainingNanos(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof IOException io ? io : new IOException(e.getCause());
    }
  }

  static QmpException.Unreachable unreachable(Path path, IOException cause) {
    String message = String.valueOf(cause.getMessage());
    if (message.contains("too long")) {
      return new QmpException.Unreachable(
          "The path of the QMP socket %s is longer than the 107 bytes a unix socket's may have"
              .formatted(path),
          cause);
    }
    try {
      Object mode = Files.getAttribute(path, "unix:mode");
      boolean socket = mode instanceof Integer bits && (bits & 0170000) == 0140000;
      if (!socket) {
        return new QmpException.Unreachable("%s is no unix socket".formatted(path), cause);
      }
    } catch (NoSuchFileException e) {
      return new QmpException.Unreachable("There is no QMP socket at " + path, cause);
    } catch (AccessDeniedException e) {
      return denied(path, cause);
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
    if (message.contains("Permission denied")) {
      return denied(path, cause);
    }
    if (cause instanceof ConnectException) {
      return new QmpException.Unreachable(
          "Nobody listens on the QMP socket %s; its QEMU has probably ended".formatted(path),
          cause);
    }
    return new QmpException.Unreachable(
        "The QMP socket %s cannot be connected to: %s".formatted(path, message), cause);
  }

  private static QmpException.Unreachable denied(Path path, IOException cause) {
    return new QmpException.Unreachable(
        "This user may not connect to the QMP socket %s: permission denied".formatted(path), cause);
  }

  /**
   * Whether anybody still listens at {@code path}. A QEMU that is ending closes its listener some
   * time after its connections, so one that connects but does not greet counts as gone if it hangs
   * up, and as there if it is merely silent.
   */
  static boolean stillListens(Path path) {
    Deadline deadline = Deadline.after(PROBE);
    try (SocketChannel channel = connect(path, deadline)) {
      CompletableFuture<Integer> first = new CompletableFuture<>();
      Thread.ofVirtual()
          .name("qmp-probe")
          .start(
              () -> {
                try {
                  first.complete(channel.read(ByteBuffer.allocate(1)));
                } catch (IOException e) {
                  first.complete(-1);
                }
              });
      return first.get(deadline.remainingNanos(), TimeUnit.NANOSECONDS) == 1;
    } catch (QmpException.Unreachable e) {
      return false;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return true;
    } catch (IOException | TimeoutException | ExecutionException e) {
      return true;
    }
  }

  static void closeQuietly(SocketChannel channel) {
    try {
      channel.close();
    } catch (IOException e) {
      // The descriptor is gone either way.
    }
  }
}
