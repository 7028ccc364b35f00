package dev.godwit.channel.returnpath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.channel.returnpath.ReturnPathMessage.Pong;
import dev.godwit.channel.returnpath.ReturnPathMessage.Ready;
import dev.godwit.channel.returnpath.ReturnPathMessage.Reason;
import dev.godwit.channel.returnpath.ReturnPathMessage.RecvBitmap;
import dev.godwit.channel.returnpath.ReturnPathMessage.RequestPages;
import dev.godwit.channel.returnpath.ReturnPathMessage.RequestPagesOf;
import dev.godwit.channel.returnpath.ReturnPathMessage.ResumeAck;
import dev.godwit.channel.returnpath.ReturnPathMessage.Shut;
import dev.godwit.channel.returnpath.ReturnPathMessage.SwitchoverAck;
import dev.godwit.channel.stream.Hostile;
import dev.godwit.channel.stream.StreamException.Kind;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.Wired;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class ReturnPathMessageTest {
  private static final long MAX_BITMAP_BYTES = 1 << 20;

  private static final Map<String, ReturnPathMessage> GOLDEN = golden();

  private static Map<String, ReturnPathMessage> golden() {
    Map<String, ReturnPathMessage> golden = new LinkedHashMap<>();
    golden.put("0007 0000", new SwitchoverAck());
    golden.put("0002 0004 00000001", new Pong(1));
    golden.put(
        "0003 0013 0000000000123000 00001000 06'pc.ram'",
        new RequestPagesOf("pc.ram", 0x123000, 0x1000));
    golden.put("0004 000C 0000000000200000 00200000", new RequestPages(0x200000, 0x200000));
    golden.put(
        "0005 0007 06'pc.rom' 0000000000000008 0180000000000040 0123456789ABCDEF",
        new RecvBitmap("pc.rom", new Bitmap(Wired.hex("0180000000000040"))));
    golden.put("0006 0004 00000001", new ResumeAck());
    golden.put("4701 0000", new Ready());
    golden.put("4702 0009 'no disk A'", Reason.of("no disk A"));
    golden.put("0001 0004 00000000", new Shut(0));
    golden.put("0001 0004 FFFFFFFF", new Shut(0xFFFF_FFFFL));
    return golden;
  }

  private static ReturnPathMessage read(StreamInput in) throws IOException {
    return ReturnPathMessage.read(in, MAX_BITMAP_BYTES);
  }

  private static List<ReturnPathMessage> readAll(StreamInput in) throws IOException {
    ReturnPathReader reader = new ReturnPathReader(in, MAX_BITMAP_BYTES);
    List<ReturnPathMessage> all = new ArrayList<>();
    for (Optional<ReturnPathMessage> next = reader.next(); next.isPresent(); next = reader.next()) {
      all.add(next.get());
    }
    return all;
  }

  @Test
  void readsAndWritesEach() throws Exception {
    for (Map.Entry<String, ReturnPathMessage> each : GOLDEN.entrySet()) {
      byte[] bytes = Wired.hex(each.getKey());
      assertThat(Wired.reading(bytes, 1, ReturnPathMessageTest::read)).isEqualTo(each.getValue());
      assertThat(Wired.written(each.getValue()::write)).isEqualTo(bytes);
      Hostile.truncate(bytes, ReturnPathMessageTest::read);
    }
  }

  @Test
  void endsWithTheFirstShut() throws Exception {
    byte[] bytes = Wired.hex(String.join("", GOLDEN.keySet()));
    List<ReturnPathMessage> all = new ArrayList<>(GOLDEN.values());
    assertThat(Wired.reading(bytes, ReturnPathMessageTest::readAll))
        .isEqualTo(all.subList(0, all.size() - 1));
    assertThat(Wired.reading(new byte[0], ReturnPathMessageTest::readAll)).isEmpty();
    assertThat(new Shut(0).succeeded()).isTrue();
    assertThat(new Shut(1).succeeded()).isFalse();
  }

  @Test
  void knowsWhichBlockIsMeant() throws Exception {
    byte[] bytes =
        Wired.hex(
            "0003 000E 0000000000000000 00001000 01'a'  0003 000E 0000000000000000 00001000 01'b'"
                + "0004 000C 0000000000001000 00001000");
    Wired.reading(
        bytes,
        in -> {
          ReturnPathReader reader = new ReturnPathReader(in, 0);
          assertThat(reader.requestedBlock()).isEmpty();
          assertThat(reader.next()).contains(new RequestPagesOf("a", 0, 0x1000));
          assertThat(reader.requestedBlock()).isEqualTo("a");
          assertThat(reader.next()).isPresent();
          assertThat(reader.next()).contains(new RequestPages(0x1000, 0x1000));
          assertThat(reader.requestedBlock()).isEqualTo("b");
          return true;
        });
    Hostile.refuse(
        "0002 0004 00000001 0004 000C 0000000000001000 00001000",
        ReturnPathMessageTest::readAll,
        Kind.MALFORMED,
        8,
        "Pages are requested of no block");
  }

  @Test
  void readsABitmapOfAnyLength() throws Exception {
    for (int bytes : new int[] {0, 8, 256 * 1024, 256 * 1024 + 8, (int) MAX_BITMAP_BYTES}) {
      Bitmap bitmap = new Bitmap(Io.bytes(Seed.of("bitmap").random(), bytes));
      RecvBitmap message = new RecvBitmap("m", bitmap);
      byte[] written = Wired.written(message::write);
      assertThat(Wired.reading(written, ReturnPathMessageTest::read)).isEqualTo(message);
    }
  }

  @Test
  void aReasonIsKeptAsItIsAndHarmlessAsText() throws Exception {
    byte[] bytes = Wired.hex("4702 0010 'a' 1B '[2J' 0A 00 C3A4 FF E280AE 'b' C285");
    Reason reason = (Reason) Wired.reading(bytes, ReturnPathMessageTest::read);
    assertThat(reason.text()).isEqualTo("a\uFFFD[2J\uFFFD\uFFFD\u00E4\uFFFD\uFFFDb\uFFFD");
    assertThat(Wired.written(reason::write)).isEqualTo(bytes);
  }

  @Test
  void ofALongReasonOnlyTheBeginningIsTold() {
    assertThat(Reason.of("x".repeat(512)).text()).isEqualTo("x".repeat(512));
    Reason cut = Reason.of("x" + "\u00E4".repeat(300));
    assertThat(cut.payloadBytes()).isEqualTo(511);
    assertThat(cut.text()).isEqualTo("x" + "\u00E4".repeat(255));
    assertThatThrownBy(() -> Reason.of("")).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void findsThePagesOfABitmap() {
    Bitmap bitmap = new Bitmap(Wired.hex("0180000000000040"));
    assertThat(List.of(0L, 15L, 62L)).allMatch(bitmap::has);
    assertThat(List.of(1L, 14L, 61L, 63L, 64L, 1L << 40)).noneMatch(bitmap::has);
    assertThat(Bitmap.bytesFor(0)).isZero();
    assertThat(Bitmap.bytesFor(1)).isEqualTo(8);
    assertThat(Bitmap.bytesFor(64)).isEqualTo(8);
    assertThat(Bitmap.bytesFor(65)).isEqualTo(16);
    assertThat(Bitmap.bytesFor(4096)).isEqualTo(512);
    assertThatThrownBy(() -> new Bitmap(new byte[7])).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void refusesEveryOtherLength() {
    Map<Integer, Integer> lengths = Map.of(1, 4, 2, 4, 4, 12, 6, 4, 7, 0, 0x4701, 0);
    lengths.forEach(
        (type, right) -> {
          for (int length : new int[] {0, 1, 3, 4, 5, 11, 12, 13, 512, 513, 0xFFFF}) {
            if (length != right) {
              refuse(
                  String.format("%04X %04X", type, length) + "00".repeat(20),
                  2,
                  "Return path message " + type + " has a payload of " + length + " bytes");
            }
          }
        });
    refuse("0003 000D", 2, "Return path message 3 has a payload of 13 bytes");
    refuse("0003 010D", 2, "Return path message 3 has a payload of 269 bytes");
    refuse("0005 0001", 2, "Return path message 5 has a payload of 1 bytes");
    refuse("0005 0101", 2, "Return path message 5 has a payload of 257 bytes");
    refuse("4702 0000", 2, "Return path message 18178 has a payload of 0 bytes");
    refuse("4702 0201", 2, "Return path message 18178 has a payload of 513 bytes");
  }

  @Test
  void refusesWhatNoDestinationSends() {
    refuse("0000 0000", 0, "There is no return path message 0");
    Hostile.refuse(
        "0008 0000",
        ReturnPathMessageTest::read,
        Kind.UNSUPPORTED,
        0,
        "Return path message 8 is unknown");
    Hostile.refuse(
        "4703 0000",
        ReturnPathMessageTest::read,
        Kind.UNSUPPORTED,
        0,
        "Return path message 18179 is unknown");
    refuse("0006 0004 00000002", 4, "A resumption is acknowledged with 1, not with 2");
    refuse(
        "0004 000C 8000000000000000 00001000",
        4,
        "Pages are requested from outside of every block");
    refuse(
        "0003 000F 0000000000000000 00001000 01'a' 00",
        16,
        "The name of the RAM block does not fill its message");
    refuse("0005 0003 01'a'", 4, "The name of the RAM block does not fill its message");
    refuse(
        "0005 0002 01'a' 0000000000000007", 6, "A bitmap of 7 bytes is no whole number of words");
    refuse("0005 0002 01'a' 0000000000100008", 6, "A bitmap of 1048584 bytes for a is too long");
    refuse(
        "0005 0002 01'a' FFFFFFFFFFFFFFF8",
        6,
        "A bitmap of 18446744073709551608 bytes for a is too long");
    refuse(
        "0005 0002 01'a' 0000000000000008 0000000000000000 0123456789ABCDEE",
        22,
        "The bitmap of a does not end with its mark");
  }

  private static void refuse(String hex, long offset, String sentence) {
    Hostile.refuse(hex, ReturnPathMessageTest::read, Kind.MALFORMED, offset, sentence);
  }

  @Test
  void bearsMutations() {
    List<byte[]> samples = new ArrayList<>(GOLDEN.keySet().stream().map(Wired::hex).toList());
    samples.add(Wired.hex(String.join("", GOLDEN.keySet())));
    Hostile.mutate("ReturnPathMessageTest", samples, ReturnPathMessageTest::readAll);
  }
}
