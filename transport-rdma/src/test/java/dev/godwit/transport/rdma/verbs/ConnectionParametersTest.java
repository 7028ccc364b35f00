package dev.godwit.transport.rdma.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

final class ConnectionParametersTest {
  @Test
  void privateDataIsCopiedInAndOut() {
    byte[] data = {1, 2, 3};
    ConnectionParameters parameters = ConnectionParameters.of(data);
    data[0] = 9;
    parameters.privateData()[1] = 9;

    assertThat(parameters.withRetries(1, 2).withDepths(3, 4).privateData())
        .containsExactly(1, 2, 3);
    assertThat(parameters.getPrivate_data_len()).isEqualTo((byte) 3);
    assertThat(parameters.getPrivate_data()).isZero();
  }

  @Test
  void retriesAndDepthsAreKeptBesideEachOther() {
    ConnectionParameters parameters =
        ConnectionParameters.of(new byte[0]).withRetries(1, 2).withDepths(255, 4).withRetries(5, 6);

    assertThat(parameters.getRetry_count()).isEqualTo((byte) 5);
    assertThat(parameters.getRnr_retry_count()).isEqualTo((byte) 6);
    assertThat(parameters.getResponder_resources()).isEqualTo((byte) 255);
    assertThat(parameters.getInitiator_depth()).isEqualTo((byte) 4);
  }

  @Test
  void whatDoesNotFitIsRefused() {
    ConnectionParameters parameters = ConnectionParameters.of(new byte[255]);

    assertThatThrownBy(() -> ConnectionParameters.of(new byte[256]))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> parameters.withRetries(8, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> parameters.withRetries(0, -1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> parameters.withDepths(256, 0))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
