package dev.godwit.channel.image;

import dev.godwit.channel.image.GuestImage.DeviceState;
import dev.godwit.channel.ram.RamSectionReader;
import dev.godwit.channel.ram.RamTable;
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

/**
 * Reads a whole migration as a destination that keeps the guest and does not run it. It answers on
 * the return path, if the source opens it, all but the last word: whether the guest is kept says
 * {@link #confirm}, after whoever keeps it has done so.
 */
public final class GuestImageReader {
  /** What all devices together may have; a bare machine has 15 KiB, one with VFIO some 100 MiB. */
  private static final long MAX_DEVICE_BYTES = 512L << 20;

  private final StreamInput in;
  private final StreamReader reader;
  private final RamSectionReader ram;
  private final Optional<StreamOutput> answers;
  private final List<DeviceState> devices = new ArrayList<>();
  private Optional<Configuration> configuration = Optional.empty();
  private Optional<Section> ramSection = Optional.empty();
  private Optional<VmDescription> description = Optional.empty();
  private long deviceBytes;
  private boolean returnPath;
  private boolean ended;

  /**
   * @param in the main channel, of which nothing has been read; it stays the caller's
   * @param ram reads the sections of memory from {@code in}; it stays the caller's
   * @param answers to the source, where there is a way back
   */
  public GuestImageReader(StreamInput in, RamSectionReader ram, Optional<StreamOutput> answers) {
    this.in = in;
    this.reader = StreamReader.of(in);
    this.ram = ram;
    this.answers = answers;
  }

  /**
   * Reads to the stream's end.
   *
   * @throws StreamException if it is damaged, ends too early, or is no precopy migration of a whole
   *     guest; what has been read is worth nothing then
   */
  public GuestImage read(dev.godwit.channel.ram.RamImage memory)
      throws ChannelException, StreamException {
    for (Optional<StreamItem> next = reader.next(); next.isPresent(); next = reader.next()) {
      accept(next.get());
    }
    if (!ended || ramSection.isEmpty() || ram.table().isEmpty()) {
      throw in.malformed(in.offset(), "The stream has no memory, or does not end");
    }
    if (description.isPresent()) {
      reader.verify(description.get().parse());
    }
    RamTable table = ram.table().get();
    return new GuestImage(
        configuration,
        ramSection.get(),
        table,
        memory.blocks().orElseThrow(),
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
      ramSection = Optional.of(section);
      reader.body((same, ignored) -> ram.readSection());
    } else if (header.kind() == SectionHeader.Kind.FULL) {
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
      devices.add(new DeviceState(section, bytes.toByteArray()));
    } else {
      throw in.unsupported(
          reader.itemOffset(), section + " moves something besides memory, which no image keeps");
    }
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

  /** Tells the source, if it asked, that the guest is kept; from then on it is not the source's. */
  public void confirm() throws ChannelException {
    if (returnPath) {
      answer(new ReturnPathMessage.Shut(0));
    }
  }
}
