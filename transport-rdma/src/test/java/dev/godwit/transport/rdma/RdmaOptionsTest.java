package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.EndpointException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class RdmaOptionsTest {
  private static RdmaOptions of(String settings) {
    return RdmaOptions.of(Endpoint.parse("rdma:host:1" + settings));
  }

  @Test
  void theDefaultsAreThoseOfTheManual() {
    RdmaOptions options = of("");
    assertThat(options.pinAll()).isFalse();
    assertThat(options.minChunkBytes()).isEqualTo(1 << 20);
    assertThat(options.maxChunkBytes()).isEqualTo(1 << 30);
    assertThat(options.ceiling()).isEqualTo(4L << 30);
    assertThat(Rings.bytes(options.slots(), options.slotBytes())).isLessThan(5 << 19);
  }

  @ParameterizedTest
  @CsvSource({
    "chunk=512k, from 1048576",
    "chunk=2G, to 1073741824",
    "chunk=3M, powers of two",
    "chunk=4M&max-chunk=2M, from 4194304",
    "max-registered=1M, from 8388608",
    "slots=3, from 4",
    "slots=1025, to 1024",
    "slot=1k, from 4096",
    "slots=1024&slot=16M, 1 GiB",
    "writes=0, from 1",
    "pin-all=maybe, on or off",
    "return-path=2, on or off",
    "liveness=soon, 20ms"
  })
  void whatMakesNoSenseIsRefused(String settings, String hint) {
    assertThatThrownBy(() -> of("?" + settings))
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining(hint);
  }

  @Test
  void aReturnPathIsHadIfAskedFor() {
    assertThat(of("").returnPath()).isFalse();
    assertThat(of("?return-path=off").returnPath()).isFalse();
    assertThat(of("?return-path=on").returnPath()).isTrue();
    assertThat(of("?return-path=on").within(1L << 30).returnPath()).isTrue();
  }

  @Test
  void aLimitOfLockedMemoryLowersTheCeiling() {
    assertThat(of("").within(1L << 30).maxRegisteredBytes()).isEqualTo(1L << 29);
    assertThat(of("").within(Long.MAX_VALUE)).isEqualTo(of(""));
    assertThat(of("?max-registered=16M").within(1L << 30).maxRegisteredBytes())
        .isEqualTo(16L << 20);
  }

  @Test
  void tooLowALimitIsRefusedWithTheCommandThatRaisesIt() throws Exception {
    MemoryLimit.require(100, 100, "the rings");
    assertThatThrownBy(() -> MemoryLimit.require(65536, 65537, "the rings"))
        .isInstanceOf(ChannelException.Refused.class)
        .hasMessageContaining("may lock 65536 bytes")
        .hasMessageContaining("ulimit -l unlimited");
    assertThat(MemoryLimit.exceeded(8 << 20, 65536))
        .isInstanceOf(ChannelException.Refused.class)
        .hasMessageContaining("8388608 bytes of memory cannot be registered")
        .hasMessageContaining("LimitMEMLOCK");
  }
}
