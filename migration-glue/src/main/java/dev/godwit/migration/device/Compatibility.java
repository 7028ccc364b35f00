package dev.godwit.migration.device;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Whether two versions of a format understand each other, for the tests of whoever changes one. It
 * goes by what is declared; what hooks and setters refuse is seen only with a state.
 *
 * @param forward what breaks when the old one saves and the new one loads; empty if nothing does
 * @param backward what may break when the new one saves, in the version of the old one, and the old
 *     one loads; empty if nothing does. A new subsection is named here: a state that needs it does
 *     not go back
 */
public record Compatibility(List<String> forward, List<String> backward) {

  public Compatibility {
    forward = List.copyOf(forward);
    backward = List.copyOf(backward);
  }

  /** Compares two declarations of one state; the states' own types may differ. */
  public static Compatibility of(StateFormat<?> old, StateFormat<?> now) {
    List<String> forward = new ArrayList<>();
    List<String> backward = new ArrayList<>();
    if (!old.name().equals(now.name())) {
      forward.add("State " + old.name() + " is called " + now.name() + " now");
      backward.add("State " + now.name() + " was called " + old.name());
    }
    if (old.version() < now.oldest() || old.version() > now.version()) {
      String sentence =
          "State %s was in version %d, and is in %d to %d now"
              .formatted(old.name(), old.version(), now.oldest(), now.version());
      forward.add(sentence);
      backward.add(sentence);
    } else {
      Layout then = old.layout(old.version());
      Layout same = now.layout(old.version());
      compare(then, same, forward);
      compare(same, then, backward);
    }
    return new Compatibility(forward, backward);
  }

  /** Compares one version as it is saved with the same as it is loaded. */
  private static void compare(Layout saved, Layout loaded, List<String> breaks) {
    compareFields(saved, loaded, breaks);
    for (StateFormat<?> subsection : saved.subsections()) {
      Optional<? extends StateFormat<?>> known =
          loaded.subsections().stream()
              .filter(other -> other.name().equals(subsection.name()))
              .findFirst();
      if (known.isPresent()) {
        compareSubsection(subsection, known.get(), breaks);
      } else {
        breaks.add("Subsection " + subsection.name() + " is saved and not known");
      }
    }
  }

  private static void compareSubsection(
      StateFormat<?> saved, StateFormat<?> loaded, List<String> breaks) {
    long version = saved.version();
    if (version < loaded.oldest() || version > loaded.version()) {
      breaks.add(
          "Subsection %s is saved in version %d, and loaded in %d to %d"
              .formatted(saved.name(), version, loaded.oldest(), loaded.version()));
    } else {
      compare(saved.layout(version), loaded.layout(version), breaks);
    }
  }

  private static void compareFields(Layout saved, Layout loaded, List<String> breaks) {
    String where = " of " + saved.name() + " version " + saved.version();
    Map<String, Layout.Entry> there = byName(saved, loaded);
    Map<String, Layout.Entry> here = byName(loaded, saved);
    there.forEach(
        (field, entry) -> {
          Layout.Entry other = here.get(field);
          if (other == null) {
            breaks.add("Field " + field + where + " is saved and not loaded");
          } else {
            compare(entry, other, where, breaks);
          }
        });
    for (String field : here.keySet()) {
      if (!there.containsKey(field)) {
        breaks.add("Field " + field + where + " is loaded and not saved");
      }
    }
    List<String> order = there.keySet().stream().filter(here::containsKey).toList();
    if (!order.equals(here.keySet().stream().filter(there::containsKey).toList())) {
      breaks.add("Fields" + where + " are saved in another order than they are loaded");
    }
  }

  private static void compare(
      Layout.Entry saved, Layout.Entry loaded, String where, List<String> breaks) {
    if (!saved.kind().equals(loaded.kind())) {
      breaks.add(
          "Field %s%s is saved as %s and loaded as %s"
              .formatted(saved.name(), where, saved.shape(), loaded.shape()));
    } else if (saved.count().most() > loaded.count().most()) {
      breaks.add(
          "Field %s%s has up to %d elements, of which up to %d are loaded"
              .formatted(saved.name(), where, saved.count().most(), loaded.count().most()));
    }
    if (saved.inside().isPresent() && loaded.inside().isPresent()) {
      compare(saved.inside().get(), loaded.inside().get(), breaks);
    }
  }

  /**
   * The fields by name, without those that the other side does not use, or that this one does not,
   * and that are as long on both; what is unused is told apart by its number.
   */
  private static Map<String, Layout.Entry> byName(Layout layout, Layout other) {
    Map<String, Layout.Entry> entries = new LinkedHashMap<>();
    boolean paired = layout.entries().size() == other.entries().size();
    for (int i = 0; i < layout.entries().size(); i++) {
      Layout.Entry entry = layout.entries().get(i);
      if (!paired || !isUnused(entry, other.entries().get(i))) {
        String name = entry.name();
        for (int n = 2; entries.containsKey(name); n++) {
          name = entry.name() + " " + n;
        }
        entries.put(name, entry);
      }
    }
    return entries;
  }

  private static boolean isUnused(Layout.Entry one, Layout.Entry other) {
    return (one.isUnused() || other.isUnused())
        && one.bytes().isPresent()
        && one.bytes().equals(other.bytes());
  }
}
