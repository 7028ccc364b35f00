package dev.godwit.transport.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import dev.godwit.transport.Layer;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Region;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Layers above this provider: what they must not change, and what they are there to break. */
public abstract class LayerContract extends ProviderContract {
  private static final String RAM = "pc.ram";

  /** A layer that encrypts, at each of its ends. */
  public record ProtectingLayer(Layer.Wrapping dialling, Layer.Wrapping accepting) {}

  /** Layers that protect bytes, if the provider's module has any; each is probed. */
  protected List<ProtectingLayer> protectingLayers() throws Exception {
    return List.of();
  }

  private String tap(String name) {
    return "tap=" + scratch().resolve(name);
  }

  // What passes is the same.

  @ParameterizedTest
  @ValueSource(
      strings = {
        "fault=short:1",
        "throttle=400M",
        "fault=delay:1us",
        "fault=flip:1T",
        "fault=cut:1T",
        "fault=short:2&throttle=400M&fault=short:3"
      })
  void whatPassesALayerIsTheSame(String layers) throws Exception {
    samePlan(layers, "");
    samePlan("", layers);
    samePlan(layers, layers);
  }

  @Test
  void whatPassesATapIsTheSame() throws Exception {
    samePlan(tap("a"), tap("b"));
    samePlan(tap("a") + "&fault=short:4&" + tap("c"), "fault=short:5&" + tap("b"));
  }

  private void samePlan(String dialling, String listening) throws Exception {
    Seed seed = Seed.of("layers " + dialling + " | " + listening);
    PlacementPlan plan = PlacementPlan.random(seed, capabilities().placement());
    Pair pair = open(dialling, listening);
    assertThat(pair.dialled().info().capabilities()).isEqualTo(capabilities());
    transfer(pair, plan::send, plan::receive);
    pair.dialled().close();
    pair.accepted().close();
  }

  // What is wrong in a URI.

  @ParameterizedTest
  @CsvSource({
    "fault=, flip:N",
    "fault=nonsense, flip:N",
    "fault=flip, flip:N",
    "fault=flip:0, first byte is 1",
    "fault=cut:-1, number of bytes",
    "fault=delay:fast, 20ms",
    "fault=random, flip:N",
    "fault=short:x, flip:N",
    "throttle=0, at least 1",
    "throttle=much, number of bytes",
    "tap=, directory"
  })
  void aValueThatMakesNoSenseIsRefused(String layer, String hint) throws Exception {
    Endpoint address = with(fixture().address(), layer);
    assertThatThrownBy(() -> transports().listen(address).close())
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining(hint);
    assertThatThrownBy(() -> transports().dialer(address).close())
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining(hint);
  }

