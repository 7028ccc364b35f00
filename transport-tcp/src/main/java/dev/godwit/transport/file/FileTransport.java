package dev.godwit.transport.file;

import dev.godwit.transport.Availability;
import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.ChannelInfo;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Peer;
import dev.godwit.transport.PeerIdentity;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Settings;
import dev.godwit.transport.Transport;
import dev.godwit.transport.kernel.Descriptor;
import dev.godwit.transport.kernel.DescriptorChannel;
import dev.godwit.transport.kernel.DescriptorDialer;
import dev.godwit.transport.kernel.FileMedium;
import dev.godwit.transport.kernel.Kernel;
import dev.godwit.transport.kernel.SingleListener;
import dev.godwit.transport.support.ChannelLifecycle;
import dev.godwit.transport.support.StreamRegions;
import java.util.Map;

/**
 * {@code file:/path,offset=N}. Dialling writes: the file is made with mode 0600 if there is none,
 * is cut off at the offset, and what stands before the offset is kept. Listening reads from the
 * offset to the end.
 *
 * <p>The output has ended in order once the disk has it. A file that dialling made is removed if
 * its channel is aborted or fails, so that half an image is never taken for one; a file that was
 * there before is left as it then is.
 */
public final class FileTransport implements Transport {
  static final Capabilities CAPABILITIES =
      new Capabilities(Placement.INLINE, Protection.LOCAL, false, false, true);

  static final String OFFSET = "offset";
  static final String TRUNCATE = "truncate";
  static final String DIRECT = "direct";
  private static final Map<String, String> SETTINGS =
      Map.of(
          OFFSET,
          "where to begin, in bytes, with QEMU's suffixes such as 64k or 0x1000 (default: 0)",
          TRUNCATE,
          "on or off: whether dialling cuts an existing file off at the offset (default: on); off"
              + " serves further writers of one file",
          DIRECT,
          "on or off: whether bytes go past the host's page cache, as with O_DIRECT, where their"
              + " place, memory and length are aligned (default: off)");

  @Override
  public String scheme() {
    return "file";
  }

  @Override
  public String description() {
    return "A file to save to or to restore from, as in file:/var/lib/vm.img,offset=1M";
  }

  @Override
  public Availability availability() {
    return Kernel.availability();
  }

  @Override
  public Capabilities capabilities() {
    return CAPABILITIES;
  }

  @Override
  public Map<String, String> settings() {
    return SETTINGS;
  }

  @Override
  public Dialer dialer(Endpoint target) throws ChannelException {
    check(target);
    DescriptorDialer.Attempt attempt =
        (peer, waker, deadline) -> write(OpenedFile.toWrite(target), target, peer);
    return new DescriptorDialer(target, attempt.once(target));
  }

  @Override
  public Listener listen(Endpoint address) throws ChannelException {
    check(address);
    OpenedFile file = OpenedFile.toRead(address);
    boolean done = false;
    try {
      Listener listener =
          new SingleListener(
              address,
              new SingleListener.Source() {
                @Override
                public Channel open() {
                  return read(file, address, new StreamRegions());
                }

                @Override
                public void discard() {
                  file.descriptor().close(Descriptor.Manner.IN_ORDER);
                }
              });
      done = true;
      return listener;
    } finally {
      if (!done) {
        file.descriptor().close(Descriptor.Manner.IN_ORDER);
      }
    }
  }

  private static Channel write(OpenedFile file, Endpoint target, Peer peer) {
    FileMedium medium =
        new FileMedium(file.descriptor(), target.address(), true, file::removeIfMade);
    return new PositionedFile(
        DescriptorChannel.writing(info(target, peer), file.descriptor(), medium),
        file.descriptor());
  }

  private static Channel read(OpenedFile file, Endpoint address, Peer peer) {
    FileMedium medium = new FileMedium(file.descriptor(), address.address(), false, () -> {});
    return new PositionedFile(
        DescriptorChannel.reading(info(address, peer), file.descriptor(), medium),
        file.descriptor());
  }

  private static ChannelInfo info(Endpoint endpoint, Peer peer) {
    Endpoint plain = endpoint.with(Settings.none());
    return new ChannelInfo(
        ChannelLifecycle.nextSerial(),
        plain,
        plain,
        new PeerIdentity.Unknown(),
        CAPABILITIES,
        peer);
  }

  private static void check(Endpoint endpoint) {
    endpoint.settings().requireKnown(endpoint.scheme(), SETTINGS.keySet());
    endpoint.settings().bytes(OFFSET, 0);
    endpoint.settings().flag(TRUNCATE, true);
    endpoint.settings().flag(DIRECT, false);
    if (endpoint.address().isEmpty()) {
      throw new EndpointException("'" + endpoint + "' has no path, write file:/path/of/image");
    }
  }
}
