package dev.godwit.channel.inspect;

import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.Wired;
import dev.godwit.transport.testkit.Task;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;

/** Small streams made by hand (qemu-wire.md §11.1), as text for {@link Wired#hex}. */
final class Streams {
  static final String HEAD = "51 45 56 4D 00 00 00 03  07 00000001 'm'";
  static final String EOS = "0000000000000010";
  static final String FLUSH = "0000000000000200";
  static final String RAM_FOOTER = "7E 00000001";
  static final String RAM_HEADER = "01 00000001 03'ram' 00000000 00000004";

  /** Block b of four pages and block c of one. */
  static final String RAM_START =
      RAM_HEADER
          + "0000000000005004 01'b' 0000000000004000 01'c' 0000000000001000"
          + EOS
          + RAM_FOOTER;

  static final String RAM_END = "03 00000001" + EOS + RAM_FOOTER;
  static final String OPEN_RETURN_PATH = "08 0001 0000  08 0002 0004 00000001";

  /** Fields of several kinds; the body has a footer's bytes in it. */
  static final String TIMER =
      "04 00000000 05'timer' 00000000 00000002  7E000000 FFFF 02 01 02 7E00000000";

  static final String DESCRIPTION =
      description(
          "{\"page_size\":4096,\"devices\":[{\"name\":\"timer\",\"instance_id\":0,"
              + "\"vmsd_name\":\"timer\",\"version\":2,\"fields\":["
              + "{\"name\":\"ticks\",\"type\":\"uint32\",\"size\":4},"
              + "{\"name\":\"less\",\"type\":\"int16\",\"size\":2},"
              + "{\"name\":\"on\",\"type\":\"bool\",\"size\":1},"
              + "{\"name\":\"two\",\"type\":\"uint8\",\"array_len\":2,\"size\":1}]}]}");

  static final String NO_DEVICES = description("{\"page_size\":4096,\"devices\":[]}");

  /** Two rounds: pages b:0, b:1 and c:0, then b:1 again as a difference. */
  static final String PRECOPY =
      HEAD
          + RAM_START
          + part(zero(0, "01'b'", false) + plain(0x1000, "", true) + zero(0, "01'c'", false))
          + part("0000000000001040 01'b' 01 0003 000141")
          + RAM_END
          + TIMER
          + "00"
          + DESCRIPTION;

  private static final String PACKAGE =
      "08 0004 0000" + TIMER + "08 0002 0004 00000003  08 0005 0000";

  static final String POSTCOPY =
      HEAD
          + OPEN_RETURN_PATH
          + "08 0003 0010 0000000000001000 0000000000001000"
          + RAM_START
          + part(plain(0, "01'b'", false))
          + "08 0006 0014 00 01'b' 00 0000000000000000 0000000000002000"
          + "08 0002 0004 00000002"
          + String.format("08 0007 0004 %08X", Wired.hex(PACKAGE).length)
          + PACKAGE
          + "08 0002 0004 00000004"
          + part(zero(0x1000, "01'b'", false) + zero(0, "", true))
          + RAM_END
          + "00";

  private Streams() {}

  static String part(String records) {
    return "02 00000001" + records + EOS + RAM_FOOTER;
  }

  static String zero(long offset, String name, boolean same) {
    return String.format("%016X", offset | 2 | (same ? 0x20 : 0)) + name + "00";
  }

  static String plain(long offset, String name, boolean same) {
    return String.format("%016X", offset | 8 | (same ? 0x20 : 0)) + name + "A5".repeat(4096);
  }

  static String description(String json) {
    return String.format("06 %08X '%s'", json.length(), json);
  }

  /** What is told of a recording. */
  static StreamReport inspect(String hex) throws IOException {
    return inspect(Wired.hex(hex));
  }

  static StreamReport inspect(byte[] bytes) throws IOException {
    try (Wired wired = new Wired("buffer=256k");
        StreamInput in = new StreamInput(wired.receiving(), "main", 512)) {
      Optional<Task<Boolean>> feeding = feed(wired, bytes);
      StreamReport report = StreamInspector.ofRecording(wired.receiving(), in).inspect();
      if (feeding.isPresent()) {
        feeding.get().result();
      }
      return report;
    }
  }

  private static Optional<Task<Boolean>> feed(Wired wired, byte[] bytes) throws IOException {
    if (bytes.length < 256 * 1024) {
      send(wired, bytes);
      return Optional.empty();
    }
    return Optional.of(Task.start("feed", () -> send(wired, bytes)));
  }

  private static boolean send(Wired wired, byte[] bytes) throws IOException {
    wired.sending().write(ByteBuffer.wrap(bytes));
    wired.sending().shutdownOutput();
    return true;
  }
}
