package dev.godwit.transport.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

final class HeldArenasTest {
  private final HeldArenas arenas = new HeldArenas();

  @Test
  void anArenaIsClosedOnceNobodyHoldsIt() {
    Arena arena = Arena.ofShared();
    MemorySegment memory = arena.allocate(100);
    arenas.hold(memory);
    arenas.hold(memory.asSlice(50));

    assertThatThrownBy(arena::close).isInstanceOf(IllegalStateException.class);
    arenas.release(memory.asSlice(50));
    assertThatThrownBy(arena::close).isInstanceOf(IllegalStateException.class);
    assertThat(memory.scope().isAlive()).isTrue();
    arenas.release(memory);

    assertThat(arenas.size()).isZero();
    arena.close();
  }

  @Test
  void anArenaThatIsClosedIsNotHeld() {
    Arena arena = Arena.ofShared();
    MemorySegment memory = arena.allocate(100);
    arena.close();

    assertThatThrownBy(() -> arenas.hold(memory))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("The memory's arena is closed already");
    assertThat(arenas.size()).isZero();
  }

  @Test
  void whatNobodyCanCloseNeedsNoThread() {
    arenas.hold(Arena.ofAuto().allocate(100));
    arenas.hold(MemorySegment.ofAddress(4096).reinterpret(100));
    arenas.hold(MemorySegment.ofBuffer(ByteBuffer.allocateDirect(100)));

    assertThat(arenas.size()).isZero();
    arenas.release(Arena.ofAuto().allocate(100));
  }

  @Test
  void anInterruptedThreadHoldsAndReleases() {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment memory = arena.allocate(100);
      Thread.currentThread().interrupt();
      arenas.hold(memory);
      assertThatThrownBy(arena::close).isInstanceOf(IllegalStateException.class);
      arenas.release(memory);
      assertThat(Thread.interrupted()).isTrue();
    }
  }
}
