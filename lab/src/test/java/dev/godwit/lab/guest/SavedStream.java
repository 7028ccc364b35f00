package dev.godwit.lab.guest;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;

/**
 * A saved single-channel stream taken apart as far as the end of its RAM section, so that a test
 * can leave pages out. Formats: the file header and sections of QEMU's stream, and the records of
 * its section "ram".
 */
final class SavedStream {
  private static final int SECTION_START = 1;
  private static final int SECTION_PART = 2;
  private static final int SECTION_END = 3;
  private static final int CONFIGURATION = 7;
  private static final int FOOTER = 0x7E;
  private static final int ZERO = 0x002;
  private static final int MEM_SIZE = 0x004;
  private static final int PAGE = 0x008;
  private static final int EOS = 0x010;
  private static final int CONTINUE = 0x020;
  private static final int FLAGS = 0xFFF;

  /**
   * One page, as sent at one moment: {@code offset} and {@code length} are those of its content in
   * the stream.
   */
  record Page(boolean last, String block, long address, int offset, int length) {
    boolean zero() {
      return length == 1;
    }

    long number() {
      return address / BootSector.PAGE_BYTES;
    }
  }

  private sealed interface Piece {}

  private record Verbatim(int from, int to) implements Piece {}

  private record Sent(Page page) implements Piece {}

  private final byte[] bytes;
  private final ByteBuffer in;
  private final List<Piece> pieces = new ArrayList<>();
  private String block = "";

  SavedStream(byte[] bytes) {
    this.bytes = bytes;
    this.in = ByteBuffer.wrap(bytes);
    expect(in.getLong() == 0x5145_564D_0000_0003L, "a file header");
    expect(in.get() == CONFIGURATION, "a configuration");
    in.position(in.getInt() + in.position());
    expect(in.get() == SECTION_START, "a section start");
    in.getInt();
    expect(name().equals("ram"), "the section ram");
    in.position(in.position() + 8);
    pieces.add(new Verbatim(0, in.position()));
    int type = SECTION_START;
    while (true) {
      records(type == SECTION_END);
      int from = in.position();
      expect(in.get() == FOOTER, "a footer");
      in.getInt();
      if (type == SECTION_END) {
        pieces.add(new Verbatim(from, bytes.length));
        return;
      }
      type = in.get();
      expect(type == SECTION_PART || type == SECTION_END, "the next part of ram");
      in.getInt();
      pieces.add(new Verbatim(from, in.position()));
    }
  }

  private void records(boolean last) {
    while (true) {
      int from = in.position();
      long word = in.getLong();
      int flags = (int) word & FLAGS;
      long address = word & ~FLAGS;
      switch (flags) {
        case MEM_SIZE -> {
          for (long left = address; left > 0; left -= in.getLong()) {
            name();
          }
          pieces.add(new Verbatim(from, in.position()));
        }
        case EOS -> {
          pieces.add(new Verbatim(from, in.position()));
          return;
        }
        case PAGE, PAGE | CONTINUE, ZERO, ZERO | CONTINUE -> {
          if ((flags & CONTINUE) == 0) {
            block = name();
          }
          int length = (flags & PAGE) != 0 ? BootSector.PAGE_BYTES : 1;
          pieces.add(new Sent(new Page(last, block, address, in.position(), length)));
          in.position(in.position() + length);
        }
        default ->
            throw new IllegalArgumentException("Record with flags " + Integer.toHexString(flags));
      }
    }
  }

  private String name() {
    var name = new byte[Byte.toUnsignedInt(in.get())];
    in.get(name);
    return new String(name, ISO_8859_1);
  }

  private void expect(boolean holds, String what) {
    if (!holds) {
      throw new IllegalArgumentException("There is not " + what + " before byte " + in.position());
    }
  }

  /** Every page in the order of the stream. */
  List<Page> pages() {
    return pieces.stream()
        .filter(Sent.class::isInstance)
        .map(piece -> ((Sent) piece).page())
        .toList();
  }

  /**
   * The stream with only those pages; each record names its block, so that none depends on one left
   * out.
   */
  byte[] keeping(Predicate<Page> kept) {
    var out = new ByteArrayOutputStream(bytes.length);
    var data = new DataOutputStream(out);
    try {
      for (Piece piece : pieces) {
        switch (piece) {
          case Verbatim(int from, int to) -> data.write(bytes, from, to - from);
          case Sent(Page page) when kept.test(page) -> {
            data.writeLong(page.address() | (page.zero() ? ZERO : PAGE));
            data.writeByte(page.block().length());
            data.write(page.block().getBytes(ISO_8859_1));
            data.write(bytes, page.offset(), page.length());
          }
          case Sent left -> {}
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return out.toByteArray();
  }

  /** What was sent for that page at that moment: its bytes, or one zero for a page of zeroes. */
  byte[] content(Page page) {
    return Arrays.copyOfRange(bytes, page.offset(), page.offset() + page.length());
  }

  /** The stream with the bits of one byte turned over that are set in {@code bits}. */
  byte[] flipping(int offset, int bits) {
    byte[] flipped = bytes.clone();
    flipped[offset] ^= (byte) bits;
    return flipped;
  }
}
