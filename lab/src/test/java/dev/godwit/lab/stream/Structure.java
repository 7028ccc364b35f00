package dev.godwit.lab.stream;

import dev.godwit.lab.stream.Decoders.Copied;
import dev.godwit.lab.stream.RecordCopier.Place;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * A main channel of which it is known where pages lie and where all else.
 *
 * @param bytes of the whole channel
 * @param payload the offsets of what is in pages
 * @param firstDevice offset of the first device's state
 */
@SuppressWarnings("ArrayRecordComponent")
record Structure(byte[] bytes, BitSet payload, int firstDevice) {
  /** Of a run of records that are alike; enough to stand behind each other. */
  private static final int KEPT_OF_A_RUN = 2;

  private static final byte VM_DESCRIPTION = 6;

  static Structure of(byte[] main) throws IOException {
    return of(main, Decoders.copy(main, main.length));
  }

  private static Structure of(byte[] main, Copied copied) {
    BitSet payload = new BitSet(main.length);
    for (Place page : copied.pages()) {
      payload.set(page.payload(), page.end());
    }
    return new Structure(main, payload, copied.devices());
  }

  /** The same channel without most of the pages that only continue a block: quick to read. */
  static Structure shortened(byte[] main) throws IOException {
    ByteArrayOutputStream rest = new ByteArrayOutputStream();
    Map<Integer, Integer> run = new HashMap<>();
    int from = 0;
    for (Place page : Decoders.copy(main, main.length).pages()) {
      if (!page.canBeLeftOut()) {
        run.clear();
      } else if (run.merge(page.flags(), 1, Integer::sum) > KEPT_OF_A_RUN) {
        rest.write(main, from, page.start() - from);
        from = page.end();
      }
    }
    rest.write(main, from, main.length - from);
    return of(rest.toByteArray());
  }

  /** The offset behind the end of all sections, where the description begins if there is one. */
  int endOfSections() {
    return endOfSections(bytes, firstDevice);
  }

  /** Looks for the description from the end on, down to {@code from}. */
  static int endOfSections(byte[] main, int from) {
    ByteBuffer in = ByteBuffer.wrap(main);
    for (int at = main.length - 6; at > from; at--) {
      if (main[at] == VM_DESCRIPTION && in.getInt(at + 1) == main.length - at - 5) {
        return at;
      }
    }
    return main.length;
  }

  /** Every offset up to the first device that is not in a page. */
  List<Integer> head() {
    return offsets(0, firstDevice, false);
  }

  /** Every offset from the first device to the end of all sections that is not in a page. */
  List<Integer> devices() {
    return offsets(firstDevice, endOfSections(), false);
  }

  /** Every offset of the description. */
  List<Integer> description() {
    return offsets(endOfSections(), bytes.length, false);
  }

  /** Every offset in a page. */
  List<Integer> inPages() {
    return offsets(0, bytes.length, true);
  }

  private List<Integer> offsets(int from, int to, boolean inPage) {
    return new ArrayList<>(
        IntStream.range(from, to).filter(at -> payload.get(at) == inPage).boxed().toList());
  }
}
