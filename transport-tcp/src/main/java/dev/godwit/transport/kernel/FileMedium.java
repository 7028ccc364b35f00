package dev.godwit.transport.kernel;

import dev.godwit.transport.ChannelException;

/** An open file. Its output has ended in order only once the disk has it. */
public final class FileMedium implements Medium {
  private final Descriptor file;
  private final String name;
  private final boolean output;
  private final Runnable whenBroken;

  /**
   * @param name of the file in messages
   * @param output whether it is written
   * @param whenBroken what to do, before it is closed, with a file that was not written to its end
   */
  public FileMedium(Descriptor file, String name, boolean output, Runnable whenBroken) {
    this.file = file;
    this.name = name;
    this.output = output;
    this.whenBroken = whenBroken;
  }

  @Override
  public ChannelException failure(boolean reading, int errno) {
    return failure(reading ? "read" : "write", errno);
  }

  private ChannelException failure(String call, int errno) {
    return switch (errno) {
      case Errno.ENOSPC -> Errno.failure("There is no room left for " + name, call, errno);
      case Errno.EDQUOT -> Errno.failure("The quota has no room left for " + name, call, errno);
      case Errno.EFBIG ->
          Errno.failure("This process may not make " + name + " so large", call, errno);
      default ->
          Errno.failure(
              (call.equals("read") ? "Reading " : "Writing ") + name + " failed", call, errno);
    };
  }

  @Override
  public void endOutput() throws ChannelException {
    int result = sync();
    if (result < 0) {
      throw failure("fsync", -result);
    }
  }

  private int sync() {
    if (!output || !file.enterToRead()) {
      return 0;
    }
    try {
      int result = Libc.fsync(file.number());
      // What has no disk beneath it, such as /dev/null, says so.
      return result == -Errno.EINVAL || result == -Errno.EROFS ? 0 : result;
    } finally {
      file.leaveFromRead();
    }
  }

  /** A call to a disk ends by itself, and what is to become of the file is for close. */
  @Override
  public void abort() {}

  @Override
  public void close(boolean broken, boolean wrote) throws ChannelException {
    int result = broken ? 0 : sync();
    if (broken || result < 0) {
      whenBroken.run();
    }
    file.close(Descriptor.Manner.IN_ORDER);
    if (result < 0) {
      throw failure("fsync", -result);
    }
  }
}
