package dev.godwit.channel.stream;

/** The first byte of whatever follows the file header (qemu-wire.md §1.2). */
final class TypeByte {
  static final int EOF = 0x00;
  static final int SECTION_START = 0x01;
  static final int SECTION_PART = 0x02;
  static final int SECTION_END = 0x03;
  static final int SECTION_FULL = 0x04;
  static final int SUBSECTION = 0x05;
  static final int VM_DESCRIPTION = 0x06;
  static final int CONFIGURATION = 0x07;
  static final int COMMAND = 0x08;
  static final int SECTION_FOOTER = 0x7E;

  private TypeByte() {}

  /** How a byte is written in messages. */
  static String text(int value) {
    return value < 0 ? "the end of the stream" : String.format("0x%02X", value);
  }
}
