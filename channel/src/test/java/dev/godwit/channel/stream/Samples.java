package dev.godwit.channel.stream;

/** Small streams made by hand (qemu-wire.md §11.1), as text for {@link Wired#hex}. */
final class Samples {
  static final String HEADER = "51 45 56 4D 00 00 00 03";
  static final String CONFIGURATION = "07 00000001 'm'";
  static final String EOS = "0000000000000010";
  static final String RAM_FOOTER = "7E 00000001";
  static final String RAM_START =
      "01 00000001 03'ram' 00000000 00000004  0000000000002004 01'b' 0000000000002000"
          + EOS
          + RAM_FOOTER;
  static final String RAM_PART =
      "02 00000001  0000000000000002 01'b' 00  0000000000001028"
          + "A5".repeat(4096)
          + EOS
          + RAM_FOOTER;
  static final String RAM_END = "03 00000001" + EOS + RAM_FOOTER;
  static final String EOF = "00";
  static final String OPEN_RETURN_PATH = "08 0001 0000  08 0002 0004 00000001";

  /** A device of four bytes, which look like a footer of its own and a subsection. */
  static final String TIMER = "04 00000000 05'timer' 00000000 00000002 7E000000 0005 7E00000000";

  /** A device of nothing. */
  static final String EMPTY = "04 00000007 05'empty' 00000001 00000001 7E00000007";

  static final String DESCRIPTION =
      description(
          "{\"page_size\":4096,\"devices\":["
              + "{\"name\":\"timer\",\"instance_id\":0,\"vmsd_name\":\"timer\",\"version\":2,"
              + "\"fields\":[{\"name\":\"ticks\",\"type\":\"uint8\",\"size\":1,\"array_len\":6}]},"
              + "{\"name\":\"empty\",\"instance_id\":1,\"vmsd_name\":\"empty\",\"version\":1,"
              + "\"fields\":[]}]}");

  static final String DIRTY_BITMAP_ID = "7E 00000003";
  static final String DIRTY_BITMAP =
      "01 00000003 0C'dirty-bitmap' 00000000 00000001"
          + "1C 05'node0' 04'bits' 00010000 03"
          + "01"
          + DIRTY_BITMAP_ID
          + "02 00000003 4C 05'node0' 04'bits' 0000000000000080 00000100 0000000000000004 10DEADBE"
          + "42 0000000000000180 00000100 01"
          + DIRTY_BITMAP_ID
          + "03 00000003 20 01"
          + DIRTY_BITMAP_ID;

  static final String BLOCK_FOOTER = "7E 00000004";
  static final String BLOCK =
      "01 00000004 05'block' 00000000 00000001 0000000000000002"
          + BLOCK_FOOTER
          + "02 00000004 0000000000000409 04'ide0' 0000000000006404 0000000000000002"
          + BLOCK_FOOTER;

  static final String PRECOPY =
      HEADER + CONFIGURATION + RAM_START + RAM_PART + RAM_END + TIMER + EMPTY + EOF + DESCRIPTION;

  /** Everything that can be before and among the sections. */
  static final String RICH =
      HEADER
          + CONFIGURATION
          + "05 12'configuration/uuid' 00000001 112233445566778899AABBCCDDEEFF00"
          + OPEN_RETURN_PATH
          + EMPTY
          + BLOCK
          + RAM_START
          + DIRTY_BITMAP
          + "08 000B 0000"
          + RAM_END
          + TIMER
          + EOF
          + DESCRIPTION;

  private static final String PACKAGE_ITEMS =
      "08 0004 0000" + TIMER + "08 0002 0004 00000003  08 0005 0000";

  static final String POSTCOPY_HEAD =
      HEADER
          + CONFIGURATION
          + OPEN_RETURN_PATH
          + "08 0003 0010 0000000000001000 0000000000001000"
          + RAM_START
          + "08 0006 0014 00 01'b' 00 0000000000000000 0000000000002000"
          + "08 0002 0004 00000002";

  static final String POSTCOPY_TAIL = "08 0002 0004 00000004" + RAM_PART + RAM_END + EOF;

  static final String POSTCOPY = POSTCOPY_HEAD + packaged(PACKAGE_ITEMS) + POSTCOPY_TAIL;

  static final String RECOVERY = "08 000A 0002 01'b' 08 0009 0000" + RAM_PART + RAM_END + EOF;

  private Samples() {}

  static String packaged(String items) {
    return String.format("08 0007 0004 %08X", Wired.hex(items).length) + items;
  }

  static String description(String json) {
    return String.format("06 %08X '%s'", json.length(), json);
  }
}
