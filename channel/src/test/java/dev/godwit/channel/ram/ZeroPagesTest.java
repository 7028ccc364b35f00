package dev.godwit.channel.ram;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

final class ZeroPagesTest {
  @Test
  void seesEverySingleBit() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(3 * 4096, 8);
      memory.asSlice(0, 4096).fill((byte) -1);
      memory.asSlice(2 * 4096, 4096).fill((byte) -1);
      assertThat(ZeroPages.isZero(memory, 4096, 4096)).isTrue();
      for (int i = 0; i < 4096; i++) {
        memory.set(ValueLayout.JAVA_BYTE, 4096 + i, (byte) (1 << i % 8));
        assertThat(ZeroPages.isZero(memory, 4096, 4096)).as("byte %d", i).isFalse();
        memory.set(ValueLayout.JAVA_BYTE, 4096 + i, (byte) 0);
      }
    }
  }

  @Test
  void looksAtEachWordOfAnyLength() {
    int length = 3 * 4096 + 64;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(64 + length + 64, 8);
      memory.asSlice(0, 64).fill((byte) -1);
      memory.asSlice(64 + length, 64).fill((byte) -1);
      assertThat(ZeroPages.isZero(memory, 64, length)).isTrue();
      for (int i = 0; i < length; i += Long.BYTES) {
        memory.set(ValueLayout.JAVA_LONG, 64 + i, 1L << i % 63);
        assertThat(ZeroPages.isZero(memory, 64, length)).as("word at %d", i).isFalse();
        memory.set(ValueLayout.JAVA_LONG, 64 + i, 0);
      }
    }
  }
}
