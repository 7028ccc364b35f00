package dev.godwit.channel.image;

import dev.godwit.channel.ram.MappedRamHeader;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.ram.ZeroPages;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.PositionedChannel;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;

/**
 * Writes RAM blocks to a mapped-ram file (qemu-wire.md §6), each page to its place, so that the
 * file grows no longer however often a page is written.
 *
 * <p>First {@link #place} each block where its entry of the block table is written; then {@link
 * #write} pages, in as many passes as it takes, by several threads with a lane each; at last, just
 * before the end mark of RAM's END section, {@link #finish}. Until then the file has no pages, and
 * one whose writing was broken off is never taken for a guest.
 *
 * <p>Pages of zeroes are not written, their places stay holes. A page that changes while it is
 * written may be torn, and has to be written again after that.
 */
public final class MappedRamWriter implements AutoCloseable {
  private static final long PLACE_ALIGNMENT_BYTES = 1 << 20;

  /** Pages that follow one another are written together, while the cache still has them. */
  private static final long RUN_BYTES = 1 << 20;

  private final PositionedChannel stream;
  private final Lanes lanes;
  private final int pageBytes;
  private final long start;
  private final Arena arena = Arena.ofShared();
  private final IdentityHashMap<RamBlock, Placed> placed = new IdentityHashMap<>();

  /** A block in the file; {@code from} and {@code to} are by lane. */
  private record Placed(
      RamBlock block,
      MappedRamHeader header,
      PageBitmap bitmap,
      List<Region> from,
      List<RemoteRegion> to) {}

  /**
   * @param stream of which nothing has been written yet; it stays the caller's
   * @param lanes at least one; they stay the caller's
   * @param pageBytes the target's page size
   */
  public MappedRamWriter(PositionedChannel stream, List<ImageLane> lanes, int pageBytes)
      throws ChannelException {
    this.stream = stream;
    this.lanes = new Lanes(lanes);
    this.pageBytes = pageBytes;
    this.start = stream.position();
  }

  /**
   * Finds the block its place, writes the header that tells of it, and moves the stream on to
   * behind it. The writing threads see the block if they are started, or told, afterwards.
   *
   * @param out the stream's output, which has just written the block's name and length
   */
  public void place(StreamOutput out, RamBlock block, Deadline deadline) throws ChannelException {
    long bitmapOffset = start + out.offset() + MappedRamHeader.BYTES;
    long pages = block.lengthBytes() / pageBytes;
    long pagesOffset =
        Math.ceilDiv(bitmapOffset + PageBitmap.bytes(pages), PLACE_ALIGNMENT_BYTES)
            * PLACE_ALIGNMENT_BYTES;
    MappedRamHeader header = new MappedRamHeader(pageBytes, bitmapOffset, pagesOffset);
    List<Region> from = new ArrayList<>();
    List<RemoteRegion> to = new ArrayList<>();
    for (int lane = 0; lane < lanes.count(); lane++) {
      from.add(lanes.get(lane).regions().local(block));
      to.add(lanes.get(lane).regions().remote(block, deadline));
    }
    header.write(out);
    out.flush();
    long next = pagesOffset + block.lengthBytes();
    stream.position(next);
    out.moved(next - start);
    placed.put(block, new Placed(block, header, new PageBitmap(arena, pages), from, to));
  }

  /** Writes all pages of {@code block} as they are now, over all lanes at once. */
  public void write(RamBlock block) throws ChannelException {
    Placed place = requirePlaced(block);
    try {
      lanes.share(
          block.lengthBytes(), (lane, offset, length) -> write(place, lane, offset, length));
    } catch (StreamException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Writes the pages of a range as they are now. No two threads use one lane, or write one page, at
   * the same time. Allocates nothing.
   *
   * @param lane by its place in the list
   * @param offset in the block, and {@code length}: whole pages
   */
  public void write(int lane, RamBlock block, long offset, long length) throws ChannelException {
    if (offset % pageBytes != 0 || length % pageBytes != 0) {
      throw new IllegalArgumentException(
          "From " + offset + " on " + length + " bytes are no whole number of pages");
    }
    write(requirePlaced(block), lane, offset, length);
  }

  private Placed requirePlaced(RamBlock block) {
    Placed place = placed.get(block);
    if (place == null) {
      throw new IllegalStateException("RAM block " + block.name() + " has no place in the file");
    }
    return place;
  }

  private void write(Placed place, int lane, long offset, long length) throws ChannelException {
    MemorySegment memory = place.block.memory();
    long end = (offset + length) / pageBytes;
    for (long page = offset / pageBytes; page < end; ) {
      if (isZero(memory, page)) {
        place.bitmap.clear(page++);
        continue;
      }
      long from = page++;
      while (page < end && (page - from) * pageBytes < RUN_BYTES && !isZero(memory, page)) {
        page++;
      }
      put(place, lane, from, page);
    }
  }

  private void put(Placed place, int lane, long from, long to) throws ChannelException {
    long offset = from * pageBytes;
    PositionedChannel channel = lanes.get(lane).channel();
    channel.position(place.header.pagesOffset() + offset);
    channel.put(place.from.get(lane), offset, place.to.get(lane), offset, (to - from) * pageBytes);
    place.bitmap.set(from, to);
  }

  /**
   * Writes down which pages the file has. No thread writes any more; the stream goes on where it
   * was.
   *
   * @param out the stream's output
   */
  public void finish(StreamOutput out) throws ChannelException {
    for (int lane = 0; lane < lanes.count(); lane++) {
      lanes.get(lane).channel().settle();
    }
    out.flush();
    long next = stream.position();
    for (Placed place : placed.values()) {
      stream.position(place.header.bitmapOffset());
      out.moved(place.header.bitmapOffset() - start);
      out.bytes(place.bitmap.memory(), 0, place.bitmap.memory().byteSize());
      out.flush();
    }
    stream.position(next);
    out.moved(next - start);
  }

  private boolean isZero(MemorySegment memory, long page) {
    return ZeroPages.isZero(memory, page * pageBytes, pageBytes);
  }

  /** Frees the bitmaps. */
  @Override
  public void close() {
    arena.close();
  }
}
