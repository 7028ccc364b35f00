package dev.godwit.transport.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Layer;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.Transports;
import dev.godwit.transport.contract.Pair;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.tls.engine.TlsEngine;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How bytes are cut into records, and when they leave. */
final class TlsRecordsTest {
  private static final int PAGE = 4096;
  private static final int OVERHEAD = 22;

  private final String settings;

  TlsRecordsTest(@TempDir Path scratch) {
    this.settings = TestUris.x509(scratch, "");
  }

  /** A connection, and the lengths of the records that its client sends. */
  private final class Watched implements AutoCloseable {
    private final Wire wire = new Wire();
    private final List<Integer> records = Collections.synchronizedList(new ArrayList<>());
    private final Channel out;
    private final Channel in;

    Watched() throws Exception {
      Tampering watching = new Tampering(wire.dialled());
      Task<Channel> accepting = wire.accept(settings);
      out = wire.dial(settings, watching).result();
      in = accepting.result();
      watching.arm(
          passing -> {
            passing.forEach(record -> records.add(record.length - OVERHEAD));
            return passing;
          });
    }

    @Override
    public void close() {
      wire.close();
    }
  }

  @Test
  void pagesAndTheirHeadersFillRecords() throws Exception {
    int pages = 100;
    int total = pages * (8 + PAGE);
    try (Watched watched = new Watched();
        Arena arena = Arena.ofShared();
        Region src = watched.out.info().peer().register("a", arena.allocate(PAGE), Access.LOCAL)) {
      RemoteRegion dst = watched.out.info().peer().remote("a", Pair.soon());
      Task<byte[]> reading = Task.start("read", () -> Io.receive(watched.in, total));
      for (int i = 0; i < pages; i++) {
        watched.out.write(ByteBuffer.allocate(8).putLong(0, i));
        watched.out.put(src, 0, dst, 0, PAGE);
      }
      watched.out.flush();
      assertThat(reading.result()).hasSize(total);
      assertThat(watched.records.subList(0, watched.records.size() - 1))
          .containsOnly(TlsEngine.RECORD_BYTES);
      assertThat(watched.records).hasSize(total / TlsEngine.RECORD_BYTES + 1);
    }
  }

  @Test
  void whatIsWrittenLeavesAtTheNextFlush() throws Exception {
    try (Watched watched = new Watched()) {
      watched.out.write(ByteBuffer.wrap(new byte[100]));
      watched.out.write(ByteBuffer.allocateDirect(200));
      assertThat(watched.records).isEmpty();
      watched.out.flush();
      assertThat(watched.records).containsExactly(300);
      watched.out.flush();
      watched.out.settle();
      watched.out.barrier();
      assertThat(watched.records).containsExactly(300);
    }
  }

  @Test
  void anyMixOfSizesAndBuffersArrives() throws Exception {
    Random random = Seed.of("anyMixOfSizesAndBuffersArrives").random();
    byte[] all = Io.bytes(random, 5 << 20);
    try (Watched watched = new Watched()) {
      Task<Boolean> writing =
          Task.start(
              "write",
              () -> {
                for (int at = 0; at < all.length; ) {
                  int bound = random.nextBoolean() ? 300 : 300_000;
                  int part = Math.min(all.length - at, 1 + random.nextInt(bound));
                  ByteBuffer buffer = ByteBuffer.wrap(all, at, part);
                  if (random.nextBoolean()) {
                    buffer = ByteBuffer.allocateDirect(part + 9).position(9).put(buffer).flip();
                    buffer.position(9);
                  }
                  watched.out.write(random.nextBoolean() ? buffer : buffer.asReadOnlyBuffer());
                  at += part;
                }
                watched.out.flush();
                return true;
              });
      ByteBuffer got = ByteBuffer.allocate(all.length);
      Random sizes = new Random(7);
      while (got.hasRemaining()) {
        int room = Math.min(got.remaining(), 1 + sizes.nextInt(100_000));
        ByteBuffer buffer =
            sizes.nextBoolean() ? ByteBuffer.allocate(room) : ByteBuffer.allocateDirect(room);
        watched.in.read(buffer);
        got.put(buffer.flip());
      }
      assertThat(writing.result()).isTrue();
      assertThat(got.flip()).isEqualTo(ByteBuffer.wrap(all));
    }
  }

  @Test
  void carryingAllocatesNothing() throws Exception {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (Wire wire = new Wire()) {
      Task<Channel> accepting = wire.accept(settings);
      Channel out = wire.dial(settings).result();
      Channel in = accepting.result();
      int rounds = 400;
      Task<Long> reading =
          Task.start(
              "read",
              () -> {
                ByteBuffer buffer = ByteBuffer.allocateDirect(256 << 10);
                long start = 0;
                long total = (long) rounds * (256 << 10);
                for (long done = 0; done < total; ) {
                  if (start == 0 && done > total / 2) {
                    start = threads.getCurrentThreadAllocatedBytes();
                  }
                  done += in.read(buffer.clear());
                }
                return threads.getCurrentThreadAllocatedBytes() - start;
              });
      ByteBuffer[] one = {ByteBuffer.allocateDirect(256 << 10)};
      long start = 0;
      for (int i = 0; i < rounds; i++) {
        if (i == rounds / 2) {
          start = threads.getCurrentThreadAllocatedBytes();
        }
        one[0].clear();
        out.write(one);
        out.flush();
      }
      long written = threads.getCurrentThreadAllocatedBytes() - start;
      long records = rounds / 2 * 16L;
      assertThat(written / records).as("bytes of the heap a record sealed").isLessThan(32);
      assertThat(reading.result() / records).as("bytes of the heap a record opened").isLessThan(32);
    }
  }

  @Test
  void aPeerThatLeavesNoRoomIsNotWaitedFor() throws Exception {
    Endpoint small = Endpoint.parse("mem:" + UUID.randomUUID() + "?buffer=16k");
    try (Listener listener = Transports.load().listen(small);
        Dialer dialer = Transports.load().dialer(small)) {
      Channel dialled = dialer.dial(Pair.soon());
      Channel accepted = listener.accept(Pair.soon());
      Task<Channel> accepting =
          Task.start(
              "accept",
              () -> Wire.wrapping(settings, Layer.Side.ACCEPTING).wrap(accepted, Pair.soon()));
      Channel out = Wire.wrapping(settings, Layer.Side.DIALLING).wrap(dialled, Pair.soon());
      Channel in = accepting.result();
      Io.send(out, new byte[10_000]);
      out.write(ByteBuffer.wrap(new byte[10_000]));
      assertThatThrownBy(out::close)
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageContaining("left no room");
      assertThatThrownBy(() -> Io.drain(in)).isInstanceOf(ChannelException.Lost.class);
      in.close();
    }
  }
}
