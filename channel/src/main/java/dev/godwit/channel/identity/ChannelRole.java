package dev.godwit.channel.identity;

import java.util.UUID;

/** What a connection is to its migration, as far as its first bytes tell. */
public sealed interface ChannelRole {

  /** The main channel, which begins with the file header (qemu-wire.md §1.1). */
  record Main() implements ChannelRole {
    @Override
    public String toString() {
      return "main";
    }
  }

  /**
   * The main channel of a postcopy recovery, which begins with a command and has no header
   * (qemu-wire.md §5.5).
   */
  record Recovery() implements ChannelRole {
    @Override
    public String toString() {
      return "recovery";
    }
  }

  /**
   * A multifd channel (qemu-wire.md §4.3).
   *
   * @param id 0 to 254
   * @param vm the source VM's UUID, all zero if it has none
   */
  record Multifd(int id, UUID vm) implements ChannelRole {
    @Override
    public String toString() {
      return "multifd " + id;
    }
  }

  /**
   * The channel of urgent postcopy pages, which begins with a page record and has no header
   * (qemu-wire.md §5.4).
   */
  record Preempt() implements ChannelRole {
    @Override
    public String toString() {
      return "preempt";
    }
  }

  /**
   * QEMU's own TLS: what is inside cannot be told, only the order of arrival says which channel it
   * is (qemu-wire.md §7).
   */
  record Tls() implements ChannelRole {
    @Override
    public String toString() {
      return "tls";
    }
  }

  /**
   * Nothing was said yet. A main channel of QEMU 10.0 with multifd, or a preempt channel, may be so
   * for long.
   */
  record Silent() implements ChannelRole {
    @Override
    public String toString() {
      return "silent";
    }
  }

  /** Carried as it is; nobody looked. */
  record Opaque() implements ChannelRole {
    @Override
    public String toString() {
      return "opaque";
    }
  }

  /** Whether bytes were seen that only a migration begins with. */
  default boolean isRecognised() {
    return !(this instanceof Silent || this instanceof Opaque);
  }

  /** Whether this is the channel that carries sections and the return path. */
  default boolean isMain() {
    return this instanceof Main || this instanceof Recovery;
  }
}
