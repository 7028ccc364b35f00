package dev.godwit.channel.inspect;

import dev.godwit.channel.inspect.RamReport.Mapped;
import dev.godwit.channel.inspect.RamReport.Round;
import dev.godwit.channel.ram.MappedRamHeader;
import dev.godwit.channel.ram.PageEncoding;
import dev.godwit.channel.ram.PageEncodings;
import dev.godwit.channel.ram.RamRecordReader;
import dev.godwit.channel.ram.RamTable;
import dev.godwit.channel.ram.RamWord;
import dev.godwit.channel.stream.ByteSink;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Counts the records of RAM sections, by block and by encoding, and books their bytes. */
final class RamTally implements RamRecordReader.Records {
  private static final int MAX_ROUNDS = 1000;

  private final StreamInput in;
  private final Ledger ledger;
  private final Places places;
  private final List<PageEncoding> encodings = PageEncodings.all();
  private final List<RamTable.Entry> entries = new ArrayList<>();
  private final List<Optional<Mapped>> mapped = new ArrayList<>();
  private Optional<RamTable> table = Optional.empty();

  /** By block, then by encoding. */
  private long[][] pages = {};

  private long[][] wireBytes = {};
  private long allPages;
  private long flushMarks;

  private final List<Round> rounds = new ArrayList<>();
  private long furtherRounds;
  private boolean inOrder = true;
  private boolean ended;
  private long roundAt = -1;
  private long roundPages;
  private long roundWireBytes;
  private int lastBlock;
  private long lastOffset;

  RamTally(StreamInput in, Ledger ledger, Places places) {
    this.in = in;
    this.ledger = ledger;
    this.places = places;
  }

  /** How many page records there were. */
  long pages() {
    return allPages;
  }

  /** From now on pages come as they are asked for. */
  void endOrder() {
    endRound();
    inOrder = false;
  }

  /** There was an END section. */
  void end() {
    ended = true;
  }

  /** Empty before the table is whole. */
  Optional<RamReport> report(boolean streamEnded) {
    if (table.isEmpty()) {
      return Optional.empty();
    }
    endRound();
    boolean snapshot = streamEnded && !ended;
    List<RamReport.Block> blocks = new ArrayList<>();
    long[] allOf = new long[encodings.size()];
    long[] bytesOf = new long[encodings.size()];
    for (int block = 0; block < entries.size(); block++) {
      for (int i = 0; i < allOf.length; i++) {
        allOf[i] += pages[block][i];
        bytesOf[i] += wireBytes[block][i];
      }
      blocks.add(
          new RamReport.Block(
              entries.get(block), counts(pages[block], wireBytes[block]), mapped.get(block)));
    }
    boolean ordered =
        !snapshot && allOf[PageEncodings.all().indexOf(compressed())] == 0 && !rounds.isEmpty();
    return Optional.of(
        new RamReport(
            table.get(),
            blocks,
            counts(allOf, bytesOf),
            ordered ? rounds : List.of(),
            ordered ? furtherRounds : 0,
            flushMarks,
            snapshot));
  }

  private PageEncoding compressed() {
    return encodings.stream()
        .filter(encoding -> encoding.flag() == RamWord.COMPRESS_PAGE)
        .findFirst()
        .orElseThrow();
  }

  private List<PageCount> counts(long[] pagesOf, long[] bytesOf) {
    List<PageCount> counts = new ArrayList<>();
    for (int i = 0; i < pagesOf.length; i++) {
      if (pagesOf[i] > 0) {
        counts.add(new PageCount(encodings.get(i).name(), pagesOf[i], bytesOf[i]));
      }
    }
    return counts;
  }

  @Override
  public void entry(RamTable.Entry entry) throws ChannelException, StreamException {
    entries.add(entry);
    if (entry.mappedRam().isPresent()) {
      MappedRamHeader header = entry.mappedRam().get();
      ledger.book(Part.RAM_TABLE, in.offset() - MappedRamHeader.BYTES);
      ledger.book(Part.MAPPED_RAM_HEADERS, in.offset());
      mapped.add(Optional.of(mapped(entry, header)));
    } else {
      ledger.book(Part.RAM_TABLE, in.offset());
      mapped.add(Optional.empty());
    }
  }