  // Faults.

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 8, 4096, 4097, 9999, 10_000})
  void flipDamagesOneBitOfOneByteWritten(int n) throws Exception {
    byte[] bytes = Io.bytes(Seed.of("flipDamagesOneBitOfOneByteWritten").random(), 10_000);
    byte[] kept = bytes.clone();
    Pair pair = open("fault=flip:" + n, "");
    transfer(
        pair,
        out -> {
          out.write(ByteBuffer.wrap(bytes, 0, 4096), ByteBuffer.wrap(bytes, 4096, 3000));
          out.write(ByteBuffer.wrap(bytes, 7096, 2904).asReadOnlyBuffer());
          out.flush();
        },
        in -> assertThat(Io.receive(in, bytes.length)).isEqualTo(damaged(bytes, n)));
    assertThat(bytes).isEqualTo(kept);
  }

  private static byte[] damaged(byte[] bytes, int n) {
    byte[] damaged = bytes.clone();
    damaged[n - 1] ^= (byte) (1 << (n % 8));
    return damaged;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 100, 101, 5000, 20_100, 20_101})
  void flipCountsPutBytesAndPlacesTheDamage(int n) throws Exception {
    byte[] bytes = Io.bytes(Seed.of("flipCountsPutBytesAndPlacesTheDamage").random(), 20_200);
    byte[] damaged = damaged(bytes, n);
    Pair pair = open("fault=flip:" + n, "");
    transfer(
        pair,
        out -> {
          try (Arena arena = Arena.ofShared();
              Region src = out.info().peer().register(RAM, arena.allocate(20_000), Access.LOCAL)) {
            Io.fill(src.memory(), 0, Arrays.copyOfRange(bytes, 100, 20_100));
            Io.send(out, Arrays.copyOf(bytes, 100));
            out.put(src, 0, out.info().peer().remote(RAM, Pair.soon()), 0, 20_000);
            Io.send(out, Arrays.copyOfRange(bytes, 20_100, 20_200));
            out.barrier();
            out.settle();
            assertThat(Io.copy(src.memory(), 0, 20_000))
                .as("the sender's own memory")
                .isEqualTo(Arrays.copyOfRange(bytes, 100, 20_100));
          }
        },
        in -> {
          try (Arena arena = Arena.ofShared();
              Region dst =
                  in.info().peer().register(RAM, arena.allocate(20_000), Access.REMOTE_WRITE)) {
            assertThat(Io.receive(in, 100)).isEqualTo(Arrays.copyOf(damaged, 100));
            if (capabilities().placement() != Placement.SILENT) {
              in.get(dst, 0, 20_000);
            }
            assertThat(Io.receive(in, 100)).isEqualTo(Arrays.copyOfRange(damaged, 20_100, 20_200));
            in.barrier();
            assertThat(Io.copy(dst.memory(), 0, 20_000))
                .isEqualTo(Arrays.copyOfRange(damaged, 100, 20_100));
          }
        });
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 5000, 10_000})
  void cutLosesTheConnectionForBothSides(int n) throws Exception {
    byte[] bytes = Io.bytes(Seed.of("cutLosesTheConnectionForBothSides").random(), 10_000);
    Pair pair = open("fault=cut:" + n, "");
    transfer(
        pair,
        out -> {
          out.write(ByteBuffer.wrap(bytes, 0, n - 1));
          Throwable lost = failure(() -> out.write(ByteBuffer.wrap(bytes, n - 1, 10_001 - n)));
          assertThat(lost)
              .isInstanceOf(ChannelException.Lost.class)
              .hasMessageContaining("fault=cut:" + n);
          assertThatThrownBy(() -> out.write(ByteBuffer.wrap(bytes)))
              .isInstanceOf(ChannelException.class)
              .hasCause(lost);
          assertThatThrownBy(() -> out.read(ByteBuffer.allocate(1)))
              .isInstanceOf(ChannelException.class)
              .hasCause(lost);
        },
        in -> {
          byte[] arrived = readUntilItBreaks(in);
          assertThat(arrived.length).isLessThan(n);
          assertThat(arrived).isEqualTo(Arrays.copyOf(bytes, arrived.length));
        });
  }

  @Test
  void cutCountsPutBytesToo() throws Exception {
    assumeLive();
    Pair pair = open("fault=cut:1500", "");
    Channel out = pair.dialled();
    try (Arena arena = Arena.ofShared();
        Region src = out.info().peer().register(RAM, arena.allocate(1000), Access.LOCAL);
        Region dst =
            pair.accepted()
                .info()
                .peer()
                .register(RAM, arena.allocate(1000), Access.REMOTE_WRITE)) {
      out.put(src, 0, out.info().peer().remote(dst.name(), Pair.soon()), 0, 1000);
      out.write(ByteBuffer.allocate(499));
      assertThatThrownBy(() -> out.put(src, 0, out.info().peer().remote(RAM, Pair.soon()), 0, 1000))
          .isInstanceOf(ChannelException.Lost.class)
          .hasMessageContaining("fault=cut:1500");
      out.close();
      pair.accepted().abort(new IllegalStateException("The test is over"));
      pair.accepted().close();
    }
  }

  private static Throwable failure(ThrowingCallable call) {
    return catchThrowable(call);
  }

  private byte[] readUntilItBreaks(Channel in) throws ChannelException {
    ByteArrayOutputStream arrived = new ByteArrayOutputStream();
    ByteBuffer buffer = ByteBuffer.allocate(4096);
    try {
      while (in.read(buffer) >= 0) {
        arrived.write(buffer.array(), 0, buffer.position());
        buffer.clear();
      }
      assertThat(fixture().tellsLoss() && fixture().live())
          .as("a lost connection passed for an orderly end")
          .isFalse();
    } catch (ChannelException.Lost expected) {
      // As it should be.
    }
    return arrived.toByteArray();
  }

  @Test
  void randomLossIsTheSameForTheSameSeed() throws Exception {
    for (int seed = 1; seed <= 4; seed++) {
      assertThat(lossAt(seed)).as("seed %d", seed).isEqualTo(lossAt(seed));
    }
  }

  /** After how many bytes the connection was lost, or all of them. */
  private long lossAt(int seed) throws Exception {
    byte[] bytes = new byte[1 << 20];
    long[] written = {0};
    Pair pair = open("fault=random:" + seed, "");
    transfer(
        pair,
        out -> {
          try {
            Io.send(out, bytes);
            out.shutdownOutput();
          } catch (ChannelException.Lost lost) {
            assertThat(lost).hasMessageContaining("fault=random:");
          }
          written[0] = out.stats().bytesWritten();
        },
        in -> {
          try {
            Io.drain(in);
          } catch (ChannelException.Lost expected) {
            // The seed wanted it so.
          }
        });
    return written[0];
  }

  @Test
  void shortReadsAndWritesDoHappen() throws Exception {
    byte[] bytes = Io.bytes(Seed.of("shortReadsAndWritesDoHappen").random(), 200_000);
    Pair pair = open("", "fault=short:7");
    List<Integer> sizes = new ArrayList<>();
    transfer(
        pair,
        out -> Io.send(out, bytes),
        in -> {
          ByteBuffer all = ByteBuffer.allocate(bytes.length);
          while (all.hasRemaining()) {
            sizes.add(in.read(all));
          }
          assertThat(all.array()).isEqualTo(bytes);
        });
    assertThat(sizes).anyMatch(size -> size < 16).hasSizeGreaterThan(10);
  }

  @Test
  void delayHoldsEachWriteUp() throws Exception {
    Pair pair = open("fault=delay:40ms", "");
    long start = System.nanoTime();
    transfer(
        pair,
        out -> {
          Io.send(out, new byte[10]);
          Io.send(out, new byte[10]);
        },
        in -> Io.receive(in, 20));
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofMillis(79));
  }

  @ParameterizedTest
  @ValueSource(strings = {"fault=delay:60m", "throttle=1", "throttle=1&fault=delay:60m"})
  void abortEndsTheWaitOfALayer(String layers) throws Exception {
    Exception reason = new Exception("The reason this test aborts for");
    Pair pair = open(layers, "");
    Task<Boolean> blocked = writing(pair.dialled());
    blocked.awaitBlocked();
    pair.dialled().abort(reason);
    assertThat(blocked.failure()).isInstanceOf(ChannelException.Aborted.class).hasCause(reason);
  }

  @ParameterizedTest
  @ValueSource(strings = {"fault=delay:60m", "throttle=1"})
  void closeEndsTheWaitOfALayer(String layers) throws Exception {
    Pair pair = open(layers, "");
    Task<Boolean> blocked = writing(pair.dialled());
    blocked.awaitBlocked();
    pair.dialled().close();
    assertThat(blocked.failure()).isInstanceOf(ChannelException.Aborted.class);
  }

  private static Task<Boolean> writing(Channel channel) {
    return Task.start(
        "write",
        () -> {
          Io.send(channel, new byte[1000]);
          return true;
        });
  }

  // A rate.

  @Test
  void throttleKeepsItsRate() throws Exception {
    byte[] bytes = new byte[300 * 1024];
    Pair pair = open("throttle=1M", "");
    long start = System.nanoTime();
    transfer(pair, out -> Io.send(out, bytes), in -> Io.receive(in, bytes.length));
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThan(Duration.ofMillis(280));
  }

  @Test
  void throttleIsSharedByTheChannelsOfADialer() throws Exception {
    assumeManyChannels();
    byte[] bytes = new byte[100 * 1024];
    try (Listener listener = transports().listen(fixture().address());
        Dialer dialer =
            transports().dialer(with(fixture().target(listener.local()), "throttle=1M"))) {
      List<Channel> open = new ArrayList<>();
      try {
        List<Task<byte[]>> arriving = new ArrayList<>();
        List<Task<Boolean>> sending = new ArrayList<>();
        long start = System.nanoTime();
        for (int i = 0; i < 3; i++) {
          Task<Channel> accepting = Task.start("accept", () -> listener.accept(Pair.soon()));
          Channel out = dialer.dial(Pair.soon());
          open.add(out);
          Channel in = accepting.result();
          open.add(in);
          arriving.add(Task.start("receive", () -> Io.receive(in, bytes.length)));
          sending.add(
              Task.start(
                  "send",
                  () -> {
                    Io.send(out, bytes);
                    return true;
                  }));
        }
        sending.forEach(Task::result);
        arriving.forEach(Task::result);
        assertThat(Duration.ofNanos(System.nanoTime() - start))
            .isGreaterThan(Duration.ofMillis(280));
      } finally {
        for (Channel channel : open) {
          channel.close();
        }
      }
    }
  }

  // A recording.

  @Test
  void tapRecordsBothDirectionsForItsOwnerOnly() throws Exception {
    byte[] bytes = Io.bytes(Seed.of("tapRecordsBothDirectionsForItsOwnerOnly").random(), 3_000_000);
    Pair pair = open(tap("out"), tap("in"));
    transfer(
        pair,
        out -> {
          try (Arena arena = Arena.ofShared();
              Region src =
                  out.info().peer().register(RAM, arena.allocate(2_000_000), Access.LOCAL)) {
            Io.fill(src.memory(), 0, Arrays.copyOfRange(bytes, 500_000, 2_500_000));
            Io.send(out, Arrays.copyOf(bytes, 500_000));
            out.put(src, 0, out.info().peer().remote(RAM, Pair.soon()), 0, 2_000_000);
            Io.send(out, Arrays.copyOfRange(bytes, 2_500_000, 3_000_000));
            out.barrier();
          }
        },
        in -> {
          try (Arena arena = Arena.ofShared();
              Region dst =
                  in.info().peer().register(RAM, arena.allocate(2_000_000), Access.REMOTE_WRITE)) {
            Io.receive(in, 500_000);
            if (capabilities().placement() != Placement.SILENT) {
              in.get(dst, 0, 2_000_000);
            }
            Io.receive(in, 500_000);
            in.barrier();
          }
        });
    pair.dialled().close();
    pair.accepted().close();
    assertThat(Files.readAllBytes(only("out", ".out"))).isEqualTo(bytes);
    assertThat(only("out", ".in")).isEmptyFile();
    if (capabilities().placement() != Placement.SILENT) {
      assertThat(Files.readAllBytes(only("in", ".in"))).isEqualTo(bytes);
    }
    assertThat(only("in", ".out")).isEmptyFile();
    assertThat(mode(scratch().resolve("out"))).isEqualTo("rwx------");
    assertThat(mode(only("out", ".out"))).isEqualTo("rw-------");
  }

  private static String mode(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  private Path only(String directory, String suffix) throws IOException {
    try (Stream<Path> files = Files.list(scratch().resolve(directory))) {
      List<Path> found = files.filter(file -> file.toString().endsWith(suffix)).toList();
      assertThat(found).hasSize(1);
      return found.getFirst();
    }
  }

  @Test
  void aDirectoryThatCannotBeRecordedInRefusesTheConnection() throws Exception {
    assumeRebinds();
    Path file = Files.createFile(scratch().resolve("taken"));
    try (Listener listener = transports().listen(fixture().address());
        Dialer dialer =
            transports().dialer(with(fixture().target(listener.local()), "tap=" + file))) {
      Task<Channel> accepting = Task.start("accept", () -> listener.accept(Pair.soon()));
      assertThatThrownBy(() -> dialer.dial(Pair.soon()).close())
          .isInstanceOf(ChannelException.Refused.class)
          .hasMessageContaining(file.toString());
      accepting.result().close();
    }
  }

  @Test
  void theFirstLayerNamedIsNextToTheUser() throws Exception {
    byte[] bytes = {1, 2, 3, 4};
    Pair pair = open(tap("above") + "&fault=flip:3&" + tap("below"), "");
    transfer(
        pair,
        out -> Io.send(out, bytes),
        in -> assertThat(Io.receive(in, 4)).isEqualTo(damaged(bytes, 3)));
    pair.dialled().close();
    assertThat(Files.readAllBytes(only("above", ".out"))).isEqualTo(bytes);
    assertThat(Files.readAllBytes(only("below", ".out"))).isEqualTo(damaged(bytes, 3));
  }

  @Test
  void layersLeaveNothingBehind() throws Exception {
    String layers = "throttle=1G&fault=short:1&fault=flip:1&" + tap("leaks");
    for (int i = 0; i < 3; i++) {
      cycle(layers);
    }
    Leaks leaks = Leaks.baseline(scratch());
    for (int i = 0; i < 20; i++) {
      cycle(layers);
    }
    leaks.awaitNone();
  }

  private void cycle(String layers) throws Exception {
    Pair pair = open(layers, layers);
    Io.send(pair.dialled(), new byte[100]);
    pair.dialled().close();
    assertThat(Io.drain(pair.accepted())).hasSize(100);
    pair.close();
  }

  // Protection.

  @Test
  void placedBytesAreProtected() throws Exception {
    assumeFalse(protectingLayers().isEmpty(), "No layer here protects bytes");
    assumeLive();
    for (ProtectingLayer layer : protectingLayers()) {
      Pair pair = open();
      PlacedBytesProbe.check(pair.dialled(), pair.accepted(), layer.dialling(), layer.accepting());
    }
  }
}
