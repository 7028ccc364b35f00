package dev.godwit.transport.tls;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.support.ForwardingChannel;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** Somebody on the wire who changes the records that one side sends, once he is told to. */
final class Tampering extends ForwardingChannel {
  private static final int HEADER_BYTES = 5;

  /** What becomes of the whole records of one write. */
  @FunctionalInterface
  interface Harm {
    List<byte[]> to(List<byte[]> records);
  }

  private volatile Harm harm = records -> records;

  Tampering(Channel inner) {
    super(inner);
  }

  void arm(Harm with) {
    harm = with;
  }

  @Override
  public void write(ByteBuffer... src) throws ChannelException {
    List<byte[]> records = new ArrayList<>();
    for (ByteBuffer buffer : src) {
      while (buffer.hasRemaining()) {
        int length = Short.toUnsignedInt(buffer.getShort(buffer.position() + 3));
        byte[] record = new byte[HEADER_BYTES + length];
        buffer.get(record);
        records.add(record);
      }
    }
    for (byte[] record : harm.to(records)) {
      inner().write(ByteBuffer.wrap(record));
    }
  }
}
