package dev.godwit.migration.device;

import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.ChannelException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * What a device's state, or a part of it, consists of, said once. It never changes and holds no
 * state; any number of threads may use it, each with a state of its own.
 *
 * <pre>{@code
 * static final StateFormat<Clock> FORMAT =
 *     StateFormat.<Clock>named("clock").version(2).oldest(1)
 *         .u64("ticks", c -> c.ticks, (c, v) -> c.ticks = v)
 *         .since(2).u32("rate", c -> c.rate, (c, v) -> c.rate = v)
 *         .list("alarms", 64, Alarm.FORMAT, c -> c.alarms, Alarm::new)
 *         .build();
 * }</pre>
 *
 * <p>The fields stand one after the other, big-endian; then each subsection that is needed:
 *
 * <pre>
 *   0    u8   0x05
 *   1    cstr8  its whole name, which begins with the name of what it belongs to
 *   +0   u32  its version
 *   +4        its fields, then its own subsections
 * </pre>
 *
 * @param <T> the state, which is the caller's own and is changed in place
 */
public final class StateFormat<T> {
  private static final int SUBSECTION = 0x05;

  private final String name;
  private final long version;
  private final long oldest;
  private final List<Declared<T>> parts;
  private final List<Declared.Subsection<T>> subsections;
  private final SaveHook<? super T> preSave;
  private final LoadHook<? super T> postLoad;

  StateFormat(
      String name,
      long version,
      long oldest,
      List<Declared<T>> parts,
      List<Declared.Subsection<T>> subsections,
      SaveHook<? super T> preSave,
      LoadHook<? super T> postLoad) {
    this.name = name;
    this.version = version;
    this.oldest = oldest;
    this.parts = List.copyOf(parts);
    this.subsections = List.copyOf(subsections);
    this.preSave = preSave;
    this.postLoad = postLoad;
  }

  /**
   * Begins to declare one.
   *
   * @param name 1 to 255 visible ASCII characters; of a subsection it is the name of what it
   *     belongs to, a slash and its own
   */
  public static <T> FormatBuilder<T> named(String name) {
    return new FormatBuilder<>(name);
  }

  public String name() {
    return name;
  }

  /** The version that is written where none is asked for, and the newest that is read. */
  public long version() {
    return version;
  }

  /** The oldest version that is read, and written where it is asked for. */
  public long oldest() {
    return oldest;
  }

  /**
   * Writes a state, in the newest version.
   *
   * @return just what was written
   * @throws GuestException if the state has something that the format cannot say
   */
  public StateDescription save(T state, StreamOutput out) throws ChannelException, GuestException {
    return save(state, out, version);
  }

  /**
   * Writes a state as an older version has it: without the fields that came later. Subsections are
   * written if they are needed, whether or not an old reader knows them, since without them it
   * would have another state than this one.
   *
   * @return just what was written
   * @throws GuestException if the state has something that the format cannot say
   * @throws IllegalArgumentException if there is no such version
   */
  public StateDescription save(T state, StreamOutput out, long version)
      throws ChannelException, GuestException {
    requireWritten(version);
    return saveBody(state, out, version, new Saving.Budget());
  }

  void requireWritten(long asked) {
    if (asked < oldest || asked > version) {
      throw new IllegalArgumentException(
          "State %s is written in versions %d to %d, not in %d"
              .formatted(name, oldest, version, asked));
    }
  }

  StateDescription saveBody(T state, StreamOutput out, long version, Saving.Budget budget)
      throws ChannelException, GuestException {
    preSave.run(state);
    Saving saving = new Saving(out, name, version, parts.size(), budget);
    for (Declared<T> declared : parts) {
      if (declared.since() <= version) {
        declared.part().save(state, saving);
      }
    }
    List<StateDescription> written = new ArrayList<>();
    for (Declared.Subsection<T> subsection : subsections) {
      if (subsection.needed().test(state)) {
        StateFormat<T> format = subsection.format();
        out.u8(SUBSECTION);
        out.name(format.name);
        out.u32(format.version);
        written.add(format.saveBody(state, out, format.version, budget));
      }
    }
    return new StateDescription(name, version, saving.fields(), written);
  }

