package dev.godwit.channel.image;

import dev.godwit.channel.image.GuestImage.DeviceState;
import dev.godwit.channel.ram.RamSectionReader;
import dev.godwit.channel.returnpath.ReturnPathMessage;
import dev.godwit.channel.stream.Command;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.EndOfSections;
import dev.godwit.channel.stream.FileHeader;
import dev.godwit.channel.stream.Section;
import dev.godwit.channel.stream.SectionHeader;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamItem;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.channel.stream.StreamReader;
import dev.godwit.channel.stream.VmDescription;
import dev.godwit.transport.ChannelException;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Reads the main channel of a whole migration as a destination that keeps the guest and does not
 * run it. It answers on the return path, if the source opens it, all but the last word: whether the
 * guest is kept says {@link #confirm}, after whoever keeps it has done so.
 */
final class GuestImageReader implements AutoCloseable {
  /** What all devices together may have; a bare machine has 15 KiB, one with VFIO some 100 MiB. */
  private static final long MAX_DEVICE_BYTES = 512L << 20;

  /** Makes room for a guest. */
  @FunctionalInterface
  interface Room {
    /** Called once, where the machine is known and its memory is next. */
    RamSectionReader open(Optional<Configuration> configuration)
        throws ChannelException, StreamException;
  }

  private final StreamInput in;
  private final StreamReader reader;
  private final Room room;
  private final Optional<StreamOutput> answers;
  private final List<DeviceState> devices = new ArrayList<>();
  private @Nullable RamSectionReader ram;
  private Optional<Configuration> configuration = Optional.empty();
  private Optional<Section> ramSection = Optional.empty();
  private Optional<VmDescription> description = Optional.empty();
  private long deviceBytes;
  private boolean returnPath;
  private boolean ended;

  /**
   * @param in the main channel, of which nothing has been read; it stays the caller's
   * @param room reads the sections of memory from {@code in}; what it opens is closed here
   * @param answers to the source, where there is a way back; stays the caller's
   */
  GuestImageReader(StreamInput in, Room room, Optional<StreamOutput> answers) {
    this.in = in;
    this.reader = StreamReader.of(in);
    this.room = room;
    this.answers = answers;
  }

  /**
   * Reads to the stream's end. What other channels brought, and the guest's UUID, the caller knows.
   *
   * @throws StreamException if it is damaged, ends too early, or is no precopy migration of a whole
   *     guest; what has been read is worth nothing then
   */
  GuestImage read() throws ChannelException, StreamException {
    for (Optional<StreamItem> next = reader.next(); next.isPresent(); next = reader.next()) {
      accept(next.get());
    }
    if (!ended || ramSection.isEmpty() || ram == null || ram.blocks().isEmpty()) {
      throw in.malformed(in.offset(), "The stream has no memory, or does not end");
    }
    if (description.isPresent()) {
      reader.verify(description.get().parse());
    }
    return new GuestImage(
        configuration,
        configuration.flatMap(Configuration::uuid),
        ramSection.get(),
        ram.blocks().get(),
        devices,
        description);
  }

  private void accept(StreamItem item) throws ChannelException, StreamException {
    switch (item) {
      case FileHeader ignored -> {}
      case Configuration read -> configuration = Optional.of(read);
      case SectionHeader header -> section(header);
      case Command command -> command(command);
      case EndOfSections ignored -> ended = true;
      case VmDescription read -> description = Optional.of(read);
    }
  }

  private void section(SectionHeader header) throws ChannelException, StreamException {
    Section section = header.section();
    if (section.isRam()) {
      if (ram == null) {
        ram = room.open(configuration);
        ramSection = Optional.of(section);
      }
      RamSectionReader memory = ram;
      reader.body((same, ignored) -> memory.readSection());
    } else if (header.kind() == SectionHeader.Kind.FULL) {
      devices.add(new DeviceState(section, deviceState()));
    } else {
      throw in.unsupported(
          reader.itemOffset(), section + " moves something besides memory, which no image keeps");
    }
  }

  private byte[] deviceState() throws ChannelException, StreamException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    long start = in.offset();
    reader.bodyUntilFooter(
        piece -> {
          deviceBytes += piece.remaining();
          if (deviceBytes > MAX_DEVICE_BYTES) {
            throw in.unsupported(
                start, "The devices have more than " + MAX_DEVICE_BYTES + " bytes of state");
          }
          byte[] part = new byte[piece.remaining()];
          piece.get(part);
          bytes.writeBytes(part);
        });
    return bytes.toByteArray();
  }

  private void command(Command command) throws ChannelException, StreamException {
    switch (command) {
      case Command.OpenReturnPath ignored -> returnPath = true;
      case Command.Ping ping -> answer(new ReturnPathMessage.Pong(ping.value()));
      case Command.SwitchoverStart ignored -> {}
      case Command.PostcopyAdvise advise ->
          throw in.unsupported(
              reader.itemOffset(),
              advise.pageSizes().isPresent()
                  ? "The source has postcopy-ram on, and an image cannot ask it for pages;"
                      + " turn it off"
                  : "The source has dirty-bitmaps on, and an image keeps none; turn it off");
      default ->
          throw in.unsupported(
              reader.itemOffset(), "An image takes no " + command.getClass().getSimpleName());
    }
  }

  private void answer(ReturnPathMessage message) throws ChannelException {
    if (answers.isPresent()) {
      message.write(answers.get());
      answers.get().flush();
    }
  }

  /** Whether the source hears what {@link #confirm} and {@link #refuse} say. */
  boolean isHeard() {
    return returnPath && answers.isPresent();
  }

  /** Tells the source, if it asked, that the guest is kept; from then on it is not the source's. */
  void confirm() throws ChannelException {
    if (returnPath) {
      answer(new ReturnPathMessage.Shut(0));
    }
  }

  /** Tells the source, if it asked, that the guest is not kept and stays with it. */
  void refuse() throws ChannelException {
    if (returnPath) {
      answer(new ReturnPathMessage.Shut(1));
    }
  }

  @Override
  public void close() {
    if (ram != null) {
      ram.close();
    }
  }
}
