package dev.godwit.channel.image;

import dev.godwit.channel.image.GuestImage.DeviceState;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.stream.Command;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.EndOfSections;
import dev.godwit.channel.stream.FileHeader;
import dev.godwit.channel.stream.SectionHeader;
import dev.godwit.channel.stream.SectionHeader.Kind;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.channel.stream.StreamWriter;
import dev.godwit.transport.ChannelException;
import java.io.IOException;
import java.util.Optional;

/**
 * Writes the main channel of the migration of a guest at rest: one pass over memory, and its end.
 */
final class GuestImageWriter {
  private final StreamWriter writer;
  private final GuestImage image;

  /**
   * @param out to a channel of which nothing has been written; it stays the caller's
   */
  GuestImageWriter(StreamOutput out, GuestImage image) {
    this.writer = StreamWriter.of(out);
    this.image = image;
  }

  /**
   * Says what machine it is, and hands that over: it is how the peer tells this channel from others
   * that may follow.
   */
  void begin(Optional<Configuration> configuration, boolean returnPath) throws ChannelException {
    writer.write(new FileHeader());
    if (configuration.isPresent()) {
      writer.write(configuration.get());
    }
    if (returnPath) {
      writer.write(new Command.OpenReturnPath());
      writer.write(new Command.Ping(1));
    }
    writer.flush();
  }

  /** Writes memory and devices and hands them over; the channel's output is for others to end. */
  void finish(MemoryOutput memory) throws IOException {
    writer.write(new SectionHeader(Kind.START, image.ramSection()));
    memory.begin(RamTable.of(image.blocks()));
    writer.endSection();
    writer.write(new SectionHeader(Kind.PART, image.ramSection()));
    memory.pages();
    writer.endSection();
    writer.write(new SectionHeader(Kind.END, image.ramSection()));
    memory.end();
    writer.endSection();
    for (DeviceState device : image.devices()) {
      writer.write(new SectionHeader(Kind.FULL, device.section()));
      writer.output().bytes(device.bytes());
      writer.endSection();
    }
    writer.write(new EndOfSections());
    if (image.description().isPresent()) {
      writer.write(image.description().get());
    }
    writer.flush();
  }
}
