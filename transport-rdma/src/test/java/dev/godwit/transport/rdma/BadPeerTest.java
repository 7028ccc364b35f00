package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Access;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.rdma.wire.Control;
import dev.godwit.transport.rdma.wire.Frame;
import dev.godwit.transport.rdma.wire.FrameType;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.testkit.Threads;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whatever a peer sends: the channel ends in bounded time with the right kind of failure. */
@Timeout(60)
final class BadPeerTest {
  /** One frame that no good peer sends. */
  private interface Misdeed {
    void commit(RawPeer raw) throws ChannelException;
  }

  private static void assertViolated(String hint, Misdeed misdeed) throws Exception {
    try (RawPeer raw = new RawPeer("")) {
      Task<Integer> reading = Task.start("read", () -> raw.channel.read(ByteBuffer.allocate(100)));
      misdeed.commit(raw);
      assertThat(reading.failure())
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessageContaining(hint);
      assertThat(raw.receive(Control.Abort.class).sentence()).as("it is told").contains(hint);
    }
  }

  private static byte[] hex(String bytes) {
    return HexFormat.of().parseHex(bytes);
  }

  @Test
  void whatIsNoFrameIsAViolation() throws Exception {
    assertViolated("frame of 3 bytes", raw -> raw.send(new byte[3]));
    assertViolated("unknown type 77", raw -> raw.send(hex("4d" + "00".repeat(23))));
    assertViolated(
        "claims 100", raw -> raw.send(hex("010000000000000000000064" + "00".repeat(12))));
  }

  @Test
  void badItemsAreAViolation() throws Exception {
    assertViolated("nothing in it", raw -> raw.send(FrameType.STREAM, 0, 0, 0, new byte[0]));
    assertViolated("item of 9", raw -> raw.send(FrameType.STREAM, 0, 0, 0, hex("00000009aa")));
    assertViolated(
        "region 5, which never was",
        raw ->
            raw.send(
                FrameType.STREAM,
                0,
                0,
                1,
                hex("80000005" + "0000000000000000" + "0000000000000001")));
    assertViolated(
        "and announced 0", raw -> raw.send(FrameType.STREAM, 0, 0, 8, hex("00000001aa")));
  }

  @Test
  void putsThatWereNotAllowedAreAViolation() throws Exception {
    for (Access access : Access.values()) {
      try (RawPeer raw = new RawPeer("");
          Arena arena = Arena.ofShared();
          Region region = raw.peer.register("ram", arena.allocate(100), access)) {
        long length = access == Access.LOCAL ? 1 : 101;
        ByteBuffer payload = ByteBuffer.allocate(20).putInt(1 << 31).putLong(0).putLong(length);
        raw.send(FrameType.STREAM, 0, 0, length, payload.array());
        assertThatThrownBy(() -> raw.channel.get(region, 0, 1))
            .as("%s", access)
            .isInstanceOf(ChannelException.Violated.class)
            .hasMessageContaining("no right");
      }
    }
  }

  @Test
  void moreFramesThanCreditsAreAViolation() throws Exception {
    try (RawPeer raw = new RawPeer("")) {
      for (int i = 0; i <= RawPeer.SLOTS; i++) {
        raw.send(FrameType.STREAM, 0, 0, 0, hex("000000020000"));
      }
      assertThatThrownBy(
              () -> {
                while (true) {
                  raw.channel.read(ByteBuffer.allocate(1));
                }
              })
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessageContaining("exceeded its credits");
    }
  }

  @Test
  void aFrameLongerThanASlotIsAViolation() throws Exception {
    try (RawPeer raw = new RawPeer("")) {
      raw.send(new byte[5000]);
      assertThatThrownBy(() -> raw.channel.read(ByteBuffer.allocate(1)))
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessageContaining("longer than a slot");
    }
  }

  @Test
  void creditsOutOfNothingAreAViolation() throws Exception {
    assertViolated("gave back", raw -> raw.send(FrameType.CREDIT, 2, 0, 0, new byte[0]));
    assertViolated("gave back", raw -> raw.send(FrameType.END, 65535, 65535, 0, new byte[0]));
    assertViolated("too few", raw -> raw.send(FrameType.CREDIT, 0, 0, 0, new byte[0]));
  }

