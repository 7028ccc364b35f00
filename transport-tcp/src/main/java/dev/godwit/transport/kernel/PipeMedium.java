package dev.godwit.transport.kernel;

import dev.godwit.transport.ChannelException;

/** One end of a pipe. */
public final class PipeMedium implements Medium {
  private final Descriptor pipe;
  private final String name;

  /**
   * @param name of the channel in messages
   */
  public PipeMedium(Descriptor pipe, String name) {
    this.pipe = pipe;
    this.name = name;
  }

  @Override
  public ChannelException failure(boolean reading, int errno) {
    return errno == Errno.EPIPE
        ? new ChannelException.Lost("Nobody reads from " + name + " any more")
        : Errno.failure(
            (reading ? "Reading from " : "Writing to ") + name + " failed",
            reading ? "read" : "write",
            errno);
  }

  @Override
  public void endOutput() {
    pipe.close(Descriptor.Manner.IN_ORDER);
  }

  @Override
  public void abort() {
    pipe.close(Descriptor.Manner.ABRUPTLY);
  }

  @Override
  public void close(boolean broken, boolean wrote) {
    pipe.close(Descriptor.Manner.IN_ORDER);
  }
}
