package dev.godwit.channel.image;

import dev.godwit.channel.image.GuestImage.DeviceState;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.RamSectionWriter;
import dev.godwit.channel.stream.EndOfSections;
import dev.godwit.channel.stream.FileHeader;
import dev.godwit.channel.stream.SectionHeader;
import dev.godwit.channel.stream.SectionHeader.Kind;
import dev.godwit.channel.stream.StreamWriter;
import dev.godwit.transport.ChannelException;

/** Writes a guest at rest as the migration that it came by: one pass over memory, and its end. */
public final class GuestImageWriter {
  private final StreamWriter writer;
  private final RamSectionWriter ram;

  /**
   * @param writer to a channel of which nothing has been written; it stays the caller's
   * @param ram writes the sections of memory to the same output; it stays the caller's
   */
  public GuestImageWriter(StreamWriter writer, RamSectionWriter ram) {
    this.writer = writer;
    this.ram = ram;
  }

  /** Writes all of it and hands it over; the channel's output is for the caller to end. */
  public void write(GuestImage image) throws ChannelException {
    writer.write(new FileHeader());
    if (image.configuration().isPresent()) {
      writer.write(image.configuration().get());
    }
    writer.write(new SectionHeader(Kind.START, image.ramSection()));
    ram.table(image.table());
    ram.endSection();
    writer.endSection();
    writer.write(new SectionHeader(Kind.PART, image.ramSection()));
    int number = 0;
    for (RamBlock block : image.blocks().all()) {
      for (long at = 0; at < block.lengthBytes(); at += block.pageBytes()) {
        ram.page(number, at);
      }
      number++;
    }
    ram.endSection();
    writer.endSection();
    ram.endPass();
    writer.write(new SectionHeader(Kind.END, image.ramSection()));
    ram.endSection();
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