  @Test
  void framesOutOfTurnAreAViolation() throws Exception {
    assertViolated("out of turn", raw -> raw.send(new Control.Barrier(2)));
    assertViolated("met barrier", raw -> raw.send(new Control.BarrierMet(1)));
    assertViolated("unknown here", raw -> raw.send(new Control.Keys(1, 0, 1, 0, 0)));
    assertViolated("never was", raw -> raw.send(new Control.KeyRequest(0, 0, 1)));
    assertViolated("never was", raw -> raw.send(new Control.Release(0, 0, 1)));
  }

  @Test
  void nothingComesAfterTheEnd() throws Exception {
    try (RawPeer raw = new RawPeer("")) {
      raw.send(new Control.End());
      assertThat(raw.channel.read(ByteBuffer.allocate(1))).isEqualTo(-1);
      raw.send(FrameType.STREAM, 0, 0, 0, hex("00000001aa"));
      assertThatThrownBy(
              () -> {
                while (true) {
                  raw.channel.write(ByteBuffer.allocate(1000));
                }
              })
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessageContaining("after its end");
    }
  }

  @Test
  void aRegionThatChangesIsAViolation() throws Exception {
    assertViolated(
        "is now",
        raw -> {
          raw.send(new Control.Advertise(0, 100, false, "ram"));
          raw.send(new Control.Advertise(0, 101, false, "ram"));
        });
  }

  @Test
  void aKeyOfMoreThanTheRegionIsAViolation() throws Exception {
    assertViolated(
        "and the region has 100 bytes",
        raw -> {
          raw.send(new Control.Advertise(0, 100, true, "ram"));
          raw.send(new Control.Keys(0, 50, 51, 4096, 7));
        });
  }

  @Test
  void keysOfMoreThanTheCeilingAreAViolation() throws Exception {
    try (RawPeer raw = new RawPeer("max-registered=8M");
        Arena arena = Arena.ofShared();
        Region region = raw.peer.register("ram", arena.allocate(16 << 20), Access.REMOTE_WRITE)) {
      Task<Integer> reading = Task.start("read", () -> raw.channel.read(ByteBuffer.allocate(100)));
      assertThat(raw.receive(Control.Advertise.class).name()).isEqualTo(region.name());
      raw.send(new Control.KeyRequest(0, 0, 4 << 20));
      assertThat(raw.receive(Control.Keys.class).length()).isEqualTo(4 << 20);
      assertThat(raw.peer.statistics().bytes()).isEqualTo(4 << 20);
      raw.send(new Control.KeyRequest(0, 4 << 20, 1));
      assertThat(reading.failure())
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessageContaining("was told that 4194304");
      assertThat(raw.peer.statistics().mostBytes()).isEqualTo(4 << 20);
    }
  }

  @Test
  void aKeyIsGivenBackAndAskedForAgain() throws Exception {
    try (RawPeer raw = new RawPeer("");
        Arena arena = Arena.ofShared();
        Region region = raw.peer.register("ram", arena.allocate(1 << 20), Access.REMOTE_WRITE)) {
      assertThat(raw.receive(Control.Advertise.class).length())
          .isEqualTo(region.memory().byteSize());
      raw.send(new Control.KeyRequest(0, 4096, 8192));
      Control.Keys keys = raw.receive(Control.Keys.class);
      assertThat(keys.address()).isEqualTo(region.memory().address() + 4096);
      raw.send(new Control.KeyRequest(0, 4096, 8192));
      assertThat(raw.receive(Control.Keys.class)).as("asked for twice").isEqualTo(keys);
      raw.send(new Control.Release(0, 4096, 8192));
      raw.receive(Control.Released.class);
      assertThat(raw.peer.statistics().bytes()).isZero();
      raw.send(new Control.Release(0, 4096, 8192));
      raw.receive(Control.Released.class);
    }
  }

  @Test
  void whatThePeerSaysWhenItGivesUpIsPassedOn() throws Exception {
    try (RawPeer raw = new RawPeer("")) {
      raw.send(new Control.Abort("The disk is full"));
      assertThatThrownBy(() -> raw.channel.read(ByteBuffer.allocate(1)))
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageEndingWith("gave up: The disk is full");
    }
  }

