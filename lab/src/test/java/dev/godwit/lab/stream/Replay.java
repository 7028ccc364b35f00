package dev.godwit.lab.stream;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Transports;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * A captured migration that happens again: each of its connections is made, in the order in which
 * QEMU made them, and brings what QEMU wrote, at whatever pace it is read. Answers are not waited
 * for. Closing ends it.
 */
final class Replay implements AutoCloseable {
  private static final int PIECE_BYTES = 64 * 1024;
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private final Dialer dialer;
  private final List<Channel> channels = new ArrayList<>();
  private final List<Thread> threads = new ArrayList<>();

  Replay(Transports transports, Capture capture, Endpoint to) throws ChannelException {
    dialer = transports.dialer(to);
    for (Capture.Connection connection : capture.connections()) {
      Channel channel = dialer.dial(Deadline.after(PATIENCE));
      channels.add(channel);
      threads.add(Thread.ofPlatform().start(() -> bring(connection, channel)));
    }
  }

  /** What goes wrong here the receiver sees, and says better. */
  private static void bring(Capture.Connection connection, Channel channel) {
    try (FileChannel file = FileChannel.open(connection.forward())) {
      ByteBuffer piece = ByteBuffer.allocateDirect(PIECE_BYTES);
      while (file.read(piece) >= 0) {
        channel.write(piece.flip());
        piece.clear();
      }
      channel.shutdownOutput();
    } catch (IOException e) {
      channel.abort(e);
    }
  }

  @Override
  public void close() throws ChannelException, InterruptedException {
    for (Channel channel : channels) {
      channel.abort(new IllegalStateException("The test is over"));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    for (Channel channel : channels) {
      channel.close();
    }
    dialer.close();
  }
}
