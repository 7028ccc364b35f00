package dev.godwit.transport.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.ibm.disni.verbs.IbvMr;
import com.ibm.disni.verbs.SVCPostSend;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What may be registered, and that it stays where it is for so long. */
@Tag("softroce")
final class MemoryRegionTest {
  private static final int PAGE = 4096;
  private static final int MANY = 150;
  private static final long SEED = Long.getLong("godwit.seed", 1);

  private Pair pair;
  private Side client;
  private Side server;

  @BeforeEach
  void connect() throws IOException {
    pair = Pair.connect();
    client = pair.client;
    server = pair.server;
  }

  @AfterEach
  void close() throws IOException {
    pair.close();
  }

  @Test
  void moreThanTwoGigabytesHaveOneKey() throws Exception {
    try (RepeatedMemory large = RepeatedMemory.map((2L << 30) + 32 * (1L << 20), 32 << 20)) {
      MemoryRegion region = server.register(large.memory());
      assertThat(region.byteSize()).isEqualTo(large.memory().byteSize());
      assertThat(region.getLength()).isEqualTo(Integer.MAX_VALUE);
      MemoryRegion from = client.register(PAGE);
      from.memory().set(ValueLayout.JAVA_LONG, 0, 0x1122334455667788L);
      long last = region.byteSize() - Long.BYTES;

      client
          .prepare(Side.write(1, Side.entry(from, 0, 8), region.address() + last, region.rkey()))
          .execute();
      client.complete(1);

      assertThat(large.memory().get(ValueLayout.JAVA_LONG, last)).isEqualTo(0x1122334455667788L);
      server.prepareReceive(2, Side.entry(region, last, 8)).execute();
      from.deregister();
      region.deregister();
    }
  }

  @Test
  void hugePagesAreWrittenFromAndInto() throws Exception {
    Path setAside = Path.of("/proc/sys/vm/nr_hugepages");
    String before = Files.readString(setAside);
    int length = 4 << 20;
    Files.writeString(setAside, "4");
    try (RepeatedMemory here = RepeatedMemory.ofHugePages(length);
        RepeatedMemory there = RepeatedMemory.ofHugePages(length)) {
      for (long at = 0; at < length; at += Long.BYTES) {
        here.memory().set(ValueLayout.JAVA_LONG, at, at * 31 + 7);
      }
      MemoryRegion from = client.register(here.memory());
      // From the middle of one page into the next, as chunks are cut.
      MemoryRegion to = server.register(there.memory().asSlice(1 << 20, 2 << 20));

      client
          .prepare(Side.write(1, Side.entry(from, 1 << 20, 2 << 20), to.address(), to.rkey()))
          .execute();
      client.complete(1);

      assertThat(there.memory().asSlice(1 << 20, 2 << 20))
          .matches(all -> all.mismatch(here.memory().asSlice(1 << 20, 2 << 20)) == -1);
      from.deregister();
      to.deregister();
    } finally {
      Files.writeString(setAside, before);
    }
  }

