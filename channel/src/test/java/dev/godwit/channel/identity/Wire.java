package dev.godwit.channel.identity;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/** Builds bytes as QEMU would send them; hexadecimal text, spaces ignored. */
final class Wire {
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  Wire hex(String text) {
    bytes.writeBytes(HexFormat.of().parseHex(text.replace(" ", "")));
    return this;
  }

  Wire text(String text) {
    bytes.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
    return this;
  }

  /** A length byte and the text. */
  Wire name(String text) {
    bytes.write(text.length());
    return text(text);
  }

  Wire zeros(int count) {
    bytes.writeBytes(new byte[count]);
    return this;
  }

  /** The file header and a configuration (qemu-wire.md §1.1, §1.4). */
  static Wire head(String machine) {
    return new Wire()
        .hex("51 45 56 4D 00 00 00 03  07")
        .hex(String.format("%08x", machine.length()))
        .text(machine);
  }

  byte[] bytes() {
    return bytes.toByteArray();
  }
}
