package dev.godwit.migration.device;

import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StateDescription.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Describes structures one after the other: equal ones as an array, others one by one, and too many
 * of those as bytes. It keeps no more than it will say.
 */
final class Elements {
  private static final String STRUCT = "struct";

  private final String name;
  private final Saving.Budget budget;
  private final List<Field> listed = new ArrayList<>();
  private Optional<StateDescription> first = Optional.empty();
  private long firstBytes;
  private long count;
  private long bytes;
  private boolean equal = true;
  private boolean told = true;

  Elements(String name, Saving.Budget budget) {
    this.name = name;
    this.budget = budget;
  }

  /**
   * @param length of what was written, in bytes
   */
  void add(StateDescription element, long length) {
    if (count == 0) {
      first = Optional.of(element);
      firstBytes = length;
    } else if (equal && !first.orElseThrow().equals(element)) {
      equal = false;
      for (long i = 0; i < count; i++) {
        list(i, first.orElseThrow(), firstBytes);
      }
    }
    if (!equal) {
      list(count, element, length);
    }
    count++;
    bytes += length;
  }

  private void list(long index, StateDescription element, long length) {
    told = told && budget.take();
    if (told) {
      listed.add(new Field(name + "[" + index + "]", STRUCT, length, 1, Optional.of(element)));
    } else {
      listed.clear();
    }
  }

  /** What was added; nothing if that is nothing. */
  List<Field> fields() {
    if (count == 0) {
      return List.of();
    }
    if (equal) {
      return List.of(new Field(name, STRUCT, firstBytes, count, first));
    }
    return told
        ? List.copyOf(listed)
        : List.of(new Field(name, Layout.BUFFER, bytes, 1, Optional.empty()));
  }
}
