package dev.godwit.migration.device;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** What one version of a format has, without a state. */
record Layout(
    String name, long version, List<Entry> entries, List<? extends StateFormat<?>> subsections) {
  static final String UNUSED = "unused_buffer";
  static final String BUFFER = "buffer";

  Layout {
    entries = List.copyOf(entries);
    subsections = List.copyOf(subsections);
  }

  /**
   * A field.
   *
   * @param type QEMU's word for it
   * @param inside of a structure
   */
  record Entry(String name, String type, Count count, Optional<Layout> inside) {

    /** Type and length. */
    String shape() {
      if (count.equals(Count.fixed(1))) {
        return type;
      }
      return count.field() < 0
          ? type + " x " + count.text()
          : type + " x " + count.text() + " up to " + count.most();
    }

    /** Type and length but for how many there may be. */
    String kind() {
      return type + " x " + count.text();
    }

    boolean isUnused() {
      return type.equals(UNUSED);
    }

    /** Its length in bytes, where that is always the same. */
    OptionalLong bytes() {
      if (count.field() >= 0) {
        return OptionalLong.empty();
      }
      if (isUnused() || type.equals(BUFFER)) {
        return OptionalLong.of(count.most());
      }
      return Arrays.stream(Primitive.values())
          .filter(primitive -> primitive.word().equals(type))
          .mapToLong(primitive -> (long) primitive.bytes() * count.most())
          .findFirst();
    }
  }

  /** A line for itself, for each field, and for all that is inside. */
  String text() {
    StringBuilder text = new StringBuilder();
    print(text, "", "");
    return text.toString();
  }

  private void print(StringBuilder text, String indent, String what) {
    text.append(indent).append(what).append(name).append(" version ").append(version).append('\n');
    for (Entry entry : entries) {
      text.append(indent).append("  ").append(entry.name()).append(' ').append(entry.shape());
      text.append('\n');
      entry.inside().ifPresent(inside -> inside.print(text, indent + "    ", ""));
    }
    for (StateFormat<?> subsection : subsections) {
      subsection.layout(subsection.version()).print(text, indent + "  ", "subsection ");
    }
  }
}
