package dev.godwit.channel.ram;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.transport.Access;
import dev.godwit.transport.Region;
import dev.godwit.transport.support.StreamRegions;
import dev.godwit.transport.testkit.ArrayChannel;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

final class RamImageTest {
  private static final int PAGE = 4096;
  private static final long HUGE = 1L << 41;

  private static RamTable table(long bytes) {
    return new RamTable(List.of(new RamTable.Entry("pc.ram", bytes)));
  }

  @Test
  void takesUpRoomOnlyWhereItIsWritten() throws Exception {
    try (RamImage image = new RamImage(HUGE, PAGE)) {
      RamBlock ram = image.create(table(HUGE)).named("pc.ram").orElseThrow();
      assertThat(ram.lengthBytes()).isEqualTo(HUGE);
      MemorySegment memory = ram.memory();
      memory.set(ValueLayout.JAVA_LONG, HUGE - 8, 7);
      assertThat(memory.get(ValueLayout.JAVA_LONG, HUGE - 8)).isEqualTo(7);
      assertThat(ZeroPages.isZero(memory, HUGE / 2, PAGE)).isTrue();
    }
  }

  @Test
  void isGoneWhenItIsClosed() throws Exception {
    RamImage image = new RamImage(PAGE, PAGE);
    MemorySegment memory = image.create(table(PAGE)).all().getFirst().memory();
    image.close();
    assertThatThrownBy(() -> memory.get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void holdsToItsCeiling() throws Exception {
    try (RamImage image = new RamImage(2 * PAGE, PAGE);
        StreamInput in = new StreamInput(ArrayChannel.of(new byte[0]), "main")) {
      StreamException e =
          catchThrowableOfType(StreamException.class, () -> image.blocks(table(3 * PAGE), in, 42));
      assertThat(e.kind()).isEqualTo(StreamException.Kind.MISMATCHED);
      assertThat(e.offset()).isEqualTo(42);
      assertThat(e).hasMessageContaining("12288 bytes of RAM, and no more than 8192 are taken");
      assertThatIllegalArgumentException().isThrownBy(() -> image.create(table(3 * PAGE)));
      assertThat(image.blocks()).isEmpty();
    }
  }

  @Test
  void isMadeOnce() throws Exception {
    try (RamImage image = new RamImage(1 << 30, PAGE)) {
      RamTable.Entry huge =
          new RamTable.Entry(
              "m0", 1 << 22, OptionalLong.of(1 << 21), OptionalLong.empty(), Optional.empty());
      RamBlocks blocks = image.create(new RamTable(List.of(huge)));
      assertThat(blocks.all().getFirst().pageBytes()).isEqualTo(1 << 21);
      assertThat(image.blocks()).contains(blocks);
      assertThatThrownBy(() -> image.create(table(PAGE))).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> image.region(blocks.all().getFirst()))
          .hasMessageContaining("registered with nobody");
    }
  }

  @Test
  void opensItsMemoryToThePeerUntilItIsClosed() throws Exception {
    Region region;
    try (RamImage image = new RamImage(PAGE, PAGE, new StreamRegions())) {
      RamBlock block = image.create(table(PAGE)).all().getFirst();
      region = image.region(block);
      assertThat(region.access()).isEqualTo(Access.REMOTE_WRITE);
      assertThat(region.memory()).isEqualTo(block.memory());
    }
    assertThatThrownBy(region::memory).isInstanceOf(IllegalStateException.class);
  }
}
