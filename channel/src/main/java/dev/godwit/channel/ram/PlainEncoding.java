package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.util.Map;

/**
 * A page as it is (qemu-wire.md §3.1); it takes every page, so it ends every list. Its bytes are
 * put where placement is not inline, and then the record alone is in the stream.
 *
 * <pre>
 * +------------------+------------+
 * | word and name    | page bytes |
 * +------------------+------------+
 * </pre>
 */
public final class PlainEncoding implements PageEncoding {

  @Override
  public String name() {
    return "plain";
  }

  @Override
  public int flag() {
    return RamWord.PAGE;
  }

  @Override
  public Map<Surroundings, String> exclusions() {
    return Map.of(
        Surroundings.MAPPED_RAM, "A page in a mapped-ram file stands at its place, with no record");
  }

  @Override
  public void skip(StreamInput in, int pageBytes, RamDialect dialect)
      throws ChannelException, StreamException {
    in.skip(pageBytes);
  }

  @Override
  public Decoder decoder(int pageBytes, RamDialect dialect) {
    return PlainEncoding::decode;
  }

  private static void decode(StreamInput in, IncomingPage page)
      throws ChannelException, StreamException {
    if (page.placedIn().isPresent()) {
      in.get(page.placedIn().get(), page.offset(), page.pageBytes());
    } else {
      in.bytes(page.memory(), page.offset(), page.pageBytes());
    }
  }

  @Override
  public Encoder encoder(int pageBytes) {
    return PlainEncoding::encode;
  }

  private static boolean encode(OutgoingPage page, StreamOutput out) throws ChannelException {
    page.head(out, RamWord.PAGE);
    page.body(out);
    return true;
  }
}
