package dev.godwit.channel.inspect;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.Wired;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Task;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** A source that is there, and keeps its guest. */
final class MigrationInspectorTest {
  private static final Transports TRANSPORTS = Transports.load();
  private static final String LIVE_HEAD = Streams.HEAD + Streams.OPEN_RETURN_PATH;
  private static final String REST = Streams.PRECOPY.substring(Streams.HEAD.length());
  private static final String PONG = "0002 0004 00000001";

  /** Both sides; everything that is left over goes with it. */
  private static final class Live implements AutoCloseable {
    private final Deadline soon = Deadline.after(Await.LIMIT);
    private final List<Channel> dialled = new ArrayList<>();
    private final Listener listener;
    private final Dialer dialer;
    private final MigrationInspector inspector;
    private final Task<Inspection> inspecting;

    Live() throws ChannelException {
      listener = TRANSPORTS.listen(Endpoint.parse("mem:" + UUID.randomUUID() + "?buffer=1M"));
      dialer = TRANSPORTS.dialer(listener.local());
      inspector = new MigrationInspector(listener);
      inspecting = Task.start("inspect", inspector::inspect);
    }

    Channel connect(String hex) throws ChannelException {
      Channel channel = dialer.dial(soon);
      dialled.add(channel);
      send(channel, hex);
      return channel;
    }

    void send(Channel channel, String hex) throws ChannelException {
      Io.send(channel, Wired.hex(hex));
    }

    Inspection result() {
      return inspecting.result();
    }

    Throwable failure() {
      return inspecting.failure();
    }

    @Override
    public void close() throws ChannelException {
      inspector.abort(new IllegalStateException("The test is over"));
      for (Channel channel : dialled) {
        channel.abort(new IllegalStateException("The test is over"));
        channel.close();
      }
      dialer.close();
      listener.close();
    }
  }

  /** All that came back before the connection ended, in whatever way. */
  private static byte[] answers(Channel channel) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    ByteBuffer part = ByteBuffer.allocate(64);
    try {
      while (channel.read(part.clear()) > 0) {
        all.write(part.array(), 0, part.position());
      }
    } catch (ChannelException e) {
      // It was broken off, as it must be.
      assertThat(e).isNotInstanceOf(ChannelException.TimedOut.class);
    }
    return all.toByteArray();
  }

  @Test
  void answersAndNeverConfirms() throws Exception {
    try (Live live = new Live()) {
      Channel main = live.connect(LIVE_HEAD);
      assertThat(Io.receive(main, 8)).isEqualTo(Wired.hex(PONG));
      live.send(main, REST);

      Inspection inspection = live.result();

      assertThat(inspection.damage()).isEmpty();
      assertThat(inspection.main().devices()).hasSize(1);
      assertThat(inspection.main().shares().stream().mapToLong(Share::bytes).sum())
          .isEqualTo(Wired.hex(LIVE_HEAD + REST).length);
      assertThat(answers(main)).isEmpty();
    }
  }

  @Test
  void refusesASourceThatWouldNotWaitForAnAnswer() throws Exception {
    try (Live live = new Live()) {
      Channel main = live.connect(Streams.HEAD + Streams.RAM_START);

      assertThat(live.failure())
          .isInstanceOf(UnsafeSourceException.class)
          .hasMessageContaining("return-path off");
      assertThat(answers(main)).isEmpty();
    }
  }

  @Test
  void refusesPostcopyBeforeAnyMemory() throws Exception {
    try (Live live = new Live()) {
      live.connect(LIVE_HEAD + "08 0003 0010 0000000000001000 0000000000001000");

      assertThat(live.failure())
          .isInstanceOf(UnsafeSourceException.class)
          .hasMessageContaining("postcopy-ram on");
    }
  }

  @Test
  void somethingElseIsNoMigration() throws Exception {
    try (Live live = new Live()) {
      live.connect("'GET / HTTP/1.1'");

      assertThat(live.failure()).isInstanceOf(ChannelException.Violated.class);
    }
  }

  @Test
  void canBeAbortedBeforeAnybodyCame() throws Exception {
    try (Live live = new Live()) {
      live.inspector.abort(new ChannelException.Aborted("Asked to end", null));

      assertThat(live.failure()).isInstanceOf(ChannelException.Aborted.class);
    }
  }

  @Test
  void aSourceThatLeavesInTheMiddleIsToldOf() throws Exception {
    try (Live live = new Live()) {
      live.connect(LIVE_HEAD + Streams.RAM_START).shutdownOutput();

      Inspection inspection = live.result();

      assertThat(inspection.damage().orElseThrow().cause())
          .isInstanceOfSatisfying(
              StreamException.class,
              e -> assertThat(e.kind()).isEqualTo(StreamException.Kind.TRUNCATED));
      assertThat(inspection.main().ram()).isPresent();
    }
  }

  private static String init(int id) {
    return "11223344 00000001" + "00".repeat(16) + String.format("%02X", id) + "00".repeat(39);
  }

  /** One page with payload and one that is zero, of block b, and a SYNC. */
  private static String packet(int flags) {
    return "11223344 00000001"
        + String.format("%08X", flags)
        + "00000080 00000001 00001000 0000000000000000 00000001"
        + "00".repeat(28)
        + "'b'"
        + "00".repeat(255)
        + "0000000000001000 0000000000002000"
        + "00".repeat(126 * 8)
        + "A5".repeat(4096);
  }

  private static final String MULTIFD_MAIN =
      LIVE_HEAD
          + Streams.RAM_START.replace(Streams.EOS, Streams.FLUSH + Streams.EOS)
          + Streams.RAM_END
          + Streams.TIMER
          + "00"
          + Streams.DESCRIPTION;

  /** As 10.0 connects: the main channel is silent until all others are there. */
  @Test
  void countsWhatMultifdChannelsCarry() throws Exception {
    try (Live live = new Live()) {
      Channel main = live.connect("");
      Channel second = live.connect(init(1));
      live.connect(init(0) + packet(1));
      live.send(main, MULTIFD_MAIN);
      assertThat(live.inspecting.endsWithoutBlocking()).isFalse();
      // What is under way when the main channel has ended still counts.
      live.send(second, packet(0) + packet(1));

      Inspection inspection = live.result();

      assertThat(inspection.damage()).isEmpty();
      assertThat(inspection.main().ram().orElseThrow().flushMarks()).isEqualTo(1);
      assertThat(inspection.multifd()).extracting(MultifdReport::id).containsExactly(0, 1);
      MultifdReport last = inspection.multifd().get(1);
      assertThat(last.bytes()).isEqualTo(64 + 2 * (1344 + 4096));
      assertThat(last.packets()).isEqualTo(2);
      assertThat(last.syncs()).isEqualTo(1);
      assertThat(last.compression()).isEqualTo("none");
      assertThat(last.blocks()).containsExactly(new MultifdReport.BlockPages("b", 2, 2));
      assertThat(last.payloadBytes()).isEqualTo(2 * 4096);
    }
  }

  @Test
  void aDamagedPacketEndsTheInspection() throws Exception {
    try (Live live = new Live()) {
      live.connect(LIVE_HEAD + Streams.RAM_START);
      live.connect(init(0) + packet(1).replaceFirst("11223344", "11223345"));

      Damage damage = live.result().damage().orElseThrow();

      assertThat(damage.cause())
          .isInstanceOfSatisfying(
              StreamException.class,
              e -> {
                assertThat(e.channel()).isEqualTo("multifd 0");
                assertThat(e.offset()).isEqualTo(64);
              });
    }
  }
}
