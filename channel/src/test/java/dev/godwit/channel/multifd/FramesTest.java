package dev.godwit.channel.multifd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.godwit.channel.ram.PageUnits;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamException.Kind;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.testkit.Seed;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Frames byte for byte (qemu-wire.md §4.3, §4.4, §4.7), and what is no frame. */
final class FramesTest {
  private static final int PAGE = 4096;
  private static final int MUTATIONS = 10_000;
  private static final long MUTATION_NANOS = 5_000_000_000L;
  private static final int DEVICE_LIMIT = 1 << 16;

  /** Takes one frame of an input. */
  private interface Reading {
    Object read(StreamInput in) throws IOException;
  }

  private static byte[] hex(String text) {
    return HexFormat.of().parseHex(text.replace(" ", ""));
  }

  private static byte[] join(byte[]... parts) {
    ByteBuffer all = ByteBuffer.allocate(Arrays.stream(parts).mapToInt(p -> p.length).sum());
    Arrays.stream(parts).forEach(all::put);
    return all.array();
  }

  private static final byte[] INIT =
      join(
          hex("11 22 33 44  00 00 00 01  01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10  05"),
          new byte[39]);

  /** Two normal pages, descending as 10.0 sends them, and one zero page. */
  private static final byte[] PACKET_10_0 =
      join(
          hex("11 22 33 44  00 00 00 01  00 00 00 00  00 00 00 80  00 00 00 02  00 00 20 00"),
          hex("00 00 00 00 00 00 00 07  00 00 00 01  00 00 00 00"),
          new byte[24],
          "pc.ram".getBytes(StandardCharsets.US_ASCII),
          new byte[250],
          hex("00 00 00 00 00 00 50 00  00 00 00 00 00 00 40 00  00 00 00 00 00 00 90 00"),
          new byte[8 * 125]);

  private static final byte[] SYNC_10_0 =
      join(
          hex("11 22 33 44  00 00 00 01  00 00 00 01  00 00 00 00  00 00 00 00  00 00 00 00"),
          hex("00 00 00 00 00 00 00 08"),
          new byte[1312]);

  /** The packet before it had two pages: 7.2 leaves what that said, but for the counts. */
  private static final byte[] SYNC_7_2 =
      join(
          hex("11 22 33 44  00 00 00 01  00 00 00 01  00 00 00 80  00 00 00 00  00 00 20 00"),
          hex("00 00 00 00 00 00 00 08  00 00 00 00  00 00 00 00"),
          new byte[24],
          "pc.ram".getBytes(StandardCharsets.US_ASCII),
          new byte[250],
          hex("00 00 00 00 00 00 50 00  00 00 00 00 00 00 40 00"),
          new byte[8 * 126]);

  private static final byte[] DEVICE =
      join(
          hex("11 22 33 44  00 00 00 01  00 00 00 40  76 66 69 6f"),
          new byte[252],
          hex("00 00 00 02  00 00 00 03  de ad 00"));

  private static byte[] twoPagesAndAZero(Dialect dialect) throws IOException {
    MultifdPacket packet = new MultifdPacket(PageUnits.target(PAGE));
    packet.fillPages(MultifdPacket.padded("pc.ram"));
    packet.add(0x5000);
    packet.add(0x4000);
    packet.addZero(0x9000);
    packet.endPages(dialect, 0, 2 * PAGE, 7);
    return MemoryOnly.written(packet::write);
  }

  private static MultifdPacket packet(StreamInput in) throws IOException {
    MultifdPacket packet = new MultifdPacket(PageUnits.target(PAGE));
    packet.read(in, PacketHead.readFlags(in));
    return packet;
  }

  private static DeviceStatePacket device(StreamInput in) throws IOException {
    return DeviceStatePacket.read(in, PacketHead.readFlags(in), DEVICE_LIMIT);
  }

  @Test
  void initIsWhatQemuSends() throws IOException {
    MultifdInit init = new MultifdInit(UUID.fromString("01020304-0506-0708-090a-0b0c0d0e0f10"), 5);
    assertThat(MemoryOnly.written(init::write)).isEqualTo(INIT).hasSize(MultifdInit.BYTES);
    try (StreamInput in = MemoryOnly.input(INIT)) {
      assertThat(MultifdInit.read(in)).isEqualTo(init);
      assertThat(in.hasMore()).isFalse();
    }
  }

