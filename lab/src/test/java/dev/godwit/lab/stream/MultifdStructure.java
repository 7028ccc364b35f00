package dev.godwit.lab.stream;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A multifd channel, packet by packet (qemu-wire.md §4.3, §4.4).
 *
 * @param bytes of the whole channel
 */
@SuppressWarnings("ArrayRecordComponent")
record MultifdStructure(byte[] bytes, List<Packet> packets) {
  static final int INIT_BYTES = 64;
  private static final int HEADER_BYTES = 1344;
  private static final int SYNC = 1;
  private static final int FLAGS_AT = 8;
  private static final int NORMAL_AT = 16;
  private static final int PAYLOAD_AT = 20;
  private static final int ZERO_AT = 32;

  /**
   * One packet.
   *
   * @param payload offset of what is in its pages
   */
  record Packet(int start, int payload, int end, boolean sync, boolean pages) {}

  static MultifdStructure of(byte[] channel) {
    ByteBuffer in = ByteBuffer.wrap(channel);
    List<Packet> packets = new ArrayList<>();
    for (int at = INIT_BYTES; at < channel.length; ) {
      int payload = at + HEADER_BYTES;
      int normal = in.getInt(at + NORMAL_AT);
      int end = payload + (normal == 0 ? 0 : in.getInt(at + PAYLOAD_AT));
      packets.add(
          new Packet(
              at,
              payload,
              end,
              (in.getInt(at + FLAGS_AT) & SYNC) != 0,
              normal + in.getInt(at + ZERO_AT) > 0));
      at = end;
    }
    return new MultifdStructure(channel, List.copyOf(packets));
  }

  /**
   * The same channel with one packet of pages, the first, and a SYNC behind it: quick to read, and
   * as sound, since compression goes on from packet to packet.
   */
  MultifdStructure shortened() {
    Packet pages = packets.stream().filter(Packet::pages).findFirst().orElseThrow();
    Packet sync =
        packets.stream().filter(p -> p.sync && !p.pages).reduce((a, b) -> b).orElseThrow();
    byte[] rest = Arrays.copyOf(bytes, pages.end + HEADER_BYTES);
    System.arraycopy(bytes, sync.start, rest, pages.end, HEADER_BYTES);
    return of(rest);
  }

  /** How many marks the main channel has for this one. */
  int syncs() {
    return (int) packets.stream().filter(Packet::sync).count();
  }

  /** Every offset that is not in a payload. */
  List<Integer> outsidePages() {
    List<Integer> offsets = new ArrayList<>(IntStream.range(0, INIT_BYTES).boxed().toList());
    for (Packet packet : packets) {
      IntStream.range(packet.start, packet.payload).forEach(offsets::add);
    }
    return offsets;
  }

  /** Where the first page begins. */
  int firstPage() {
    return packets.stream().filter(Packet::pages).findFirst().orElseThrow().payload;
  }

  /** Behind it nothing comes that matters. */
  int endOfLastSync() {
    return packets.stream().filter(Packet::sync).mapToInt(Packet::end).max().orElseThrow();
  }

  /** Whether a packet begins there, or the channel ends. */
  boolean isBetweenPackets(int offset) {
    return offset == bytes.length || packets.stream().anyMatch(p -> p.start == offset);
  }
}
