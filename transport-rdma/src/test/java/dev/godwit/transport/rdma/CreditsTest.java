package dev.godwit.transport.rdma;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.ChannelException;
import dev.godwit.transport.rdma.wire.Frame;
import dev.godwit.transport.rdma.wire.FrameType;
import dev.godwit.transport.testkit.Seed;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class CreditsTest {
  /** A frame under way. */
  private record Sent(FrameType type, int stream, int control) {}

  /** One side of a simulated connection, and what travels to it. */
  private static final class Side {
    final Credits credits;
    final Deque<Sent> receives = new ArrayDeque<>();
    final int slots;
    int unread;
    int most;

    Side(int theirs, int ours) {
      credits = new Credits(theirs, ours);
      slots = ours;
    }

    void send(Side other, FrameType type) {
      other.receives.add(
          new Sent(type, credits.takeStreamToReturn(), credits.takeControlToReturn()));
      other.most = Math.max(other.most, other.receives.size() + other.unread);
    }

    /** Deals with one frame, as a keeper that was away for a while does. */
    void handle() throws ChannelException {
      Sent sent = receives.poll();
      if (sent == null) {
        return;
      }
      credits.arrived(sent.type(), sent.stream(), sent.control());
      credits.returned(sent.stream(), sent.control());
      switch (sent.type().credit()) {
        case STREAM -> unread++;
        case CONTROL -> credits.controlReposted();
        case NONE -> {}
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 4, 7, 32})
  void theReceivesNeverRunOutAndNobodyStalls(int slots) throws Exception {
    Seed seed = Seed.of("theReceivesNeverRunOutAndNobodyStalls");
    Random random = seed.random();
    Side a = new Side(slots, 5);
    Side b = new Side(5, slots);
    for (int i = 0; i < 200_000; i++) {
      step(random, a, b);
      step(random, b, a);
      for (Side side : new Side[] {a, b}) {
        assertThat(side.most).as("%s", seed).isLessThanOrEqualTo(Frame.receives(side.slots));
      }
    }
    // Whoever reads everything lets the other one go on.
    for (int i = 0; i < 100; i++) {
      settle(a, b);
      settle(b, a);
    }
    assertThat(a.credits.hasStream()).as("%s", seed).isTrue();
    assertThat(b.credits.hasStream()).as("%s", seed).isTrue();
    assertThat(a.credits.hasControl()).as("%s", seed).isTrue();
  }

  private static void settle(Side one, Side other) throws ChannelException {
    one.handle();
    while (one.unread > 0) {
      one.unread--;
      one.credits.streamReposted();
    }
    if (one.credits.isReturnDue()) {
      one.send(other, FrameType.CREDIT);
    }
  }

  private static void step(Random random, Side one, Side other) throws ChannelException {
    switch (random.nextInt(5)) {
      case 0 -> {
        if (one.credits.hasStream()) {
          one.credits.takeStream();
          one.send(other, FrameType.STREAM);
        }
      }
      case 1 -> {
        if (one.credits.hasControl()) {
          one.credits.takeControl();
          one.send(other, FrameType.KEYS);
        }
      }
      case 2 -> {
        if (one.unread > 0) {
          one.unread--;
          one.credits.streamReposted();
        }
      }
      default -> one.handle();
    }
    if (one.credits.isReturnDue()) {
      one.send(other, FrameType.CREDIT);
    }
  }

  @Test
  void aPeerThatExceedsItsCreditsViolates() throws Exception {
    Credits credits = new Credits(4, 2);
    credits.arrived(FrameType.STREAM, 0, 0);
    credits.arrived(FrameType.STREAM, 0, 0);
    assertThatThrownBy(() -> credits.arrived(FrameType.STREAM, 0, 0))
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessageContaining("exceeded");
    credits.streamReposted();
    // Read, but not given back: the peer cannot know of it.
    assertThatThrownBy(() -> credits.arrived(FrameType.STREAM, 0, 0))
        .isInstanceOf(ChannelException.Violated.class);
    assertThat(credits.takeStreamToReturn()).isEqualTo(1);
    credits.arrived(FrameType.STREAM, 0, 0);
    for (int i = 0; i < Frame.CONTROL_SLOTS; i++) {
      credits.arrived(FrameType.BARRIER, 0, 0);
    }
    assertThatThrownBy(() -> credits.arrived(FrameType.BARRIER, 0, 0))
        .isInstanceOf(ChannelException.Violated.class);
  }

  @Test
  void morethanWasUsedCannotBeGivenBack() throws Exception {
    Credits credits = new Credits(4, 2);
    assertThatThrownBy(() -> credits.returned(1, 0)).isInstanceOf(ChannelException.Violated.class);
    assertThatThrownBy(() -> credits.returned(0, 1)).isInstanceOf(ChannelException.Violated.class);
    credits.takeStream();
    credits.takeControl();
    credits.returned(1, 1);
    assertThatThrownBy(() -> credits.returned(65535, 0))
        .isInstanceOf(ChannelException.Violated.class);
  }

  @Test
  void aFrameForTooFewCreditsViolates() throws Exception {
    Credits credits = new Credits(8, 8);
    credits.arrived(FrameType.CREDIT, 4, 0);
    credits.arrived(FrameType.CREDIT, 0, Frame.CONTROL_SLOTS / 2);
    assertThatThrownBy(() -> credits.arrived(FrameType.CREDIT, 3, 1))
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessageContaining("too few");
  }
}
