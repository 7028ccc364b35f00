package dev.godwit.transport.file;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.PositionedChannel;
import dev.godwit.transport.kernel.Descriptor;
import dev.godwit.transport.kernel.DescriptorChannel;
import dev.godwit.transport.kernel.Errno;
import dev.godwit.transport.kernel.Libc;
import dev.godwit.transport.support.ForwardingChannel;

/** A file's channel together with the place in the file. */
final class PositionedFile extends ForwardingChannel implements PositionedChannel {
  private final Descriptor file;

  PositionedFile(DescriptorChannel channel, Descriptor file) {
    super(channel);
    this.file = file;
  }

  @Override
  public long position() throws ChannelException {
    return seek(0, Libc.SEEK_CUR);
  }

  @Override
  public void position(long position) throws ChannelException {
    if (position < 0) {
      throw new IndexOutOfBoundsException("A file has no position " + position);
    }
    seek(position, Libc.SEEK_SET);
  }

  private long seek(long offset, int whence) throws ChannelException {
    // Says why if the channel has ended.
    inner().flush();
    if (!file.enterToRead()) {
      throw new ChannelException.Aborted("Channel " + info().remote() + " is closed", null);
    }
    try {
      long result = Libc.lseek(file.number(), offset, whence);
      if (result < 0) {
        throw Errno.failure(info().remote() + " cannot be positioned", "lseek", (int) -result);
      }
      return result;
    } finally {
      file.leaveFromRead();
    }
  }
}