  @Test
  void garbageEndsInAViolationOrNothing() throws Exception {
    Seed seed = Seed.of("garbageEndsInAViolationOrNothing");
    Random random = seed.random();
    List<FrameType> types = List.of(FrameType.values());
    for (int round = 0; round < 150; round++) {
      try (RawPeer raw = new RawPeer("")) {
        for (int i = 0; i < 6; i++) {
          byte[] payload = new byte[random.nextInt(60)];
          random.nextBytes(payload);
          FrameType type = types.get(random.nextInt(types.size()));
          raw.send(type, random.nextInt(2), random.nextInt(2), 0, payload);
        }
        raw.channel.abort(new IllegalStateException("The test is over"));
        assertThatThrownBy(() -> raw.channel.read(ByteBuffer.allocate(1)))
            .as("%s", seed)
            .isInstanceOf(ChannelException.class);
      }
    }
  }

  @Test
  void aCutLinkIsNoticedByASideThatOnlyReads() throws Exception {
    try (RawPeer raw = new RawPeer("liveness=50ms")) {
      Task<Integer> reading = Task.start("read", () -> raw.channel.read(ByteBuffer.allocate(100)));
      reading.awaitBlocked();
      raw.cut();
      assertThat(reading.failure())
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageContaining("acknowledged nothing for");
    }
  }

  @Test
  void aPeerThatIsQuietButThereIsLeftAlone() throws Exception {
    try (RawPeer raw = new RawPeer("liveness=20ms")) {
      Task<Integer> reading = Task.start("read", () -> raw.channel.read(ByteBuffer.allocate(100)));
      Deadline silence = Deadline.after(Duration.ofMillis(300));
      Await.until("the silence is over", silence::hasPassed);
      assertThat(reading.isDone()).isFalse();
      raw.send(FrameType.STREAM, 0, 0, 0, hex("00000001aa"));
      assertThat(reading.result()).isEqualTo(1);
    }
  }

  @Test
  void aCloseOverACutLinkEndsToo() throws Exception {
    try (RawPeer raw = new RawPeer("liveness=50ms")) {
      raw.cut();
      raw.channel.write(ByteBuffer.allocate(10));
      assertThatThrownBy(raw.channel::close)
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageContaining("may not have arrived");
    }
  }

  @Test
  void aRemovedDeviceIsALoss() throws Exception {
    for (QueuePair.Event event : List.of(QueuePair.Event.DEVICE_REMOVED, QueuePair.Event.FATAL)) {
      try (RawPeer raw = new RawPeer("")) {
        Task<Boolean> writing =
            Threads.start(
                "write",
                () -> {
                  while (true) {
                    raw.channel.write(ByteBuffer.allocate(1000));
                  }
                });
        writing.awaitBlocked();
        raw.inject(event);
        assertThat(writing.failure()).isInstanceOf(ChannelException.Lost.class);
      }
    }
  }

  @Test
  void aPutToAKeyThatIsNoneIsAViolation() throws Exception {
    try (RawPeer raw = new RawPeer("");
        Arena arena = Arena.ofShared();
        Region src = raw.peer.register("src", arena.allocate(100), Access.LOCAL)) {
      raw.send(new Control.Advertise(0, 100, true, "ram"));
      raw.send(new Control.Keys(0, 0, 100, 4096, 12345));
      RemoteRegion dst = raw.peer.remote("ram", Deadline.after(Duration.ofSeconds(20)));
      assertThatThrownBy(
              () -> {
                raw.channel.put(src, 0, dst, 0, 100);
                raw.channel.settle();
              })
          .isInstanceOf(ChannelException.Violated.class);
    }
  }

  @Test
  void framesAreAnsweredWhileTheUserIsElsewhere() throws Exception {
    try (RawPeer raw = new RawPeer("")) {
      int credits = Frame.CONTROL_SLOTS;
      for (int i = 0; i < 10 * Frame.CONTROL_SLOTS; i++) {
        raw.send(new Control.Forget(i));
        credits--;
        int before = credits;
        Await.until("there is a credit", () -> before + raw.controlCredits() > 0);
        credits += raw.takeControlCredits();
      }
    }
  }
}
