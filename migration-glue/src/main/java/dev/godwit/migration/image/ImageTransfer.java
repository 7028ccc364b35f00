package dev.godwit.migration.image;

import dev.godwit.channel.image.ChannelAccount;
import dev.godwit.channel.image.GuestImage;
import dev.godwit.channel.image.ImageLayout;
import dev.godwit.channel.image.ImageReceiver;
import dev.godwit.channel.image.ImageSender;
import dev.godwit.channel.image.LaneOpener;
import dev.godwit.channel.multifd.MultifdException;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.migration.image.ImageReport.Outcome;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One guest from a source into a file, or from a file to a destination: received whole, then sent
 * whole, by the same code. Used once; {@link #cancel} and {@link #bytes} are for any thread.
 */
public final class ImageTransfer {
  private static final String SOURCE_SIDE = "Source side: ";
  private static final String DESTINATION_SIDE = "Destination side: ";

  private static final Duration CONNECT = Duration.ofSeconds(10);

  /**
   * What both directions are told.
   *
   * @param maxRamBytes of a guest; it is in memory between the two ends
   * @param multifd of the end that is no file
   * @param returnPath whether a destination is asked to say that it has the guest
   * @param directIo whether a file's pages go past the page cache, where they have places in it
   */
  public record Limits(
      long maxRamBytes, Optional<MultifdSettings> multifd, boolean returnPath, boolean directIo) {}

  private final Transports transports;
  private final Limits limits;
  private final List<String> notes = new ArrayList<>();
  private volatile @Nullable ImageReceiver receiver;
  private volatile @Nullable ImageSender sender;
  private volatile boolean cancelled;
  private Optional<GuestImage> image = Optional.empty();
  private Map<String, ChannelAccount> received = Map.of();
  private Map<String, ChannelAccount> sent = Map.of();

  public ImageTransfer(Transports transports, Limits limits) {
    this.transports = transports;
    this.limits = limits;
  }

  /**
   * Waits at {@code from} for a source and saves its guest to {@code to}, which is replaced once
   * the image is whole. The source hears that the guest is kept when the disk has it.
   *
   * @param waiting told where it listens
   * @throws ChannelException if it cannot listen there; nothing was done
   */
  public ImageReport save(Endpoint from, Path to, ImageLayout layout, Consumer<Endpoint> waiting)
      throws ChannelException {
    ImageFile file = new ImageFile(transports, to, limits.directIo());
    ImageReceiver.Options options =
        new ImageReceiver.Options(limits.maxRamBytes(), limits.multifd(), LaneOpener.none());
    try (Listener listener = transports.listen(from);
        ImageReceiver source = new ImageReceiver(listener, options)) {
      receiver = source;
      stopIfCancelled();
      waiting.accept(listener.local());
      boolean whole = false;
      String side = SOURCE_SIDE;
      try {
        GuestImage guest = source.receive();
        image = Optional.of(guest);
        side = "Image: ";
        write(guest, file, layout);
        file.keep();
        whole = true;
        source.confirm();
        if (!source.hasWayBack() && isAnswering(from)) {
          notes.add(
              "The source's connection goes one way: it said completed before the image was whole,"
                  + " and would not have heard of a failure");
        }
        return report(Outcome.COMPLETED, "The guest was saved to " + to, Optional.empty());
      } catch (IOException e) {
        if (whole) {
          return report(
              Outcome.UNKNOWN,
              "The guest was saved to "
                  + to
                  + ", but the source may not have heard so ("
                  + sentence(e)
                  + "); look whether it runs there before restoring it",
              Optional.of(e));
        }
        notes.addAll(file.discard());
        source.refuse();
        return failed(side, e, whereAfterSave(source));
      } finally {
        received = source.channels();
      }
    }
  }

  /** Whether sources usually hear something there. */
  private boolean isAnswering(Endpoint from) {
    return transports.of(from.scheme()).capabilities().bidirectional();
  }

  private void write(GuestImage guest, ImageFile file, ImageLayout layout) throws IOException {
    ImageSender.Options options =
        new ImageSender.Options(
            layout, Optional.empty(), Optional.empty(), true, CONNECT, file.writers());
    try (Dialer dialer = transports.dialer(file.toWrite());
        ImageSender target = new ImageSender(dialer, options)) {
      sender = target;
      stopIfCancelled();
      try {
        target.send(guest);
      } finally {
        sent = target.channels();
      }
    }
  }

  private String whereAfterSave(ImageReceiver source) {
    if (source.channels().isEmpty()) {
      return "";
    }
    return source.isHeard()
        ? "; the VM stays at the source"
        : "; the VM is at the source, which was not told: if it says completed, 'cont' on its"
            + " monitor runs the guest there";
  }

  /**
   * Reads {@code from} and sends its guest to {@code to}. The file is read whole before anybody is
   * connected to, and is left as it is.
   *
   * @param uuid of the guest, where the destination's QEMU has one and the image does not know it
   * @throws ChannelException if the file cannot be opened; nothing was done
   */
  public ImageReport restore(Path from, Endpoint to, Optional<UUID> uuid) throws ChannelException {
    ImageFile file = new ImageFile(transports, from, limits.directIo());
    ImageReceiver.Options options =
        new ImageReceiver.Options(limits.maxRamBytes(), Optional.empty(), file.readers());
    try (Listener listener = transports.listen(file.toRead());
        ImageReceiver source = new ImageReceiver(listener, options)) {
      receiver = source;
      stopIfCancelled();
      GuestImage guest;
      try {
        guest = source.receive();
        image = Optional.of(guest);
      } catch (IOException e) {
        return cancelled
            ? failed(SOURCE_SIDE, e, "")
            : report(Outcome.REFUSED, from + " cannot be restored: " + sentence(e), Optional.of(e));
      } finally {
        received = source.channels();
      }
      return restore(guest, from, to, uuid);
    }
  }

  private ImageReport restore(GuestImage guest, Path from, Endpoint to, Optional<UUID> uuid)
      throws ChannelException {
    ImageSender.Options options =
        new ImageSender.Options(
            ImageLayout.STREAM,
            limits.multifd(),
            uuid,
            limits.returnPath(),
            CONNECT,
            LaneOpener.none());
    try (Dialer dialer = transports.dialer(to);
        ImageSender target = new ImageSender(dialer, options)) {
      sender = target;
      stopIfCancelled();
      try {
        return switch (target.send(guest)) {
          case CONFIRMED ->
              report(
                  Outcome.COMPLETED,
                  "The guest of " + from + " was restored at " + to,
                  Optional.empty());
          case HANDED_OVER ->
              report(
                  Outcome.COMPLETED,
                  "All of "
                      + from
                      + " was handed over to "
                      + to
                      + ", which does not say whether the guest runs",
                  Optional.empty());
        };
      } catch (IOException e) {
        if (target.mayHaveArrived()) {
          return report(
              Outcome.UNKNOWN,
              "All of the guest was sent to "
                  + to
                  + ", which did not say that it has it ("
                  + sentence(e)
                  + "); look there before restoring it again",
              Optional.of(e));
        }
        return failed(DESTINATION_SIDE, e, "; " + from + " is as it was");
      } finally {
        sent = target.channels();
      }
    }
  }

  private ImageReport failed(String side, IOException e, String where) {
    return cancelled
        ? report(Outcome.CANCELLED, "The transfer was cancelled" + where, Optional.of(e))
        : report(Outcome.FAILED, side + sentence(e) + where, Optional.of(e));
  }

  /** What broke, with the channel and offset where there is one. */
  private static String sentence(Throwable e) {
    Throwable cause = e.getCause();
    if (e instanceof MultifdException && cause != null) {
      return cause instanceof StreamException
          ? String.valueOf(cause.getMessage())
          : e.getMessage() + ": " + cause.getMessage();
    }
    return String.valueOf(e.getMessage());
  }

  private ImageReport report(Outcome outcome, String sentence, Optional<Throwable> failure) {
    ImageReceiver source = receiver;
    if (source != null) {
      received = source.channels();
      if (outcome == Outcome.COMPLETED && source.hasWayBack() && !source.isHeard()) {
        notes.add(
            "The source has return-path off: it said completed before the image was whole, and would"
                + " not have heard of a failure");
      }
    }
    ImageSender target = sender;
    if (target != null) {
      sent = target.channels();
    }
    return new ImageReport(
        outcome,
        sentence,
        failure,
        source == null ? Duration.ZERO : source.elapsed(),
        image.flatMap(GuestImage::machine),
        image.map(guest -> guest.blocks().totalBytes()).orElse(0L),
        received,
        sent,
        List.copyOf(notes));
  }

  /** Bytes that have crossed so far: into memory, and out of it. */
  public long bytes() {
    ImageReceiver source = receiver;
    ImageSender target = sender;
    long sum = 0;
    if (source != null) {
      sum += source.channels().values().stream().mapToLong(ChannelAccount::receivedBytes).sum();
    }
    if (target != null) {
      sum += target.channels().values().stream().mapToLong(ChannelAccount::sentBytes).sum();
    }
    return sum;
  }

  /** Gives it up, and leaves the guest where it was; never blocks. */
  public void cancel() {
    cancelled = true;
    stopIfCancelled();
  }

  private void stopIfCancelled() {
    if (!cancelled) {
      return;
    }
    IllegalStateException cause = new IllegalStateException("Cancelled");
    ImageReceiver source = receiver;
    if (source != null) {
      source.abort(cause);
    }
    ImageSender target = sender;
    if (target != null) {
      target.abort(cause);
    }
  }
}
