package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Access;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Threads;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Both sides of QEMU's dialect, one against the other. */
@Timeout(60)
final class QemuDialectTest {
  private static final int PAGE = 4096;
  private static final int SIZE = (5 << 20) + 3 * PAGE;

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aGuestArrives(boolean pinAll) throws Exception {
    Seed seed = Seed.of("aGuestArrives");
    Random random = seed.random();
    byte[] begin = Io.bytes(random, 100_000);
    byte[] middle = Io.bytes(random, 77);
    byte[] end = Io.bytes(random, 40_000);
    try (Arena arena = Arena.ofShared();
        QemuPair pair = new QemuPair(seed, pinAll);
        Region small = pair.sourcePeer.register("vga", arena.allocate(PAGE), Access.LOCAL);
        Region src = pair.sourcePeer.register("ram", arena.allocate(SIZE), Access.LOCAL)) {
      Io.fill(src.memory(), 0, Io.bytes(random, SIZE));
      Io.fill(small.memory(), 0, Io.bytes(random, PAGE));
      Threads.run(
          () -> {
            pair.source.write(ByteBuffer.wrap(begin));
            pair.source.flush();
            pair.source.barrier();
            RemoteRegion vga = pair.sourcePeer.remote("vga", soon());
            RemoteRegion ram = pair.sourcePeer.remote("ram", soon());
            for (int round = 0; round < 2; round++) {
              pair.source.write(ByteBuffer.wrap(middle));
              pair.source.flush();
              pair.source.put(small, 0, vga, 0, PAGE);
              for (int page = round; page < SIZE / PAGE; page += 2) {
                pair.source.put(src, (long) page * PAGE, ram, (long) page * PAGE, PAGE);
              }
              pair.source.barrier();
            }
            pair.source.write(ByteBuffer.wrap(end));
            pair.source.shutdownOutput();
            pair.source.close();
          },
          () -> {
            assertThat(Io.receive(pair.target, begin.length)).isEqualTo(begin);
            Region first =
                pair.targetPeer.register("vga", arena.allocate(PAGE), Access.REMOTE_WRITE);
            Region second =
                pair.targetPeer.register("ram", arena.allocate(SIZE), Access.REMOTE_WRITE);
            pair.target.barrier();
            for (int round = 0; round < 2; round++) {
              assertThat(Io.receive(pair.target, middle.length)).isEqualTo(middle);
              pair.target.barrier();
            }
            assertThat(Io.receive(pair.target, end.length)).isEqualTo(end);
            assertThat(second.memory().mismatch(src.memory())).as("%s", seed).isEqualTo(-1);
            assertThat(first.memory().mismatch(small.memory())).as("%s", seed).isEqualTo(-1);
            pair.target.close();
            first.close();
            second.close();
          });
    }
  }

  private static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(20));
  }
}
