package dev.godwit.channel.inspect;

import dev.godwit.channel.ram.PageEncoding;
import dev.godwit.channel.ram.PageEncodings;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Books every byte of a stream once: each entry reaches from where the last one ended to where the
 * reader is now. So the sizes add up whatever is read.
 */
final class Ledger {
  private final Map<Part, Long> parts = new EnumMap<>(Part.class);
  private final List<PageEncoding> encodings = PageEncodings.all();
  private final long[] pages = new long[encodings.size()];
  private long booked;

  /** All up to {@code offset} is for {@code part}; returns how much that is. */
  long book(Part part, long offset) {
    long bytes = offset - booked;
    add(part, bytes);
    booked = offset;
    return bytes;
  }

  /** Of all up to {@code offset}, which has been booked, {@code bytes} are for something else. */
  void rebook(Part from, Part to, long bytes) {
    add(from, -bytes);
    add(to, bytes);
  }

  private void add(Part part, long bytes) {
    parts.merge(part, bytes, Long::sum);
  }

  /** All up to {@code offset} is a page in that encoding; returns how much that is. */
  long bookPage(int encoding, long offset) {
    long bytes = offset - booked;
    pages[encoding] += bytes;
    booked = offset;
    return bytes;
  }

  /** Offset up to which all is booked. */
  long booked() {
    return booked;
  }

  /** Everything that is not 0, in the order in which it stands in most streams. */
  List<Share> shares() {
    List<Share> shares = new ArrayList<>();
    for (Part part : Part.values()) {
      long bytes = parts.getOrDefault(part, 0L);
      if (bytes != 0) {
        shares.add(new Share(part.toString(), bytes));
      }
      if (part == Part.RAM_MARKS) {
        for (int i = 0; i < pages.length; i++) {
          if (pages[i] != 0) {
            shares.add(new Share("pages-" + encodings.get(i).name(), pages[i]));
          }
        }
      }
    }
    return List.copyOf(shares);
  }
}
