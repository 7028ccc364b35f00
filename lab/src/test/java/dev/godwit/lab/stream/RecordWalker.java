package dev.godwit.lab.stream;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * The simplest destination there can be for a stream of one channel: it applies the records of RAM
 * to arrays as they come (qemu-wire.md §3) and stops where the devices begin. Independent of the
 * codec, which it is there to be compared with.
 */
final class RecordWalker {
  private static final int PAGE = 4096;
  private static final int SECTION_START = 1;
  private static final int SECTION_END = 3;
  private static final int COMMAND = 8;
  private static final int PACKAGED = 7;
  private static final int CONFIGURATION = 7;

  /** How many records of each kind there were; multifd's pages are not among them. */
  record Counts(int zero, int plain, int xbzrle, int compressed) {}

  private final ByteBuffer in;
  private final Map<String, byte[]> blocks = new LinkedHashMap<>();
  private long ramSection = -1;
  private byte[] block = new byte[0];
  private boolean ended;
  private int zero;
  private int plain;
  private int xbzrle;
  private int compressed;

  private RecordWalker(byte[] stream) {
    in = ByteBuffer.wrap(stream);
  }

  /** Applies all of {@code main}. */
  static RecordWalker apply(byte[] main) throws DataFormatException {
    RecordWalker walker = new RecordWalker(main);
    walker.walk();
    return walker;
  }

  Map<String, byte[]> blocks() {
    return blocks;
  }

  byte[] block(String name) {
    byte[] bytes = blocks.get(name);
    if (bytes == null) {
      throw new AssertionError("There is no block " + name + " among " + blocks.keySet());
    }
    return bytes;
  }

  Counts counts() {
    return new Counts(zero, plain, xbzrle, compressed);
  }

  /** Whether there was an END section of RAM. */
  boolean ended() {
    return ended;
  }

  /** Where the walk stopped. */
  int position() {
    return in.position();
  }

  private void walk() throws DataFormatException {
    in.getLong();
    expect(in.get() == CONFIGURATION, "the configuration");
    in.position(in.getInt() + in.position());
    while (in.hasRemaining()) {
      in.mark();
      int type = in.get();
      if (type == COMMAND) {
        command();
      } else if (type >= SECTION_START && type <= SECTION_END) {
        int section = in.getInt();
        if (type == SECTION_START) {
          expect(name().equals("ram") && in.getInt() == 0 && in.getInt() == 4, "ram, version 4");
          ramSection = section;
        }
        expect(section == ramSection, "a part of ram");
        records();
        expect(in.get() == 0x7E && in.getInt() == section, "a footer");
        ended |= type == SECTION_END;
      } else {
        in.reset();
        return;
      }
    }
  }

  /** Each is taken as it is; a package is left out with all that is in it. */
  private void command() {
    int number = in.getShort();
    int length = Short.toUnsignedInt(in.getShort());
    int packaged = number == PACKAGED ? in.getInt(in.position()) : 0;
    in.position(in.position() + length + packaged);
  }

  private void records() throws DataFormatException {
    while (true) {
      long word = in.getLong();
      int offset = (int) (word & -PAGE);
      int flags = (int) (word & (PAGE - 1));
      if (flags == 0x10) {
        return;
      }
      if (flags == 0x200) {
        continue;
      }
      if (flags == 0x04) {
        table(offset);
        continue;
      }
      if ((flags & 0x20) == 0) {
        block = block(name());
      }
      page(flags & ~0x20, offset);
    }
  }

  private void table(int totalBytes) {
    for (int left = totalBytes; left > 0; ) {
      String name = name();
      int length = Math.toIntExact(in.getLong());
      blocks.put(name, new byte[length]);
      left -= length;
    }
  }

  private void page(int flags, int offset) throws DataFormatException {
    switch (flags) {
      case 0x02 -> {
        zero++;
        Arrays.fill(block, offset, offset + PAGE, in.get());
      }
      case 0x08 -> {
        plain++;
        in.get(block, offset, PAGE);
      }
      case 0x40 -> {
        xbzrle++;
        expect(in.get() == 1, "encoding 1");
        delta(offset, in.position() + 2 + Short.toUnsignedInt(in.getShort()));
      }
      case 0x100 -> {
        compressed++;
        byte[] data = new byte[in.getInt()];
        in.get(data);
        inflate(data, offset);
      }
      default -> throw new AssertionError("Flags " + flags + " before byte " + in.position());
    }
  }

  private void delta(int offset, int end) {
    for (int at = offset; in.position() < end; ) {
      at += uleb();
      int literals = uleb();
      in.get(block, at, literals);
      at += literals;
      expect(at <= offset + PAGE, "a page's end");
    }
    expect(in.position() == end, "the end of a difference");
  }

  private int uleb() {
    int low = in.get();
    return low >= 0 ? low : (low & 0x7F) | (in.get() << 7);
  }

  private void inflate(byte[] data, int offset) throws DataFormatException {
    Inflater inflater = new Inflater();
    try {
      inflater.setInput(data);
      expect(inflater.inflate(block, offset, PAGE) == PAGE, "a page");
    } finally {
      inflater.end();
    }
  }

  private String name() {
    ByteArrayOutputStream name = new ByteArrayOutputStream();
    for (int left = Byte.toUnsignedInt(in.get()); left > 0; left--) {
      name.write(in.get());
    }
    return name.toString(StandardCharsets.ISO_8859_1);
  }

  private void expect(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError("There is not " + what + " before byte " + in.position());
    }
  }
}