  private Mapped mapped(RamTable.Entry entry, MappedRamHeader header)
      throws ChannelException, StreamException {
    long headerEnd = in.offset();
    long bitmapAt = header.bitmapOffset() - places.start();
    if (bitmapAt < headerEnd) {
      throw in.malformed(
          headerEnd - MappedRamHeader.BYTES + 12,
          "The page bitmap of %s cannot be at offset %d of the file, where the stream is at %d"
              .formatted(entry.name(), header.bitmapOffset(), places.start() + headerEnd));
    }
    places.skipTo(bitmapAt);
    long padding = ledger.book(Part.MAPPED_RAM_PADDING, bitmapAt);
    long pageCount = entry.lengthBytes() / header.pageBytes();
    long set = countBitmap(entry, header, pageCount);
    long bitmapBytes = ledger.book(Part.MAPPED_RAM_BITMAPS, in.offset());
    long pagesAt = header.pagesOffset() - places.start();
    places.skipTo(pagesAt);
    padding += ledger.book(Part.MAPPED_RAM_PADDING, pagesAt);
    places.skipTo(pagesAt + entry.lengthBytes());
    ledger.book(Part.MAPPED_RAM_PAGES, in.offset());
    long zero = pageCount - set;
    ledger.rebook(Part.MAPPED_RAM_PAGES, Part.MAPPED_RAM_HOLES, zero * header.pageBytes());
    return new Mapped(header, bitmapBytes, padding, set, zero);
  }

  /** Reads the bitmap, whose words are little-endian, and says how many pages are in the file. */
  private long countBitmap(RamTable.Entry entry, MappedRamHeader header, long pageCount)
      throws ChannelException, StreamException {
    long bytes = header.bitmapBytes(entry.lengthBytes());
    long[] set = {0};
    ByteSink.pass(in, bytes - Long.BYTES, piece -> set[0] += bits(piece));
    long lastAt = in.offset();
    long last = Long.reverseBytes(in.u64());
    if (pageCount % Long.SIZE != 0 && last >>> pageCount != 0) {
      throw in.malformed(
          lastAt, "The page bitmap of " + entry.name() + " has pages behind its end");
    }
    return set[0] + Long.bitCount(last);
  }

  private static long bits(ByteBuffer piece) {
    ByteBuffer words = piece.order(ByteOrder.nativeOrder());
    long bits = 0;
    while (words.remaining() >= Long.BYTES) {
      bits += Long.bitCount(words.getLong());
    }
    while (words.hasRemaining()) {
      bits += Integer.bitCount(words.get() & 0xFF);
    }
    return bits;
  }

  @Override
  public void table(RamTable read) {
    ledger.book(Part.RAM_TABLE, in.offset());
    table = Optional.of(read);
    pages = new long[entries.size()][encodings.size()];
    wireBytes = new long[entries.size()][encodings.size()];
  }

  @Override
  public void page(int block, long offset, int encoding) {
    long recordAt = ledger.booked();
    long bytes = ledger.bookPage(encoding, in.offset());
    pages[block][encoding]++;
    wireBytes[block][encoding] += bytes;
    allPages++;
    if (!inOrder) {
      return;
    }
    boolean forward = block > lastBlock || (block == lastBlock && offset > lastOffset);
    if (!forward || roundAt < 0) {
      endRound();
      roundAt = recordAt;
    }
    roundPages++;
    roundWireBytes += bytes;
    lastBlock = block;
    lastOffset = offset;
  }

  private void endRound() {
    if (roundAt < 0) {
      return;
    }
    if (rounds.size() < MAX_ROUNDS) {
      rounds.add(new Round(roundAt, roundPages, roundWireBytes));
    } else {
      furtherRounds++;
    }
    roundAt = -1;
    roundPages = 0;
    roundWireBytes = 0;
  }

  @Override
  public void mark(int flag) {
    ledger.book(Part.RAM_MARKS, in.offset());
    if (flag == RamWord.MULTIFD_FLUSH) {
      flushMarks++;
    }
  }
}
