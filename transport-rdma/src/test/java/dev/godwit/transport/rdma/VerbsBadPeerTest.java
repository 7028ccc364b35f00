package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Region;
import dev.godwit.transport.rdma.wire.Control;
import dev.godwit.transport.rdma.wire.FrameType;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A peer on a device that keeps to the handshake and to nothing after it: the channel ends in
 * bounded time with the right failure, nothing is left of it, and the listener serves the next.
 */
@Tag("softroce")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(value = 150, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class VerbsBadPeerTest {
  private static final int SLOTS = 4;
  private static final int SIZE = 1 << 20;
  private static final int PAGE = 4096;

  private Listener listener;
  private DeviceCounts counts;

  /** What no good peer does; the listener's end of the channel is at hand. */
  private interface Misdeed {
    void commit(RawVerbsPeer raw, Channel in) throws Exception;
  }

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  @BeforeAll
  void listen(@TempDir Path scratch) throws Exception {
    listener =
        new RdmaTransport()
            .listen(
                Endpoint.parse(
                    "rdma:"
                        + RdmaFixture.ADDRESS
                        + ":0?slots="
                        + SLOTS
                        + "&slot=4k&max-registered=8M&liveness=2s"));
    serve();
    counts = DeviceCounts.baseline(scratch);
  }

  /** Whatever went before, a good peer is served. */
  @AfterEach
  void serve() throws Exception {
    GoodPeer.isServedBy(listener);
  }

  @AfterAll
  void end() throws Exception {
    counts.awaitNone();
    listener.close();
  }

  /** How a reader's channel ends after the misdeed. */
  private Throwable failure(Misdeed misdeed) throws Exception {
    Task<Channel> accepting = Task.start("accept", () -> listener.accept(soon()));
    try (RawVerbsPeer raw = RawVerbsPeer.connected(listener.local(), SLOTS);
        Channel in = accepting.result()) {
      misdeed.commit(raw, in);
      Task<Integer> reading =
          Task.start(
              "read",
              () -> {
                while (in.read(ByteBuffer.allocate(100)) >= 0) {
                  // What came before the misdeed is good.
                }
                return -1;
              });
      return reading.failure();
    }
  }

  private void assertViolated(String hint, Misdeed misdeed) throws Exception {
    assertThat(
            failure(
                (raw, in) -> {
                  misdeed.commit(raw, in);
                  assertThat(raw.wire.receive(Control.Abort.class).sentence())
                      .as("it is told")
                      .contains(hint);
                }))
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessageContaining(hint);
  }

  private static byte[] hex(String bytes) {
    return HexFormat.of().parseHex(bytes);
  }

  @Test
  void whatIsNoFrameIsAViolation() throws Exception {
    assertViolated("frame of 0 bytes", (raw, in) -> raw.wire.send(new byte[0]));
    assertViolated("frame of 3 bytes", (raw, in) -> raw.wire.send(new byte[3]));
    assertViolated("unknown type 77", (raw, in) -> raw.wire.send(hex("4d" + "00".repeat(23))));
    assertViolated(
        "claims 100",
        (raw, in) -> raw.wire.send(hex("010000000000000000000064" + "00".repeat(12))));
    assertViolated(
        "ends within an item",
        (raw, in) -> raw.wire.send(FrameType.STREAM, 0, 0, 0, hex("80000000" + "00".repeat(10))));
  }

  @Test
  void aFrameLongerThanASlotIsAViolation() throws Exception {
    assertThat(failure((raw, in) -> raw.wire.send(new byte[5000])))
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessageContaining("longer than a slot")
        .hasMessageMatching(".*status [12]\\)");
  }

  @Test
  void moreFramesThanCreditsAreAViolation() throws Exception {
    assertThat(
            failure(
                (raw, in) -> {
                  for (int i = 0; i < 40; i++) {
                    raw.wire.send(FrameType.STREAM, 0, 0, 0, hex("000000020000"));
                  }
                }))
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessageContaining("exceeded its credits");
  }

  @Test
  void creditsOutOfNothingAreAViolation() throws Exception {
    assertViolated("gave back", (raw, in) -> raw.wire.send(FrameType.CREDIT, 2, 0, 0, new byte[0]));
  }

  @Test
  void framesOutOfTurnAreAViolation() throws Exception {
    assertViolated("out of turn", (raw, in) -> raw.wire.send(new Control.Barrier(2)));
    assertViolated("unknown here", (raw, in) -> raw.wire.send(new Control.Keys(1, 0, 1, 0, 0)));
    assertViolated("never was", (raw, in) -> raw.wire.send(new Control.KeyRequest(0, 0, 1)));
  }

  @Test
  void whatNobodyHasARightToAskForIsAViolation() throws Exception {
    for (Access access : Access.values()) {
      assertViolated(
          "no right",
          (raw, in) -> {
            register(in, access);
            raw.wire.send(new Control.KeyRequest(0, access == Access.LOCAL ? 0 : SIZE, 1));
          });
    }
    assertViolated(
        "was told that 4194304",
        (raw, in) -> {
          Arena arena = Arena.ofAuto();
          in.info().peer().register("ram", arena.allocate(16 << 20, PAGE), Access.REMOTE_WRITE);
          raw.wire.send(new Control.KeyRequest(0, 0, 4 << 20));
          raw.wire.receive(Control.Keys.class);
          raw.wire.send(new Control.KeyRequest(0, 4 << 20, 1));
        });
  }

  @Test
  void aLandedCursorThatIsNotWhereItShouldBeIsAViolation() throws Exception {
    for (long next : new long[] {0, 4095, 4097, -1}) {
      assertViolated(
          "says that it put " + next,
          (raw, in) -> {
            put(raw, register(in, Access.REMOTE_WRITE));
            raw.wire.send(FrameType.STREAM, 0, 0, next, hex("00000001aa"));
          });
    }
  }

  private static Region register(Channel in, Access access) throws ChannelException {
    return in.info().peer().register("ram", Arena.ofAuto().allocate(SIZE, PAGE), access);
  }

  /** Asks for the key of the first page. */
  private static Control.Keys key(RawVerbsPeer raw) throws Exception {
    raw.wire.send(new Control.KeyRequest(0, 0, PAGE));
    return raw.wire.receive(Control.Keys.class);
  }

  /** Puts the first page as a good peer does. */
  private static void put(RawVerbsPeer raw, Region region) throws Exception {
    Control.Keys keys = key(raw);
    assertThat(raw.wire.write(raw.memory, PAGE, keys.address(), keys.key())).isZero();
    raw.wire.send(FrameType.STREAM, 0, 0, PAGE, put(PAGE));
    assertThat(keys.address()).isEqualTo(region.memory().address());
  }

  /** The item that announces a put at the beginning of the first region. */
  private static byte[] put(int length) {
    return ByteBuffer.allocate(20).putInt(1 << 31).putLong(0).putLong(length).array();
  }

  /**
   * A write that the device refuses, so that of the memory nothing changes: it is who wrote that is
   * told, while at this end the connection just ends.
   */
  private void assertRefused(Misdeed misdeed) throws Exception {
    assertThat(failure(misdeed))
        .isInstanceOf(ChannelException.Lost.class)
        .hasMessageMatching("The connection to .* broke .*status 5\\)|The device gave up on .*");
  }

  @Test
  void aWriteWithAKeyThatNobodyGaveBreaksTheChannel() throws Exception {
    assertRefused(
        (raw, in) -> {
          Region region = register(in, Access.REMOTE_WRITE);
          Control.Keys keys = key(raw);
          assertThat(raw.wire.write(raw.memory, 8, keys.address(), keys.key() ^ 0x5a5a00))
              .isEqualTo(Completions.REMOTE_ACCESS_ERROR);
          assertUntouched(region);
        });
  }

  @Test
  void aWriteOutsideOfWhatTheKeyIsForBreaksTheChannel() throws Exception {
    for (long at : new long[] {-8, PAGE - 4, PAGE, 1L << 40}) {
      assertRefused(
          (raw, in) -> {
            Region region = register(in, Access.REMOTE_WRITE);
            Control.Keys keys = key(raw);
            assertThat(raw.wire.write(raw.memory, 8, keys.address() + at, keys.key()))
                .isEqualTo(Completions.REMOTE_ACCESS_ERROR);
            assertUntouched(region);
          });
    }
  }

  @Test
  void aWriteWithAKeyThatWasGivenBackBreaksTheChannel() throws Exception {
    assertRefused(
        (raw, in) -> {
          Region region = register(in, Access.REMOTE_WRITE);
          Control.Keys keys = key(raw);
          raw.wire.send(new Control.Release(0, 0, PAGE));
          raw.wire.receive(Control.Released.class);
          assertThat(raw.wire.write(raw.memory, 8, keys.address(), keys.key()))
              .isEqualTo(Completions.REMOTE_ACCESS_ERROR);
          assertUntouched(region);
        });
  }

  @Test
  void aWriteIntoAClosedRegionBreaksTheChannel() throws Exception {
    assertRefused(
        (raw, in) -> {
          MemorySegment memory = Arena.ofAuto().allocate(SIZE, PAGE);
          Region region = in.info().peer().register("ram", memory, Access.REMOTE_WRITE);
          Control.Keys keys = key(raw);
          region.close();
          assertThat(raw.wire.write(raw.memory, 8, keys.address(), keys.key()))
              .isEqualTo(Completions.REMOTE_ACCESS_ERROR);
          assertThat(memory.get(ValueLayout.JAVA_LONG, 0)).isZero();
        });
  }

  private static void assertUntouched(Region region) {
    assertThat(region.memory().mismatch(MemorySegment.ofArray(new byte[SIZE]))).isEqualTo(-1);
  }

  @Test
  void garbageEndsInAViolationOrIsWaitedOut() throws Exception {
    Seed seed = Seed.of("garbageEndsInAViolationOrIsWaitedOut");
    Random random = seed.random();
    List<FrameType> types = List.of(FrameType.values());
    for (int round = 0; round < (Boolean.getBoolean("godwit.full") ? 60 : 10); round++) {
      assertThat(
              failure(
                  (raw, in) -> {
                    for (int i = 0; i < 6; i++) {
                      byte[] payload = new byte[random.nextInt(60)];
                      random.nextBytes(payload);
                      FrameType type = types.get(random.nextInt(types.size()));
                      raw.wire.send(type, random.nextInt(2), random.nextInt(2), 0, payload);
                    }
                    raw.wire.send(FrameType.STREAM, 0, 0, 0, new byte[0]);
                  }))
          .as("round %d of %s", round, seed)
          .isInstanceOf(ChannelException.class);
    }
  }
}
