package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.rdma.wire.Control;
import dev.godwit.transport.rdma.wire.FrameType;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Task;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A name that is registered again, while the other side still knows who had it before: a put to the
 * old region fails and never lands in silence.
 */
@Timeout(60)
final class StaleRegionTest {
  private final Arena arena = Arena.ofShared();

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  @Test
  void aPutWithTheKeyOfTheOldRegionBreaksTheChannel() throws Exception {
    try (RawPeer raw = new RawPeer("");
        Region src = raw.peer.register("src", arena.allocate(100), Access.LOCAL)) {
      raw.send(new Control.Advertise(0, 100, true, "ram"));
      raw.send(new Control.Keys(0, 0, 100, 4096, 12345));
      RemoteRegion old = raw.peer.remote("ram", soon());
      assertThatThrownBy(
              () -> {
                raw.channel.put(src, 0, old, 0, 100);
                raw.channel.settle();
              })
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessageContaining("has closed the region");
    }
  }

  @Test
  void theNewsThatItIsClosedEndsAPutThatWaitsForAKey() throws Exception {
    try (RawPeer raw = new RawPeer("");
        Region src = raw.peer.register("src", arena.allocate(100), Access.LOCAL)) {
      raw.send(new Control.Advertise(0, 100, false, "ram"));
      RemoteRegion old = raw.peer.remote("ram", soon());
      Task<Boolean> putting =
          Task.start(
              "put",
              () -> {
                raw.channel.put(src, 0, old, 0, 100);
                return true;
              });
      assertThat(raw.receive(Control.KeyRequest.class).region()).isZero();
      raw.send(new Control.Forget(0));
      assertThat(putting.failure())
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessageContaining("has closed region ram");
    }
  }

  @Test
  void whatIsAnnouncedForTheOldRegionIsNotTakenForTheNewOne() throws Exception {
    try (RawPeer raw = new RawPeer("")) {
      raw.peer.register("ram", arena.allocate(100), Access.REMOTE_WRITE).close();
      try (Region region = raw.peer.register("ram", arena.allocate(100), Access.REMOTE_WRITE)) {
        byte[] put = ByteBuffer.allocate(20).putInt(1 << 31).putLong(0).putLong(8).array();
        raw.send(FrameType.STREAM, 0, 0, 8, put);
        assertThatThrownBy(() -> raw.channel.get(region, 0, 8))
            .isInstanceOf(ChannelException.Violated.class)
            .hasMessageContaining("met a put at ram+0");
      }
    }
  }

  @Test
  void whoAsksForAKeyOfAClosedRegionIsToldThatItIsClosed() throws Exception {
    try (RawPeer raw = new RawPeer("")) {
      raw.peer.register("ram", arena.allocate(100), Access.REMOTE_WRITE).close();
      assertThat(raw.receive(Control.Forget.class).region()).isZero();
      raw.send(new Control.KeyRequest(0, 0, 100));
      assertThat(raw.receive(Control.Forget.class).region()).isZero();
      assertThat(raw.peer.statistics().registrations()).isZero();
    }
  }

  /** Both ends of a channel, between the same dialer and listener again and again. */
  private static final class Ends implements AutoCloseable {
    final Channel out;
    final Channel in;

    Ends(Dialer dialer, Listener listener) throws Exception {
      Task<Channel> accepting = Task.start("accept", () -> listener.accept(soon()));
      out = dialer.dial(soon());
      in = accepting.result();
    }

    void move(Region src, RemoteRegion there, Region dst) throws ChannelException {
      out.put(src, 0, there, 0, 100);
      out.flush();
      in.get(dst, 0, 100);
    }

    @Override
    public void close() throws ChannelException {
      out.close();
      in.close();
    }
  }

  @Test
  void aDiallerThatComesAgainFindsWhatIsThereNow() throws Exception {
    FakeRdmaTransport transport = new FakeRdmaTransport();
    Endpoint here = new FakeFixture("").address();
    try (Listener listener = transport.listen(here);
        Dialer dialer = transport.dialer(here);
        Region src = dialer.peer().register("src", arena.allocate(100), Access.LOCAL)) {
      RemoteRegion old;
      Region first;
      try (Ends ends = new Ends(dialer, listener)) {
        first = ends.in.info().peer().register("ram", arena.allocate(100), Access.REMOTE_WRITE);
        old = dialer.peer().remote("ram", soon());
        ends.move(src, old, first);
      }
      // With it goes all that the listener remembers.
      first.close();
      for (long size : new long[] {200, 200, 300}) {
        try (Ends ends = new Ends(dialer, listener)) {
          Task<RemoteRegion> asking = Task.start("ask", () -> dialer.peer().remote("ram", soon()));
          asking.awaitBlocked();
          try (Region dst =
              ends.in.info().peer().register("ram", arena.allocate(size), Access.REMOTE_WRITE)) {
            ends.move(src, asking.result(), dst);
          }
        }
      }
    }
  }

  @Test
  void aRegionThatLivesOnIsFoundAgain() throws Exception {
    FakeRdmaTransport transport = new FakeRdmaTransport();
    Endpoint here = new FakeFixture("").address();
    try (Listener listener = transport.listen(here);
        Dialer dialer = transport.dialer(here);
        Region src = dialer.peer().register("src", arena.allocate(100), Access.LOCAL)) {
      Ends before = new Ends(dialer, listener);
      try (Region dst =
          before.in.info().peer().register("ram", arena.allocate(100), Access.REMOTE_WRITE)) {
        RemoteRegion there = dialer.peer().remote("ram", soon());
        before.move(src, there, dst);
        before.close();
        try (Ends ends = new Ends(dialer, listener)) {
          assertThat(dialer.peer().remote("ram", soon())).isSameAs(there);
          ends.move(src, there, dst);
        }
      }
    }
  }

  @Test
  void aPutToARegionThatWasClosedWhileNobodyWasThereFails() throws Exception {
    FakeRdmaTransport transport = new FakeRdmaTransport();
    Endpoint here = new FakeFixture("").address();
    try (Listener listener = transport.listen(here);
        Dialer dialer = transport.dialer(here);
        Region src = dialer.peer().register("src", arena.allocate(100), Access.LOCAL)) {
      Ends before = new Ends(dialer, listener);
      Region kept =
          before.in.info().peer().register("kept", arena.allocate(100), Access.REMOTE_WRITE);
      Region dst =
          before.in.info().peer().register("ram", arena.allocate(100), Access.REMOTE_WRITE);
      RemoteRegion there = dialer.peer().remote("ram", soon());
      before.close();
      dst.close();
      Ends ends = new Ends(dialer, listener);
      assertThatThrownBy(() -> ends.out.put(src, 0, there, 0, 100))
          .isInstanceOf(ChannelException.Violated.class)
          .hasMessageContaining("has closed region ram");
      ends.close();
      kept.close();
    }
  }
}
