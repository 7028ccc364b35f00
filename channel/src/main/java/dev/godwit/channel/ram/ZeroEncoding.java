package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.util.Map;

/**
 * A page that is one byte over and over, and as it is sent that byte is 0 (qemu-wire.md §3.1).
 *
 * <pre>
 * +------------------+---------+
 * | word and name    | u8 fill |
 * +------------------+---------+
 * </pre>
 */
public final class ZeroEncoding implements PageEncoding {

  @Override
  public String name() {
    return "zero";
  }

  @Override
  public int flag() {
    return RamWord.ZERO;
  }

  @Override
  public Map<Surroundings, String> exclusions() {
    return Map.of(
        Surroundings.MAPPED_RAM, "A page that is zero is a clear bit in the file's bitmap",
        Surroundings.SILENT_PLACEMENT, "Where no record announces pages, none can say zero");
  }

  @Override
  public Decoder decoder(int pageBytes, RamDialect dialect) {
    return (in, page) -> decode(in, page, dialect);
  }

  private static void decode(StreamInput in, IncomingPage page, RamDialect dialect)
      throws ChannelException, StreamException {
    page.fill(fill(in, dialect));
  }

  @Override
  public void skip(StreamInput in, int pageBytes, RamDialect dialect)
      throws ChannelException, StreamException {
    fill(in, dialect);
  }

  private static int fill(StreamInput in, RamDialect dialect)
      throws ChannelException, StreamException {
    long start = in.offset();
    int fill = in.u8();
    if (fill != 0 && !dialect.hasAnyFill()) {
      throw in.malformed(start, "A page that should be zero is filled with " + fill);
    }
    return fill;
  }

  @Override
  public Encoder encoder(int pageBytes) {
    return ZeroEncoding::encode;
  }

  private static boolean encode(OutgoingPage page, StreamOutput out) throws ChannelException {
    if (!ZeroPages.isZero(page.memory(), page.offset(), page.pageBytes())) {
      return false;
    }
    page.head(out, RamWord.ZERO);
    out.u8(0);
    return true;
  }
}