  @Test
  void packetsAreWhatQemuSends() throws IOException {
    assertThat(twoPagesAndAZero(Dialect.V10_0)).isEqualTo(PACKET_10_0).hasSize(1344);
    assertThat(MultifdPacket.headerBytes(PAGE)).isEqualTo(1344);
    assertThat(MultifdPacket.headerBytes(65536)).isEqualTo(384);
    try (StreamInput in = MemoryOnly.input(PACKET_10_0)) {
      MultifdPacket packet = packet(in);
      assertThat(packet.blockName()).isEqualTo("pc.ram");
      assertThat(packet.isOf(MultifdPacket.padded("pc.ram"))).isTrue();
      assertThat(packet.isOf(MultifdPacket.padded("pc.ra"))).isFalse();
      assertThat(packet.normalPages()).isEqualTo(2);
      assertThat(packet.zeroPages()).isEqualTo(1);
      assertThat(packet.payloadBytes()).isEqualTo(2 * PAGE);
      assertThat(packet.number()).isEqualTo(7);
      assertThat(packet.offset(0)).isEqualTo(0x5000);
      assertThat(packet.offset(1)).isEqualTo(0x4000);
      assertThat(packet.offset(2)).isEqualTo(0x9000);
      assertThat(packet.sync()).isFalse();
      assertThat(in.hasMore()).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"V7_2", "V10_0"})
  void syncIsWhatQemuSends(Dialect dialect) throws IOException {
    MultifdPacket packet = new MultifdPacket(PageUnits.target(PAGE));
    packet.fillPages(MultifdPacket.padded("pc.ram"));
    packet.add(0x5000);
    packet.add(0x4000);
    packet.endPages(dialect, 0, 2 * PAGE, 7);
    packet.fillSync(dialect, 8);
    byte[] expected = dialect == Dialect.V7_2 ? SYNC_7_2 : SYNC_10_0;
    assertThat(MemoryOnly.written(packet::write)).isEqualTo(expected);
    try (StreamInput in = MemoryOnly.input(expected)) {
      MultifdPacket read = packet(in);
      assertThat(read.sync()).isTrue();
      assertThat(read.hasPages()).isFalse();
      assertThat(read.payloadBytes()).isZero();
    }
  }

  /** Offsets of an earlier packet are behind those that count, only where 7.2 leaves them. */
  @Test
  void whatMeansNothingIsLeftOrZeroedAsTheDialectDoes() throws IOException {
    for (Dialect dialect : Dialect.values()) {
      MultifdPacket packet = new MultifdPacket(PageUnits.target(PAGE));
      packet.fillPages(MultifdPacket.padded("pc.ram"));
      packet.add(0x5000);
      packet.add(0x4000);
      packet.endPages(dialect, 0, 2 * PAGE, 0);
      packet.fillPages(MultifdPacket.padded("b"));
      packet.add(0x1000);
      packet.endPages(dialect, 0, PAGE, 1);
      byte[] bytes = MemoryOnly.written(packet::write);
      assertThat(ByteBuffer.wrap(bytes).getLong(328))
          .isEqualTo(dialect == Dialect.V7_2 ? 0x4000 : 0);
      assertThat(Arrays.copyOfRange(bytes, 64, 72)).isEqualTo(hex("62 00 00 00 00 00 00 00"));
    }
  }

  @Test
  void deviceStateIsWhatQemuSends() throws IOException {
    DeviceStatePacket packet = new DeviceStatePacket("vfio", 2, hex("de ad 00"));
    assertThat(MemoryOnly.written(packet::write)).isEqualTo(DEVICE);
    try (StreamInput in = MemoryOnly.input(DEVICE)) {
      DeviceStatePacket read = device(in);
      assertThat(read.device()).isEqualTo("vfio");
      assertThat(read.instance()).isEqualTo(2);
      assertThat(read.data()).isEqualTo(hex("de ad 00"));
    }
  }

