package dev.godwit.transport.layer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Layer;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.support.Ends;
import dev.godwit.transport.support.ForwardingChannel;
import dev.godwit.transport.testkit.Await;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Counts beyond 2 GiB, for which no test moves that many bytes. */
final class FaultLayerTest {
  private static final long FIVE_GIB = 5L << 30;

  /** Takes everything, keeps the places and first bytes. */
  private static final class Sink extends ForwardingChannel {
    private record Sent(long dstOffset, long length, byte first) {}

    private final List<Sent> sent = new ArrayList<>();
    private long taken;

    Sink(Channel inner) {
      super(inner);
    }

    @Override
    public void write(ByteBuffer... src) {
      for (ByteBuffer buffer : src) {
        if (buffer.hasRemaining()) {
          sent.add(new Sent(taken, buffer.remaining(), buffer.get(buffer.position())));
        }
        taken += buffer.remaining();
        buffer.position(buffer.limit());
      }
    }

    @Override
    public void put(Region src, long srcOffset, RemoteRegion dst, long dstOffset, long length) {
      if (length == 0) {
        return;
      }
      byte first = src.memory().get(ValueLayout.JAVA_BYTE, srcOffset);
      sent.add(new Sent(dstOffset, length, first));
      taken += length;
    }
  }

  private final Path directory;
  @AutoClose private final Arena arena = Arena.ofShared();
  @AutoClose private final Ends ends = Ends.open("");
  private final Sink sink = new Sink(ends.dialled());

  FaultLayerTest(@TempDir Path directory) throws ChannelException {
    this.directory = directory;
  }

  private Region sparse() throws IOException {
    try (FileChannel file =
        FileChannel.open(
            directory.resolve("sparse"),
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.SPARSE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      MemorySegment memory = file.map(FileChannel.MapMode.READ_WRITE, 0, FIVE_GIB + 10_000, arena);
      return sink.info().peer().register("ram", memory, Access.LOCAL);
    }
  }

  private RemoteRegion there() throws ChannelException {
    return sink.info().peer().remote("ram", Deadline.after(Await.LIMIT));
  }

  private static Layer.Wrapping fault(String value) {
    return new FaultLayer()
        .configure(
            new Layer.Naming(Endpoint.parse("mem:x?fault=" + value), Layer.Side.DIALLING, value));
  }

  @Test
  void flipReachesBeyondFourGigabytesOfPutBytes() throws Exception {
    Channel channel = fault("flip:" + (FIVE_GIB + 1)).wrap(sink, Deadline.never());
    try (Region src = sparse()) {
      channel.put(src, 0, there(), 0, FIVE_GIB + 10_000);
      assertThat(sink.sent)
          .containsExactly(
              new Sink.Sent(0, FIVE_GIB, (byte) 0),
              new Sink.Sent(FIVE_GIB, 4096, (byte) (1 << 1)),
              new Sink.Sent(FIVE_GIB + 4096, 10_000 - 4096, (byte) 0));
      assertThat(src.memory().get(ValueLayout.JAVA_BYTE, FIVE_GIB)).isZero();
    }
    channel.close();
  }

  @Test
  void flipReachesBeyondTwoGigabytesOfWrittenBytes() throws Exception {
    Channel channel = fault("flip:3G").wrap(sink, Deadline.never());
    ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20);
    for (int i = 0; i < 3 * 1024 - 1; i++) {
      channel.write(buffer.clear());
    }
    channel.write(buffer.clear().limit((1 << 20) - 1));
    assertThat(sink.sent).allSatisfy(sent -> assertThat(sent.first()).isZero());
    channel.write(ByteBuffer.allocate(10));
    assertThat(sink.sent.getLast()).isEqualTo(new Sink.Sent((3L << 30) - 1, 10, (byte) 1));
  }

  @Test
  void cutReachesBeyondFourGigabytes() throws Exception {
    Channel channel = fault("cut:5G").wrap(sink, Deadline.never());
    try (Region src = sparse()) {
      assertThatThrownBy(() -> channel.put(src, 0, there(), 0, FIVE_GIB + 10_000))
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageContaining(Long.toString(FIVE_GIB));
      assertThat(sink.taken).isEqualTo(FIVE_GIB - 1);
    }
  }

  @Test
  void eachChannelCountsForItself() throws Exception {
    var wrapping = fault("flip:1");
    Sink other = new Sink(ends.accepted());
    for (Sink one : List.of(sink, other)) {
      wrapping.wrap(one, Deadline.never()).write(ByteBuffer.allocate(1));
      assertThat(one.sent).containsExactly(new Sink.Sent(0, 1, (byte) 2));
    }
  }

  @Test
  void randomLossIsSpreadOverAllMagnitudes() {
    List<Long> bytes =
        IntStream.range(0, 2000)
            .mapToObj(seed -> FaultLayer.randomByte(new SplittableRandom(seed)))
            .toList();
    assertThat(bytes).allMatch(at -> at >= 1 && at < 1L << 30);
    assertThat(bytes).anyMatch(at -> at < 100).anyMatch(at -> at > 100_000_000);
  }
}
