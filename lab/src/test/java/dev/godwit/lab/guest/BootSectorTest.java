package dev.godwit.lab.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.lab.guest.BootSector.Fill;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

final class BootSectorTest {
  private static final BootSector SMALL = BootSector.of(32, 8);

  /**
   * The golden bytes come from another assembler, which was given the listing's right-hand side.
   */
  @Test
  void theListingSaysWhatItsBytesDo() throws IOException {
    byte[] golden;
    try (InputStream hex =
        Objects.requireNonNull(getClass().getResourceAsStream("boot-sector.hex"))) {
      golden =
          HexFormat.of()
              .parseHex(
                  new String(hex.readAllBytes(), StandardCharsets.US_ASCII).replaceAll("\\s", ""));
    }
    assertThat(SMALL.filled(Fill.RANDOM).image()).isEqualTo(golden);
  }

  @Test
  void anImageIsABootableSector() {
    byte[] image = SMALL.image();

    assertThat(image).hasSize(BootSector.IMAGE_BYTES);
    assertThat(image[510]).isEqualTo((byte) 0x55);
    assertThat(image[511]).isEqualTo((byte) 0xAA);
  }

  @Test
  void anImageIsAlwaysANewArray() {
    SMALL.image()[0] = 0;
    assertThat(SMALL.image()[0]).isNotZero();
  }

  @Test
  void everyParameterReachesTheImage() {
    byte[] small = SMALL.image();

    assertThat(SMALL.dirtying(17).image()).isNotEqualTo(small);
    assertThat(SMALL.checking(33).image()).isNotEqualTo(small);
    assertThat(SMALL.ticking(50).image()).isNotEqualTo(small);
    assertThat(SMALL.filled(Fill.RANDOM).image()).isNotEqualTo(small);
    assertThat(BootSector.of(32, 9).image()).isNotEqualTo(small);
    assertThat(new BootSector(32, 513, 2048, 16, 32, 100, Fill.ZERO).image()).isNotEqualTo(small);
    assertThat(BootSector.of(64, 8).image()).isEqualTo(small);
  }

  @Test
  void theParametersAreWhatTheySay() {
    assertThat(SMALL.workingSetFrom()).isEqualTo(2 << 20);
    assertThat(SMALL.workingSetTo()).isEqualTo(10 << 20);
    assertThat(SMALL.dirtyBytesPerSecond()).isEqualTo(16 * 4096 * 100);
    assertThat(SMALL.ticksToCheckAll()).isEqualTo(64);
    assertThat(BootSector.of(3072, 2048).workingSetFrom()).isEqualTo(3 << 20);
    assertThat(BootSector.of(3072, 2048).workingSetTo()).isEqualTo(2051L << 20);
  }

  @Test
  void whatDoesNotFitIsRefusedInOneSentence() {
    assertThatThrownBy(() -> BootSector.of(4096, 8))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("The guest takes 3 to 3072 MiB of memory, not 4096");
    assertThatThrownBy(() -> BootSector.of(8, 8))
        .hasMessage("A working set of 2048 pages from page 512 on does not fit into 8 MiB");
    assertThatThrownBy(() -> new BootSector(32, 257, 2048, 16, 32, 100, Fill.ZERO))
        .hasMessage("A working set of 2048 pages cannot begin at page 257, where its table is");
    assertThatThrownBy(() -> BootSector.of(32, 0))
        .hasMessage("The working set needs at least 1 page, not 0");
    assertThatThrownBy(() -> SMALL.dirtying(-1))
        .hasMessage("The guest cannot dirty -1 pages a tick");
    assertThatThrownBy(() -> SMALL.checking(0))
        .hasMessage("The guest checks at least 1 page a tick, not 0");
    assertThatThrownBy(() -> SMALL.ticking(18))
        .hasMessage("The timer ticks 19 to 1000 times a second, not 18");
  }

  @Test
  void aParameterThatIsNotGivenIsAnError() {
    assertThatThrownBy(() -> BootSectorListing.assemble(Map.of()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("The listing names divisorLow, which there is not");
  }
}
