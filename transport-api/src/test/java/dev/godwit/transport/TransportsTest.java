package dev.godwit.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

final class TransportsTest {
  private final Transports transports = Transports.load();

  @Test
  void findsWhatIsInstalled() {
    assertThat(transports.all()).extracting(Transport::scheme).contains("mem");
    assertThat(transports.layers()).extracting(Layer::key).contains("fault", "tap", "throttle");
    assertThat(transports.layers()).allSatisfy(layer -> assertThat(layer.grammar()).isNotBlank());
  }

  @Test
  void anUnknownSchemeListsThoseThereAre() {
    assertThatThrownBy(() -> transports.check(Endpoint.parse("carrier-pigeon:coop")))
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining("carrier-pigeon:")
        .hasMessageContaining("mem:");
  }

  @Test
  void checkingOpensNothing() throws Exception {
    Endpoint endpoint = Endpoint.parse("mem:transports-test?fault=cut:1");
    transports.check(endpoint);
    try (Listener first = transports.listen(endpoint)) {
      assertThat(first.local().address()).isEqualTo("transports-test");
      transports.check(endpoint);
    }
  }

  @Test
  void anUnknownSettingListsLayersToo() {
    assertThatThrownBy(() -> transports.check(Endpoint.parse("mem:x?nonsense=1")))
        .isInstanceOf(EndpointException.class)
        .hasMessageContaining("nonsense")
        .hasMessageContaining("fault")
        .hasMessageContaining("placement");
  }
}
