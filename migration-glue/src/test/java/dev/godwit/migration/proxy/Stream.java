package dev.godwit.migration.proxy;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/**
 * The few frames of a migration stream that a proxy looks at, as QEMU writes them (qemu-wire.md §1,
 * §2, §4.3, §5).
 */
final class Stream {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  private Stream() {}

  static Stream head() {
    return new Stream().hex("51 45 56 4D 00 00 00 03 07 00 00 00 07").text("pc-test");
  }

  Stream openReturnPath() {
    return hex("08 0001 0000");
  }

  Stream ping(int value) {
    return hex(String.format("08 0002 0004 %08x", value));
  }

  Stream postcopyAdvise() {
    return hex("08 0003 0010 0000000000001000 0000000000001000");
  }

  Stream start() {
    return hex("01 00000001 03 72616D 00000000 00000004");
  }

  byte[] bytes() {
    return bytes.toByteArray();
  }

  static byte[] description() {
    String json = "{\"page_size\":4096,\"devices\":[{\"name\":\"ram\"}]}";
    return new Stream().hex(String.format("00 06 %08x", json.length())).text(json).bytes();
  }

  static byte[] recovery() {
    return new Stream().hex("08 000A 0007 06").text("pc.ram").hex("08 0009 0000").bytes();
  }

  static byte[] namedPage() {
    Stream stream = new Stream().hex("00 00 00 00 00 0C 00 08 06").text("pc.ram");
    stream.bytes.writeBytes(new byte[4096]);
    return stream.bytes();
  }

  static byte[] multifd(int id) {
    Stream stream = new Stream().hex("11223344 00000001");
    stream.bytes.writeBytes(new byte[16]);
    stream.bytes.write(id);
    stream.bytes.writeBytes(new byte[39]);
    return stream.bytes();
  }

  static byte[] pong(int value) {
    return new Stream().hex(String.format("0002 0004 %08x", value)).bytes();
  }

  static byte[] shut(int value) {
    return new Stream().hex(String.format("0001 0004 %08x", value)).bytes();
  }

  private Stream hex(String text) {
    bytes.writeBytes(HexFormat.of().parseHex(text.replace(" ", "")));
    return this;
  }

  private Stream text(String text) {
    bytes.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
    return this;
  }
}
