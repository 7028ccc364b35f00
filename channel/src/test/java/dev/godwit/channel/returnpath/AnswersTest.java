package dev.godwit.channel.returnpath;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.channel.returnpath.ReturnPathMessage.Pong;
import dev.godwit.channel.returnpath.ReturnPathMessage.Ready;
import dev.godwit.channel.returnpath.ReturnPathMessage.Reason;
import dev.godwit.channel.returnpath.ReturnPathMessage.Shut;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.channel.stream.Wired;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.support.Ending;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Threads;
import java.time.Duration;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a source learns, and what it waits for no longer. */
@Timeout(30)
final class AnswersTest {
  private final Wired wired = wired();
  private final StreamOutput destination = new StreamOutput(wired.receiving());
  private final Ending ending = new Ending();
  private final Answers answers = new Answers(wired.sending(), ending);

  private static Wired wired() {
    try {
      return new Wired("");
    } catch (ChannelException e) {
      throw new AssertionError(e);
    }
  }

  @AfterEach
  void close() throws Exception {
    wired.sending().abort(new IllegalStateException("The test is over"));
    answers.close();
    destination.close();
    wired.close();
  }

  @Test
  void theWholeHandoverIsHeard() throws Exception {
    say(new Pong(1), new Ready());
    answers.awaitReady(soon());
    assertThat(answers.isConfirmed()).isFalse();
    say(new Shut(0));
    answers.awaitShut(soon());
    answers.awaitConfirmed(soon());
    assertThat(answers.isConfirmed()).isTrue();
    assertThat(answers.refusal(soon())).isEmpty();
    assertThat(ending.cause()).isEmpty();
  }

  /** Neither word may be heard by a wait for the other. */
  @Test
  void whoIsReadyHasNotTakenTheGuest() throws Exception {
    say(new Ready());
    answers.awaitReady(soon());
    assertThatThrownBy(() -> answers.awaitShut(atOnce()))
        .isInstanceOf(ChannelException.TimedOut.class)
        .hasMessageEndingWith("does not say whether it has taken the guest");
  }

  @Test
  void nobodyTakesAGuestThatWasNotGivenUp() throws Exception {
    say(new Shut(0));
    answers.awaitShut(soon());
    assertThatThrownBy(() -> answers.awaitReady(soon()))
        .isInstanceOf(ChannelException.Violated.class);
  }

  @Test
  void aReasonIsWhatEveryWaitFailsWith() throws Exception {
    say(new Pong(1), Reason.of("No device 0000:00:03.0/virtio-net is here"), new Shut(1));
    for (ThrowingCallable wait :
        new ThrowingCallable[] {
          () -> answers.awaitReady(soon()),
          () -> answers.awaitShut(soon()),
          () -> answers.awaitConfirmed(soon())
        }) {
      assertThatThrownBy(wait)
          .isInstanceOf(ChannelException.Refused.class)
          .hasMessage("The destination: No device 0000:00:03.0/virtio-net is here");
    }
    assertThat(answers.refusal(atOnce())).isPresent();
    Await.until("the migration is given up", () -> ending.cause().isPresent());
    assertThat(ending.cause()).containsInstanceOf(ChannelException.Refused.class);
  }

  @Test
  void withoutAReasonTheLogHasIt() throws Exception {
    say(new Shut(1));
    assertThatThrownBy(() -> answers.awaitReady(soon()))
        .isInstanceOf(ChannelException.Refused.class)
        .hasMessage(
            "The destination says that it could not load the guest; its log has the reason");
    assertThat(answers.isConfirmed()).isFalse();
  }

  @Test
  void aDestinationThatEndsHasNotRefused() throws Exception {
    say(new Ready());
    wired.receiving().shutdownOutput();
    assertThatThrownBy(() -> answers.awaitShut(soon()))
        .isInstanceOf(ChannelException.EndedEarly.class);
    assertThat(answers.refusal(soon())).isEmpty();
  }

  @Test
  void whoWaitsIsTold() throws Exception {
    var waiting =
        Threads.start(
            "source",
            () -> {
              answers.awaitReady(soon());
            });
    waiting.awaitBlocked();
    say(new Ready());
    assertThat(waiting.result()).isNotNull();
  }

  @Test
  void silenceEndsAtTheDeadline() {
    assertThatThrownBy(() -> answers.awaitReady(atOnce()))
        .isInstanceOf(ChannelException.TimedOut.class);
    assertThatThrownBy(() -> answers.awaitConfirmed(atOnce()))
        .isInstanceOf(ChannelException.TimedOut.class)
        .hasMessageContaining("return-path is to be off");
  }

  @Test
  void whatNobodyAnswersEndsTheMigration() throws Exception {
    destination.u16(0x4703);
    destination.u16(0);
    destination.flush();
    assertThatThrownBy(() -> answers.awaitReady(soon())).isInstanceOf(StreamException.class);
    assertThat(ending.cause()).containsInstanceOf(StreamException.class);
  }

  private void say(ReturnPathMessage... messages) throws ChannelException {
    for (ReturnPathMessage message : messages) {
      message.write(destination);
    }
    destination.flush();
  }

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  private static Deadline atOnce() {
    return Deadline.after(Duration.ofMillis(20));
  }
}
