package dev.godwit.channel.session.wire;

import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * What a side has of one stream; the payload of a STATE frame is one after the other
 * (docs/sessions.md, "Resume").
 *
 * <pre>
 *    0  u16  stream
 *    2  u64  held: all before this position has arrived whole
 *   10  u64  taken: all before this position was handed on
 * </pre>
 */
public record StreamState(int stream, long held, long taken) {
  private static final int BYTES = 18;

  public static ByteBuffer encode(List<StreamState> all) {
    ByteBuffer out = ByteBuffer.allocate(all.size() * BYTES);
    for (StreamState state : all) {
      out.putShort((short) state.stream).putLong(state.held).putLong(state.taken);
    }
    return out.flip();
  }

  /** Takes a payload apart; {@code src} stays yours. */
  public static List<StreamState> decode(ByteBuffer src) throws ChannelException {
    if (src.remaining() % BYTES != 0) {
      throw new ChannelException.Violated(
          "A state of " + src.remaining() + " bytes ends in the middle of a stream");
    }
    List<StreamState> all = new ArrayList<>(src.remaining() / BYTES);
    while (src.hasRemaining()) {
      int stream = Short.toUnsignedInt(src.getShort());
      long held = src.getLong();
      long taken = src.getLong();
      all.add(new StreamState(stream, held, taken));
    }
    return all;
  }
}