  /**
   * Reads a state. What its version does not have stays as it is in {@code state}; after a failure
   * nothing is promised of it.
   *
   * @param version that was written
   * @throws StreamException UNSUPPORTED if this side does not read the version, or does not know a
   *     subsection; MISMATCHED if this side is set up in another way; MALFORMED if no such state
   *     can be
   * @throws GuestException if the state does not take what was read
   */
  public void load(T state, StreamInput in, long version)
      throws ChannelException, StreamException, GuestException {
    requireRead("State", in, in.offset(), version);
    loadBody(state, in, version);
  }

  private void requireRead(String what, StreamInput in, long offset, long found)
      throws StreamException {
    if (found < oldest || found > version) {
      throw in.unsupported(
          offset,
          "%s %s has version %d, and this side reads %d to %d"
              .formatted(what, name, found, oldest, version));
    }
  }

  void loadBody(T state, StreamInput in, long version)
      throws ChannelException, StreamException, GuestException {
    Loading loading = new Loading(in, name, version, parts.size());
    for (Declared<T> declared : parts) {
      if (declared.since() <= version) {
        declared.part().load(state, loading);
      }
    }
    boolean[] read = new boolean[subsections.size()];
    while (isSubsection(in)) {
      loadSubsection(state, in, read);
    }
    try {
      postLoad.run(state, version);
    } catch (IllegalArgumentException e) {
      StreamException refused = in.malformed(in.offset(), "State " + name + " is refused");
      refused.initCause(e);
      throw refused;
    }
  }

  /**
   * Whether a subsection of this comes next. A 0x05 may be a field of what is around this one, so
   * the name behind it decides; no byte is waited for once that is told. Where the stream ends in
   * the middle of such a name, it is taken for one.
   */
  private boolean isSubsection(StreamInput in) throws ChannelException {
    if (in.peek() != SUBSECTION) {
      return false;
    }
    for (int i = 0; i <= name.length(); i++) {
      ByteBuffer ahead = in.peek(2 + i);
      if (ahead.remaining() < 2 + i) {
        return i > 1;
      }
      int found = Byte.toUnsignedInt(ahead.get(ahead.position() + 1 + i));
      if (i == 0 ? found <= name.length() : found != name.charAt(i - 1)) {
        return false;
      }
    }
    return true;
  }

  private void loadSubsection(T state, StreamInput in, boolean[] read)
      throws ChannelException, StreamException, GuestException {
    long start = in.offset();
    in.u8();
    String found = in.name("subsection");
    for (int i = 0; i < read.length; i++) {
      StateFormat<T> format = subsections.get(i).format();
      if (format.name.equals(found)) {
        if (read[i]) {
          throw in.malformed(start, "Subsection " + found + " comes twice");
        }
        read[i] = true;
        long versionOffset = in.offset();
        long version = in.u32();
        format.requireRead("Subsection", in, versionOffset, version);
        format.loadBody(state, in, version);
        return;
      }
    }
    throw in.unsupported(
        start, "State " + name + " has a subsection that is unknown here: " + found);
  }

  /**
   * The newest version as text, a line a field: its name, type and length. Equal texts are equal
   * layouts, so that a test that keeps the text notices a change.
   */
  public String describe() {
    return layout(version).text();
  }

  Layout layout(long version) {
    List<Layout.Entry> entries = new ArrayList<>();
    for (Declared<T> declared : parts) {
      if (declared.since() <= version) {
        entries.add(declared.part().layout(version));
      }
    }
    return new Layout(
        name, version, entries, subsections.stream().map(Declared.Subsection::format).toList());
  }

  /** Names of all formats that look for subsections of theirs where this one ends. */
  List<String> tails() {
    List<String> tails = new ArrayList<>();
    tails.add(name);
    for (Declared<T> declared : parts) {
      if (!(declared.part() instanceof ListPart)) {
        declared.part().nested().ifPresent(nested -> tails.addAll(nested.format().tails()));
      }
    }
    subsections.forEach(subsection -> tails.addAll(subsection.format().tails()));
    return tails;
  }

  /** How many objects of a description are inside each other below this one. */
  int depth() {
    int depth = 0;
    for (Declared<T> declared : parts) {
      int inside = declared.part().nested().map(nested -> nested.format().depth()).orElse(0);
      int own = 1;
      if (declared.part() instanceof ListPart) {
        own = 4;
      } else if (declared.part().nested().isPresent()) {
        own = 2;
      }
      depth = Math.max(depth, own + inside);
    }
    for (Declared.Subsection<T> subsection : subsections) {
      depth = Math.max(depth, 1 + subsection.format().depth());
    }
    return depth;
  }
}
