package dev.godwit.transport.rdma;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Channel;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Region;
import dev.godwit.transport.RemoteRegion;
import dev.godwit.transport.rdma.qemu.Command;
import dev.godwit.transport.testkit.Task;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a channel says to a QEMU that takes a guest, message by message. */
@Timeout(60)
final class QemuSourceTest {
  private static final int PAGE = 4096;
  private static final int MIB = 1 << 20;
  private static final int FEW = 60 << 10;
  private static final int MANY = 64 << 10;
  private static final String PATIENT = "liveness=20s";

  private static ScriptedDestination destination(long bytes, boolean pinAll) throws Exception {
    return new ScriptedDestination(bytes, pinAll, PATIENT);
  }

  /** Something to do, not for what it returns. */
  private interface Step {
    void run() throws Exception;
  }

  private static Task<Boolean> start(Step step) {
    return Task.start(
        "source",
        () -> {
          step.run();
          return true;
        });
  }

  private static void put(ScriptedDestination qemu, RemoteRegion block, long offset, long length)
      throws ChannelException {
    qemu.channel.put(qemu.source, offset, block, offset, length);
  }

  /** Page after page, as an engine does. */
  private static void putPages(
      ScriptedDestination qemu, RemoteRegion block, long offset, long length)
      throws ChannelException {
    for (long done = 0; done < length; done += PAGE) {
      put(qemu, block, offset + done, Math.min(PAGE, length - done));
    }
  }

  private static Command.Compress filled(long offset, long length) {
    return new Command.Compress(0, 0, ScriptedDestination.BIAS + offset, length);
  }

  private static void mark(MemorySegment memory) {
    for (long at = 0; at < memory.byteSize(); at += PAGE) {
      memory.set(JAVA_LONG, at, at + 1);
    }
  }

  @Test
  void pagesOfZerosAreFilledTogetherAndRegisterNothing() throws Exception {
    try (ScriptedDestination qemu = destination(2 * MIB, false)) {
      RemoteRegion block = qemu.begin();
      int registered = qemu.fabric.registrations();
      Task<Boolean> round =
          start(
              () -> {
                putPages(qemu, block, PAGE, 3 * PAGE);
                put(qemu, block, 9 * PAGE, PAGE);
                qemu.channel.flush();
              });
      assertThat(qemu.hear(Command.Compress.class)).isEqualTo(filled(PAGE, 3 * PAGE));
      qemu.say(new Command.Ready());
      assertThat(qemu.hear(Command.Compress.class)).isEqualTo(filled(9 * PAGE, PAGE));
      round.result();
      assertThat(qemu.fabric.writes()).isZero();
      assertThat(qemu.fabric.registrations()).isEqualTo(registered);
    }
  }