  /** Whatever stands where nothing is meant comes out again. */
  @Test
  void readingAndWritingGivesTheSameBytes() throws IOException {
    Seed seed = Seed.of("readingAndWritingGivesTheSameBytes");
    Random random = seed.random();
    for (int round = 0; round < 200; round++) {
      byte[] bytes = PACKET_10_0.clone();
      int normal = random.nextInt(129);
      int zero = random.nextInt(129 - normal);
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      buffer.putInt(8, 0x04 | random.nextInt(2)).putInt(16, normal).putInt(32, zero);
      buffer.putInt(20, normal == 0 ? random.nextInt() : random.nextInt(1 << 20));
      byte[] noise = new byte[8 * (128 - normal - zero)];
      random.nextBytes(noise);
      buffer.put(320 + 8 * (normal + zero), noise);
      buffer.putInt(40, random.nextInt());
      try (StreamInput in = MemoryOnly.input(bytes)) {
        assertThat(MemoryOnly.written(packet(in)::write)).isEqualTo(bytes);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 11223345, MALFORMED, 0x11223345 where 0x11223344",
    "4, 00000002, UNSUPPORTED, version 2",
    "8, 00000080, UNSUPPORTED, 0x80",
    "12, 00000081, MALFORMED, room for 129",
    "16, 00000081, MALFORMED, 128 pages cannot hold 129",
    "16, ffffffff, MALFORMED, cannot hold 4294967295",
    "32, 0000007f, MALFORMED, cannot hold 127 zero pages",
    "32, ffffffff, MALFORMED, cannot hold 4294967295 zero pages",
    "20, 00002001, MALFORMED, announced as 8193 bytes",
    "20, ffffffff, MALFORMED, announced as 4294967295 bytes",
    "64, 00000000, MALFORMED, names no RAM block",
    "316, 00000001, MALFORMED, does not end",
  })
  void aPacketThatCannotBeIsRefused(int offset, String hex, Kind kind, String says)
      throws IOException {
    byte[] bytes = PACKET_10_0.clone();
    System.arraycopy(hex(hex), 0, bytes, offset, 4);
    long where = bytes.length;
    byte[] twice = join(SYNC_10_0, bytes);
    try (StreamInput in = MemoryOnly.input(twice)) {
      packet(in);
      StreamException failure = catchThrowableOfType(StreamException.class, () -> packet(in));
      assertThat(failure.kind()).isEqualTo(kind);
      assertThat(failure.channel()).isEqualTo("multifd 3");
      assertThat(failure.offset()).isEqualTo(where + (offset == 316 ? 64 : offset));
      assertThat(failure.sentence()).contains(says);
    }
  }

  @Test
  void aCompressedPayloadIsBounded() throws IOException {
    byte[] bytes = PACKET_10_0.clone();
    ByteBuffer.wrap(bytes).putInt(8, 0x04).putInt(20, 1 << 20);
    try (StreamInput in = MemoryOnly.input(bytes)) {
      assertThat(packet(in).payloadBytes()).isEqualTo(1 << 20);
    }
    ByteBuffer.wrap(bytes).putInt(20, (1 << 20) + 1);
    try (StreamInput in = MemoryOnly.input(bytes)) {
      assertThatThrownBy(() -> packet(in)).hasMessageContaining("1048577 bytes where 1048576");
    }
  }

  /** The payload of a page of 1 GiB is announced; what it fills is known with the block. */
  @Test
  void aPacketOfAHugePageIsReadAndWritten() throws IOException {
    int gib = 1 << 30;
    MultifdPacket packet = new MultifdPacket(PageUnits.whole(PAGE));
    packet.fillPages(MultifdPacket.padded("mem0"));
    packet.add(gib);
    packet.endPages(Dialect.V10_0, 0, gib, 3);
    byte[] bytes = MemoryOnly.written(packet::write);
    assertThat(bytes).hasSize(1344);
    assertThat(ByteBuffer.wrap(bytes).getInt(20)).isEqualTo(0x4000_0000);
    try (StreamInput in = MemoryOnly.input(bytes)) {
      MultifdPacket read = new MultifdPacket(PageUnits.whole(PAGE));
      read.read(in, PacketHead.readFlags(in));
      assertThat(read.payloadBytes()).isEqualTo(gib);
      assertThat(read.offset(0)).isEqualTo(gib);
      assertThat(read.run(0, gib)).isEqualTo(1);
      assertThat(MemoryOnly.written(read::write)).isEqualTo(bytes);
      read.requireFits(in, 0, gib);
      assertThatThrownBy(() -> read.requireFits(in, 0, 2 << 20))
          .hasMessageContaining("2097152 bytes is announced as 1073741824 bytes");
    }
    ByteBuffer.wrap(bytes).putInt(20, gib + 1);
    try (StreamInput in = MemoryOnly.input(bytes)) {
      MultifdPacket read = new MultifdPacket(PageUnits.whole(PAGE));
      assertThatThrownBy(() -> read.read(in, PacketHead.readFlags(in)))
          .hasMessageContaining("1073741825 bytes where 1073741824 is the most");
    }
  }

  @Test
  void aPacketHoldsNoMoreHugePagesThanItHasRoomFor() throws IOException {
    assertThat(MultifdPacket.pagesOf(65_536)).isEqualTo(8);
    assertThat(MultifdPacket.pagesOf(1 << 30)).isEqualTo(1);
    MultifdPacket packet = new MultifdPacket(PageUnits.whole(PAGE));
    packet.fillPages(MultifdPacket.padded("mem0"));
    packet.add(0);
    for (int zero = 1; zero < 9; zero++) {
      packet.addZero(zero * 65_536L);
    }
    packet.endPages(Dialect.V10_0, 0, 65_536, 3);
    try (StreamInput in = MemoryOnly.input(new byte[0])) {
      assertThatThrownBy(() -> packet.requireFits(in, 0, 65_536))
          .isInstanceOf(StreamException.class)
          .hasMessageContaining("9 pages of 65536 bytes where 8 is the most");
    }
  }

  @Test
  void wholePagesAreNotCompressed() {
    MultifdSettings whole = MultifdSettings.of(Dialect.V10_0, 1).withWholePages();
    assertThatThrownBy(() -> whole.with(MultifdCompression.ZLIB, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Whole pages cannot be compressed");
    assertThat(whole.withPages(65_536).units()).isEqualTo(PageUnits.whole(65_536));
  }

  @Test
  void anInitThatCannotBeIsRefused() {
    byte[] bytes = INIT.clone();
    bytes[63] = 1;
    assertThatThrownBy(() -> MultifdInit.read(MemoryOnly.input(bytes)))
        .isInstanceOf(StreamException.class)
        .hasMessageContaining("byte 25");
    bytes[3] = 0;
    assertThatThrownBy(() -> MultifdInit.read(MemoryOnly.input(bytes)))
        .isInstanceOf(StreamException.class)
        .hasMessageContaining("0x11223300");
  }

  @ParameterizedTest
  @CsvSource({
    "8, 00000041, MALFORMED, flags 0x41",
    "8, 00000042, MALFORMED, flags 0x42",
    "12, 00000000, MALFORMED, is empty",
    "264, 00000001, MALFORMED, without an end",
    "272, 00000000, MALFORMED, is empty",
    "272, ffffffff, UNSUPPORTED, has 4294967295 bytes where 65536",
  })
  void deviceStateThatCannotBeIsRefused(int offset, String hex, Kind kind, String says) {
    byte[] bytes = DEVICE.clone();
    System.arraycopy(hex(hex), 0, bytes, offset, 4);
    StreamException failure =
        catchThrowableOfType(StreamException.class, () -> device(MemoryOnly.input(bytes)));
    assertThat(failure.kind()).isEqualTo(kind);
    assertThat(failure.sentence()).contains(says);
  }

  @Test
  void aCutFrameIsTruncatedWhereverItIsCut() {
    truncate(INIT, MultifdInit::read);
    truncate(PACKET_10_0, FramesTest::packet);
    truncate(DEVICE, FramesTest::device);
  }

  private static void truncate(byte[] frame, Reading reading) {
    for (int length = 0; length < frame.length; length++) {
      StreamInput in = MemoryOnly.input(Arrays.copyOf(frame, length));
      StreamException failure = catchThrowableOfType(StreamException.class, () -> reading.read(in));
      in.close();
      assertThat(failure.kind()).isEqualTo(Kind.TRUNCATED);
      assertThat(failure.offset()).isEqualTo(length);
    }
  }

  @Test
  void damageIsATypedErrorOrAnotherFrame() throws IOException {
    Seed seed = Seed.of("damageIsATypedErrorOrAnotherFrame");
    mutate(seed.random(0), INIT, MultifdInit::read);
    mutate(seed.random(1), PACKET_10_0, FramesTest::packet);
    mutate(seed.random(2), DEVICE, FramesTest::device);
  }

  private static void mutate(Random random, byte[] frame, Reading reading) throws IOException {
    long end = System.nanoTime() + MUTATION_NANOS;
    int refused = 0;
    int round = 0;
    for (; round < MUTATIONS && System.nanoTime() < end; round++) {
      byte[] bytes = Arrays.copyOf(frame, frame.length - random.nextInt(2) * random.nextInt(64));
      for (int i = random.nextInt(4); i >= 0; i--) {
        int at = random.nextInt(2) == 0 ? random.nextInt(bytes.length) : random.nextInt(36);
        bytes[Math.min(at, bytes.length - 1)] = (byte) random.nextInt();
      }
      try (StreamInput in = MemoryOnly.input(bytes)) {
        reading.read(in);
      } catch (StreamException e) {
        refused++;
      }
    }
    assertThat(refused).as("of %d mutations", round).isBetween(round / 10, round - 1);
  }
}
