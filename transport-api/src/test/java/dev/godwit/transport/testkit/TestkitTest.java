package dev.godwit.transport.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The kit must see what it is there to see. */
final class TestkitTest {
  private final Path scratch;

  TestkitTest(@TempDir Path scratch) {
    this.scratch = scratch;
  }

  @Test
  void seesAnOpenDescriptor() throws Exception {
    Path file = Files.createFile(scratch.resolve("open"));
    try (InputStream open = Files.newInputStream(file)) {
      assertThat(Leaks.openDescriptors()).anyMatch(line -> line.endsWith(file.toString()));
      assertThat(open.read()).isEqualTo(-1);
    }
    assertThat(Leaks.openDescriptors()).noneMatch(line -> line.endsWith(file.toString()));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void seesAThreadOfEitherKindAndThatItIsBlocked(boolean virtual) {
    CountDownLatch end = new CountDownLatch(1);
    String name = "left-behind-" + virtual;
    Task<Boolean> task =
        virtual
            ? Task.startVirtual(name, () -> waitFor(end))
            : Task.start(name, () -> waitFor(end));
    task.awaitBlocked();
    assertThat(task.isDone()).isFalse();
    assertThat(Leaks.liveThreads(scratch)).anyMatch(line -> line.contains(name));
    end.countDown();
    assertThat(task.result()).isTrue();
    Await.until(
        "it is gone",
        () -> Leaks.liveThreads(scratch).stream().noneMatch(line -> line.contains(name)));
  }

  private static boolean waitFor(CountDownLatch latch) throws InterruptedException {
    latch.await();
    return true;
  }

  @Test
  void tellsAFailureFromAResult() {
    Task<Integer> failing =
        Task.start(
            "fails",
            () -> {
              throw new IllegalStateException("as it should");
            });
    assertThat(failing.failure()).hasMessage("as it should");
    assertThatThrownBy(failing::result).isInstanceOf(AssertionError.class);
    Task<Integer> returning = Task.start("returns", () -> 5);
    assertThat(returning.result()).isEqualTo(5);
    assertThatThrownBy(returning::failure).isInstanceOf(AssertionError.class);
    assertThatThrownBy(returning::awaitBlocked).isInstanceOf(AssertionError.class);
  }

  @Test
  void aFailureOnAnyThreadFailsTheRun() {
    assertThatThrownBy(
            () ->
                Threads.run(
                    () -> {},
                    () -> {
                      throw new IllegalStateException("on a thread");
                    }))
        .isInstanceOf(AssertionError.class)
        .hasRootCauseMessage("on a thread");
  }
}