  @Test
  void zerosInFrontOfAPageThatIsNoneGoBeforeItsKeyIsAskedFor() throws Exception {
    try (ScriptedDestination qemu = destination(2 * MIB, false)) {
      RemoteRegion block = qemu.begin();
      qemu.source.memory().set(JAVA_LONG, 2 * PAGE, 1);
      Task<Boolean> round =
          start(
              () -> {
                put(qemu, block, 0, 4 * PAGE);
                qemu.channel.settle();
              });
      assertThat(qemu.hear(Command.Compress.class)).isEqualTo(filled(0, 2 * PAGE));
      qemu.say(new Command.Ready());
      qemu.answer(qemu.hear(Command.Register.class));
      qemu.say(new Command.Ready());
      // The page behind it is registered by now, and alone.
      round.result();
      assertThat(qemu.hasHeardMore()).isFalse();
      assertThat(qemu.memory.mismatch(qemu.source.memory())).isEqualTo(-1);
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void zerosInRegisteredMemoryAreFilledOnlyWhereTheyAreMany(boolean atOnce) throws Exception {
    try (ScriptedDestination qemu = destination(2 * MIB, true)) {
      RemoteRegion block = qemu.begin();
      qemu.memory.fill((byte) 7);
      Step few = () -> put(qemu, block, MIB, FEW);
      Step fewPages = () -> putPages(qemu, block, MIB, FEW);
      (atOnce ? few : fewPages).run();
      qemu.channel.settle();
      assertThat(qemu.hasHeardMore()).isFalse();
      assertThat(qemu.memory.asSlice(MIB, FEW).mismatch(MemorySegment.ofArray(new byte[FEW])))
          .isEqualTo(-1);
      Task<Boolean> round =
          start(
              () -> {
                Step many = () -> put(qemu, block, 0, MANY);
                Step manyPages = () -> putPages(qemu, block, 0, MANY);
                (atOnce ? many : manyPages).run();
                qemu.channel.flush();
              });
      assertThat(qemu.hear(Command.Compress.class)).isEqualTo(filled(0, MANY));
      round.result();
      assertThat(qemu.memory.get(JAVA_LONG, 0)).isNotZero();
    }
  }

  @Test
  void longRunsOfZerosAreCut() throws Exception {
    try (ScriptedDestination qemu = destination(9 * MIB + PAGE, false)) {
      RemoteRegion block = qemu.begin();
      Task<Boolean> round =
          start(
              () -> {
                put(qemu, block, 0, 5 * MIB);
                putPages(qemu, block, 5 * MIB, 4 * MIB + PAGE);
                qemu.channel.flush();
              });
      assertThat(qemu.hear(Command.Compress.class)).isEqualTo(filled(0, 4 * MIB));
      qemu.say(new Command.Ready());
      assertThat(qemu.hear(Command.Compress.class)).isEqualTo(filled(4 * MIB, 4 * MIB));
      qemu.say(new Command.Ready());
      assertThat(qemu.hear(Command.Compress.class)).isEqualTo(filled(8 * MIB, MIB + PAGE));
      round.result();
    }
  }

  @Test
  void nothingIsFilledUntilTheWritesToItHaveLanded() throws Exception {
    try (ScriptedDestination qemu = destination(MIB, true)) {
      RemoteRegion block = qemu.begin();
      mark(qemu.source.memory());
      qemu.inner.deaf = true;
      put(qemu, block, 0, PAGE);
      qemu.channel.flush();
      assertThat(qemu.fabric.writes()).isEqualTo(1);
      qemu.source.memory().fill((byte) 0);
      Task<Boolean> filling =
          start(
              () -> {
                put(qemu, block, 0, MANY);
                qemu.channel.flush();
              });
      filling.awaitBlocked();
      assertThat(qemu.inner.sendsUnderWay()).isZero();
      qemu.inner.deaf = false;
      qemu.inner.wake();
      assertThat(qemu.hear(Command.Compress.class)).isEqualTo(filled(0, MANY));
      filling.result();
    }
  }

  @Test
  void nothingIsWrittenUntilItsFillingIsDealtWith() throws Exception {
    try (ScriptedDestination qemu = destination(MIB, true)) {
      RemoteRegion block = qemu.begin();
      put(qemu, block, 0, MANY);
      qemu.channel.flush();
      qemu.hear(Command.Compress.class);
      mark(qemu.source.memory());
      put(qemu, block, MANY, PAGE);
      qemu.channel.settle();
      assertThat(qemu.fabric.writes()).as("beside what is being filled").isEqualTo(1);
      Task<Boolean> writing =
          start(
              () -> {
                put(qemu, block, MANY - PAGE, PAGE);
                qemu.channel.settle();
              });
      writing.awaitBlocked();
      assertThat(qemu.fabric.writes()).isEqualTo(1);
      qemu.say(new Command.Ready());
      writing.result();
      assertThat(qemu.memory.get(JAVA_LONG, MANY - PAGE)).isEqualTo(MANY - PAGE + 1);
    }
  }

  @Test
  void theRoundEndsBehindWhatIsFilled() throws Exception {
    try (ScriptedDestination qemu = destination(MIB, false)) {
      RemoteRegion block = qemu.begin();
      Task<Boolean> round =
          start(
              () -> {
                put(qemu, block, 0, PAGE);
                qemu.channel.barrier();
              });
      assertThat(qemu.hear(Command.Compress.class)).isEqualTo(filled(0, PAGE));
      round.awaitBlocked();
      assertThat(qemu.hasHeardMore()).isFalse();
      qemu.say(new Command.Ready());
      qemu.hear(Command.Finished.class);
      round.awaitBlocked();
      qemu.say(new Command.Ready());
      round.result();
    }
  }

  @Test
  void aFirstPassNeedsFewKeysAndNoneBeyondTheBlock() throws Exception {
    long bytes = 33L * MIB + 3 * PAGE;
    try (ScriptedDestination qemu = destination(bytes, false)) {
      RemoteRegion block = qemu.begin();
      mark(qemu.source.memory());
      Task<Boolean> pass =
          start(
              () -> {
                putPages(qemu, block, 0, bytes);
                qemu.channel.barrier();
              });
      long registered = 0;
      int requests = 0;
      while (registered < bytes) {
        Command.Register request = qemu.hear(Command.Register.class);
        assertThat(request.at() - ScriptedDestination.BIAS).isEqualTo(registered);
        registered += (request.more() + 1) * MIB;
        assertThat(registered).isLessThan(bytes + MIB);
        requests++;
        qemu.answer(request);
        qemu.say(new Command.Ready());
      }
      qemu.hear(Command.Finished.class);
      qemu.say(new Command.Ready());
      pass.result();
      // 1, 1, 2, 4, 8, 16, and the rest.
      assertThat(requests).isEqualTo(7);
      assertThat(qemu.memory.mismatch(qemu.source.memory())).isEqualTo(-1);
    }
  }

  @Test
  void littleIsRegisteredBehindAHole() throws Exception {
    try (ScriptedDestination qemu = destination(12 * MIB, false)) {
      RemoteRegion block = qemu.begin();
      mark(qemu.source.memory().asSlice(0, 4 * MIB));
      mark(qemu.source.memory().asSlice(8 * MIB, PAGE));
      Task<Boolean> pass =
          start(
              () -> {
                putPages(qemu, block, 0, 12 * MIB);
                qemu.channel.settle();
              });
      for (int expected : new int[] {0, 0, 1}) {
        Command.Register request = qemu.hear(Command.Register.class);
        assertThat(request.more()).isEqualTo(expected);
        qemu.answer(request);
        qemu.say(new Command.Ready());
      }
      assertThat(qemu.hear(Command.Compress.class)).isEqualTo(filled(4 * MIB, 4 * MIB));
      qemu.say(new Command.Ready());
      Command.Register behind = qemu.hear(Command.Register.class);
      assertThat(behind.at()).isEqualTo(ScriptedDestination.BIAS + 8 * MIB);
      assertThat(behind.more()).isZero();
      qemu.answer(behind);
      qemu.say(new Command.Ready());
      assertThat(qemu.hear(Command.Compress.class))
          .isEqualTo(filled(8 * MIB + PAGE, 4 * MIB - PAGE));
      pass.result();
    }
  }

  private static Throwable answered(Command answer) throws Exception {
    try (ScriptedDestination qemu = destination(MIB, false)) {
      RemoteRegion block = qemu.begin();
      mark(qemu.source.memory());
      Task<Boolean> writing =
          start(
              () -> {
                put(qemu, block, 0, PAGE);
                qemu.channel.settle();
              });
      qemu.hear(Command.Register.class);
      qemu.say(answer);
      return writing.failure();
    }
  }

  @Test
  void anotherAnswerThanAKeyEndsTheChannel() throws Exception {
    assertThat(answered(new Command.Ready())).isInstanceOf(ChannelException.Violated.class);
    assertThat(answered(new Command.GaveUp())).isInstanceOf(ChannelException.Lost.class);
    assertThat(answered(new Command.Registered(1, -PAGE)))
        .isInstanceOf(ChannelException.Violated.class)
        .hasMessageContaining("beyond all addresses");
    assertThat(answered(new Command.Registered(4711, 1 << 30)))
        .isInstanceOf(ChannelException.Violated.class);
  }

  @Test
  void theRestOfTheStreamGoesWhenTheChannelIsClosed() throws Exception {
    byte[] rest = "and that was all".getBytes(StandardCharsets.US_ASCII);
    try (ScriptedDestination qemu = destination(MIB, false)) {
      Channel channel = qemu.channel;
      channel.write(ByteBuffer.wrap(rest));
      Task<Boolean> closing = start(channel::close);
      closing.awaitBlocked();
      qemu.say(new Command.Ready());
      assertThat(qemu.hearStream()).isEqualTo(rest);
      qemu.wire.disconnect();
      closing.result();
    }
  }

  @Test
  void zerosOfARegionThatIsClosedAreFilledNonetheless() throws Exception {
    try (ScriptedDestination qemu = destination(MIB, true)) {
      RemoteRegion block = qemu.begin();
      try (Region source = qemu.source) {
        put(qemu, block, 0, PAGE);
        assertThat(source.name()).isEqualTo(ScriptedDestination.BLOCK);
      }
      qemu.channel.settle();
      assertThat(qemu.hear(Command.Compress.class)).isEqualTo(filled(0, PAGE));
    }
  }
}
