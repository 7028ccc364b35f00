package dev.godwit.channel.ram;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.transport.ChannelException;
import java.util.Map;

/**
 * One way in which a page can travel in a RAM section, for both directions. It is a file of its
 * own, and one line in {@link PageEncodings}.
 */
public interface PageEncoding {

  /** What surrounds a migration, as far as an encoding can be at odds with it. */
  enum Surroundings {
    READER_7_2,
    READER_10_0,
    MULTIFD,
    MAPPED_RAM,
    BACKGROUND_SNAPSHOT,
    /** Blocks of huge pages travel in these. */
    WHOLE_PAGES,
    /** Put bytes are announced by records. */
    RECORDED_PLACEMENT,
    /** Put bytes are announced by nothing. */
    SILENT_PLACEMENT
  }

  /** QEMU's word for it. */
  String name();

  /** The one flag of {@link RamWord} that marks it. */
  int flag();

  /** Whether a reader of that dialect knows it. */
  default boolean isReadBy(RamDialect dialect) {
    return true;
  }

  /** Whether a destination may apply it late, so that no page is sent twice in one section. */
  default boolean isAppliedLate() {
    return false;
  }

  /** Where it must not be used, each with the reason as a sentence. */
  Map<Surroundings, String> exclusions();

  /**
   * Steps over what follows word and name, without a page to apply it to: checks the lengths in it
   * and nothing that would need the page. Allocates nothing.
   */
  void skip(StreamInput in, int pageBytes, RamDialect dialect)
      throws ChannelException, StreamException;

  /** Makes what reads it from one channel. */
  Decoder decoder(int pageBytes, RamDialect dialect);

  /** Makes what writes it to one channel. */
  Encoder encoder(int pageBytes);

  /** Reads pages of one channel, in one thread. */
  @FunctionalInterface
  interface Decoder extends AutoCloseable {

    /** Reads what follows word and name, and applies it to the page. Allocates nothing. */
    void decode(StreamInput in, IncomingPage page) throws ChannelException, StreamException;

    @Override
    default void close() {}
  }

  /** Writes pages to one channel, in one thread. */
  @FunctionalInterface
  interface Encoder extends AutoCloseable {

    /**
     * Writes the page, or leaves it to the next encoding of the list; returns whether it took it. A
     * guest may change the page meanwhile: whatever looks at its bytes more than once takes {@link
     * OutgoingPage#copy} and sends that. Allocates nothing.
     */
    boolean encode(OutgoingPage page, StreamOutput out) throws ChannelException;

    /** Another encoding took the page, before or after this one was asked. */
    default void tookElsewhere(OutgoingPage page) {}

    /** All pages have been sent once more; {@code passes} is how many times by now. */
    default void passEnded(int passes) {}

    @Override
    default void close() {}
  }
}