  @Test
  void anArenaIsNotClosedUnderARegion() throws IOException {
    Arena arena = Arena.ofShared();
    MemorySegment memory = arena.allocate(2 * PAGE, PAGE);
    MemoryRegion first = server.register(memory.asSlice(0, PAGE));
    MemoryRegion second = server.register(memory.asSlice(PAGE, PAGE));

    assertThatThrownBy(arena::close).isInstanceOf(IllegalStateException.class);
    first.deregister();
    assertThatThrownBy(arena::close).isInstanceOf(IllegalStateException.class);
    second.deregister();

    arena.close();
    assertThatThrownBy(() -> server.register(memory)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void memoryThatNobodyHoldsStaysWhileItIsRegistered() throws IOException {
    List<WeakReference<MemoryRegion>> regions = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      regions.add(new WeakReference<>(server.register(PAGE)));
    }

    System.gc();
    System.gc();

    List<WeakReference<MemorySegment>> memories = new ArrayList<>();
    for (WeakReference<MemoryRegion> each : regions) {
      MemoryRegion region = Objects.requireNonNull(each.get(), "A live region was collected");
      memories.add(new WeakReference<>(region.memory()));
      region.deregister();
    }
    Deadline deadline = Side.soon();
    while (memories.stream().anyMatch(each -> each.get() != null)) {
      assertThat(deadline.hasPassed()).as("Regions that are gone still hold memory").isFalse();
      System.gc();
    }
  }

  @Test
  void manyRegionsAreToldApart() throws IOException {
    MemorySegment memory = Arena.ofAuto().allocate(MANY * PAGE, PAGE);
    MemoryRegion to = server.register(PAGE);
    List<MemoryRegion> live = new ArrayList<>();
    for (int i = 0; i < MANY; i++) {
      memory.set(ValueLayout.JAVA_LONG, (long) i * PAGE, i);
      live.add(client.register(memory.asSlice((long) i * PAGE, PAGE)));
    }
    SVCPostSend write =
        client.prepare(Side.write(1, Side.entry(to, 0, 8), to.address(), to.rkey()));
    Collections.shuffle(live, new Random(SEED));

    while (!live.isEmpty()) {
      MemoryRegion region = live.removeLast();
      write.getWrMod(0).getSgeMod(0).setAddr(region.address());
      write.getWrMod(0).getSgeMod(0).setLkey(region.lkey());
      write.execute();
      client.complete(1);
      assertThat(to.memory().get(ValueLayout.JAVA_LONG, 0))
          .as("seed %d", SEED)
          .isEqualTo((region.address() - memory.address()) / PAGE);
      region.deregister();
      assertThatThrownBy(write::execute).isInstanceOf(ChannelException.Native.class);
    }
    to.deregister();
  }

  @Test
  void memoryThatCannotBeHeldIsRefused() throws IOException {
    try (Arena confined = Arena.ofConfined()) {
      MemorySegment memory = confined.allocate(PAGE, PAGE);
      assertThatThrownBy(() -> client.register(memory))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("Memory of a confined arena cannot be registered");
    }
    assertThatThrownBy(() -> client.register(MemorySegment.ofArray(new byte[PAGE])))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Memory of the Java heap cannot be registered");
    assertThatThrownBy(() -> client.register(Arena.ofAuto().allocate(PAGE).asReadOnly()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("Read-only memory cannot be registered for writes");
    assertThatThrownBy(() -> client.register(MemorySegment.NULL))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> client.domain.regMr(4096L, PAGE, 1).execute())
        .isInstanceOf(IllegalArgumentException.class);
    ByteBuffer heap = ByteBuffer.allocate(PAGE);
    assertThatThrownBy(() -> client.domain.regMr(heap, 1).execute())
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void whatTheKernelRefusesIsSaid() {
    MemorySegment nowhere = MemorySegment.ofAddress(PAGE).reinterpret(PAGE);
    assertThatThrownBy(() -> client.register(nowhere))
        .isInstanceOfSatisfying(
            ChannelException.Native.class,
            failure -> assertThat(failure.call()).isEqualTo("ibv_reg_mr"))
        .hasMessage("Cannot register 4096 bytes of memory: Bad address");
    MemorySegment memory = Arena.ofAuto().allocate(PAGE, PAGE);
    assertThatThrownBy(
            () -> pair.verbs.register(client.domain, memory, IbvMr.IBV_ACCESS_REMOTE_WRITE))
        .isInstanceOfSatisfying(
            ChannelException.Native.class,
            failure -> assertThat(failure.errno()).isEqualTo(Libc.EINVAL));
  }

  @Test
  void disniRegistersAllOfADirectBuffer() throws IOException {
    ByteBuffer buffer = ByteBuffer.allocateDirect(PAGE).position(100).limit(200);

    IbvMr region = client.domain.regMr(buffer, IbvMr.IBV_ACCESS_LOCAL_WRITE).execute().getMr();

    assertThat(region.getLength()).isEqualTo(PAGE);
    assertThat(buffer.position()).isEqualTo(100);
    region.deregMr().execute();
    region.deregMr().execute();
  }
}
