package dev.godwit.channel.stream;

import dev.godwit.channel.stream.SectionHeader.Kind;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The sections that a stream has announced so far: what PART and END mean by their ids. A postcopy
 * recovery goes on with the table of the connection before. Not safe for several threads.
 */
public final class SectionTable {
  /** Some hundred are many; what is beyond this was made to exhaust memory. */
  static final int MAX_SECTIONS = 65_536;

  private record Entry(Section section, Kind announced) {}

  private final Map<Long, Entry> byId = new HashMap<>();

  /** The section that was announced by START under {@code id}, which PART and END go on with. */
  Optional<Section> started(long id) {
    return Optional.ofNullable(byId.get(id))
        .filter(entry -> entry.announced == Kind.START)
        .map(Entry::section);
  }

  /** What was announced under {@code id}, in whatever way. */
  Optional<Section> announced(long id) {
    return Optional.ofNullable(byId.get(id)).map(Entry::section);
  }

  /** Why {@code header} cannot be next; empty if it can. */
  Optional<String> objection(SectionHeader header) {
    Section section = header.section();
    Entry entry = byId.get(section.id());
    if (header.kind().announces()) {
      if (entry != null) {
        return Optional.of(
            "The id of section " + section.name() + " is that of " + entry.section + " already");
      }
      return byId.size() < MAX_SECTIONS
          ? Optional.empty()
          : Optional.of("There are more than " + MAX_SECTIONS + " sections");
    }
    return started(section.id()).isPresent()
        ? Optional.empty()
        : Optional.of(objection(header.kind(), section.id()));
  }

  /** Why {@code id} cannot be gone on with, once {@link #started} knows nothing of it. */
  String objection(Kind kind, long id) {
    Entry entry = byId.get(id);
    return entry == null
        ? "Section " + id + " has a " + kind + " and never had a START"
        : "There is a " + kind + " of " + entry.section + ", which came as a whole before";
  }

  /** Takes note of what has passed {@link #objection}. */
  void accept(SectionHeader header) {
    if (header.kind().announces()) {
      byId.put(header.section().id(), new Entry(header.section(), header.kind()));
    }
  }
}
