package dev.godwit.transport.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.support.ChannelLifecycle.State;
import org.junit.jupiter.api.Test;

final class ChannelLifecycleTest {
  private final ChannelLifecycle lifecycle = new ChannelLifecycle("tcp:hostb:4444");

  @Test
  void beginsOpen() {
    assertThat(lifecycle.state()).isEqualTo(State.OPEN);
    assertThat(lifecycle.first()).isEmpty();
    assertThatCode(lifecycle::requireInput).doesNotThrowAnyException();
    assertThatCode(lifecycle::requireOutput).doesNotThrowAnyException();
  }

  @Test
  void endsItsOutputOnce() throws Exception {
    assertThat(lifecycle.endOutput()).isTrue();
    assertThat(lifecycle.endOutput()).isFalse();
    assertThatCode(lifecycle::requireInput).doesNotThrowAnyException();
    assertThatThrownBy(lifecycle::requireOutput)
        .isInstanceOf(ChannelException.Aborted.class)
        .hasMessageContaining("tcp:hostb:4444");
  }

  @Test
  void theFirstFailureWins() {
    ChannelException lost = new ChannelException.Lost("It is gone");
    assertThat(lifecycle.fail(lost)).isSameAs(lost);
    assertThat(lifecycle.fail(new ChannelException.Violated("And wrong")))
        .isInstanceOf(ChannelException.Aborted.class)
        .hasCause(lost);
    assertThat(lifecycle.abort(new Exception("too late"))).isFalse();
    assertThat(lifecycle.first()).contains(lost);
    assertThatThrownBy(lifecycle::requireInput).hasCause(lost);
    assertThatThrownBy(lifecycle::requireOutput).hasCause(lost);
    assertThatThrownBy(lifecycle::endOutput).hasCause(lost);
  }

  @Test
  void anAbortExplainsWhatFailsAfterIt() {
    Exception reason = new Exception("The user wants it so");
    assertThat(lifecycle.abort(reason)).isTrue();
    assertThat(lifecycle.abort(new Exception("again"))).isFalse();
    assertThat(lifecycle.state()).isEqualTo(State.BROKEN);
    assertThat(lifecycle.fail(new ChannelException.Lost("It is gone")))
        .isInstanceOf(ChannelException.Aborted.class)
        .hasCause(reason);
  }

  @Test
  void closesOnceFromAnyState() throws Exception {
    assertThat(lifecycle.close()).isTrue();
    assertThat(lifecycle.close()).isFalse();
    assertThat(lifecycle.abort(new Exception("after"))).isFalse();
    assertThat(lifecycle.first()).isEmpty();
    assertThatThrownBy(lifecycle::requireInput)
        .isInstanceOf(ChannelException.Aborted.class)
        .hasMessageContaining("closed")
        .hasNoCause();

    ChannelLifecycle broken = new ChannelLifecycle("b");
    broken.abort(new Exception("first"));
    assertThat(broken.close()).isTrue();
    assertThat(broken.state()).isEqualTo(State.CLOSED);
    assertThatThrownBy(broken::requireInput).cause().hasMessage("first");
  }

  @Test
  void serialsDiffer() {
    assertThat(ChannelLifecycle.nextSerial()).isNotEqualTo(ChannelLifecycle.nextSerial());
  }
}
