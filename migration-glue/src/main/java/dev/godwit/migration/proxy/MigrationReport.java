package dev.godwit.migration.proxy;

import dev.godwit.channel.identity.MainHead;
import dev.godwit.transport.PeerIdentity;
import java.util.List;
import java.util.Optional;

/**
 * What became of one carried migration.
 *
 * @param outcome as far as the bytes tell
 * @param cause one sentence if it did not end well
 * @param failure what broke first, for the exit code
 * @param machine QEMU's machine type, if the main stream showed it
 * @param ram the guest's memory as the source announced it, if the main stream showed it
 * @param returnPath whether the source opened the return path
 * @param arrived whether the destination may run the guest: it said that it has it, or it was
 *     handed all of it and the rest could not be seen
 * @param seconds from the first connection to the end of the last
 * @param channels in accept order
 */
public record MigrationReport(
    Outcome outcome,
    Optional<String> cause,
    Optional<Throwable> failure,
    Optional<String> machine,
    Optional<MainHead.Ram> ram,
    boolean returnPath,
    boolean arrived,
    double seconds,
    List<ChannelReport> channels) {

  /** How it ended, as far as the bytes tell. */
  public enum Outcome {
    /** The destination said on the return path that it has the whole guest. */
    COMPLETED,
    /** All bytes were delivered and both sides ended in order; nobody said more. */
    DELIVERED,
    /**
     * It broke before the destination had all of it, or the destination said that it failed: the
     * guest is still at the source.
     */
    FAILED,
    /**
     * It broke when the destination may have had the guest already, or postcopy may have begun, or
     * it ended in order but not at the end of a stream: look at both sides.
     */
    UNKNOWN
  }

  /**
   * One connection.
   *
   * @param role what it was, for example {@code main} or {@code multifd 3}
   * @param peer who connected, by name or else by address
   * @param source who the source's side of it has shown to be
   * @param destination who the destination's side has shown to be; unknown if there was none
   * @param endedWithoutNotify whether either side ended without the word by which it could have
   *     said so, as TLS without close_notify; whether the migration was whole the stream itself
   *     tells
   * @param placing whether one of its ends is of a transport that can place bytes in registered
   *     memory
   * @param placedBytes what was placed so; the rest passed through buffers
   * @param forwardBytes from source to destination
   * @param backwardBytes from destination to source
   * @param bridge what it has cost to keep the guest's memory, where that had to be
   */
  public record ChannelReport(
      String role,
      String peer,
      PeerIdentity source,
      PeerIdentity destination,
      boolean endedWithoutNotify,
      boolean placing,
      long placedBytes,
      long forwardBytes,
      long backwardBytes,
      Optional<BridgeReport> bridge) {}

  /** Bytes from source to destination on all channels. */
  public long forwardBytes() {
    return channels.stream().mapToLong(ChannelReport::forwardBytes).sum();
  }

  /** Bytes from destination to source on all channels. */
  public long backwardBytes() {
    return channels.stream().mapToLong(ChannelReport::backwardBytes).sum();
  }
}
