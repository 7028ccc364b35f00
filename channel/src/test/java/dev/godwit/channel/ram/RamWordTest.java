package dev.godwit.channel.ram;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class RamWordTest {
  @Test
  void isAnAddressAndFlagsBelowThePage() {
    long word = 0xFFFF_FFFF_FFFF_F000L | RamWord.PAGE | RamWord.CONTINUE;
    assertThat(RamWord.address(word, 4096)).isEqualTo(0xFFFF_FFFF_FFFF_F000L);
    assertThat(RamWord.flags(word, 4096)).isEqualTo(0x028);
    assertThat(RamWord.address(0x1608, 1024)).isEqualTo(0x1400);
    assertThat(RamWord.flags(0x1608, 1024)).isEqualTo(0x208);
  }

  @Test
  void namesItsFlags() {
    assertThat(RamWord.names(0)).isEqualTo("nothing");
    assertThat(RamWord.names(0x028)).isEqualTo("PAGE|CONTINUE");
    assertThat(RamWord.names(0x3FF))
        .isEqualTo("FULL|ZERO|MEM_SIZE|PAGE|EOS|CONTINUE|XBZRLE|HOOK|COMPRESS_PAGE|MULTIFD_FLUSH");
    assertThat(RamWord.names(0xC00)).isEqualTo("0x400|0x800");
  }
}
