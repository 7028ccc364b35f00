package dev.godwit.migration.qmp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.godwit.transport.Deadline;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

@Timeout(value = 30, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class QmpClientTest {
  @TempDir Path dir;

  private static Deadline soon() {
    return Deadline.after(Duration.ofSeconds(10));
  }

  private static Deadline millis(long millis) {
    return Deadline.after(Duration.ofMillis(millis));
  }

  @Test
  void greetsAndEnablesOutOfBandExecution() throws Exception {
    CompletableFuture<JsonNode> asked = new CompletableFuture<>();
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  asked.complete(c.greet());
                  c.fallSilent();
                });
        QmpClient client = QmpClient.connect(fake.path(), soon())) {
      assertThat(client.greeting()).isEqualTo(new QmpGreeting(7, 2, 22, "Debian", Set.of("oob")));
      assertThat(client.outOfBand()).isTrue();
      assertThat(asked.get(10, TimeUnit.SECONDS).path("enable").path(0).asString(""))
          .isEqualTo("oob");
    }
  }

  @Test
  void asksForNothingThatIsNotOnOffer() throws Exception {
    AtomicReference<JsonNode> negotiation = new AtomicReference<>();
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.send("{\"QMP\":{\"version\":{},\"capabilities\":[]}}\n");
                  negotiation.set(c.read());
                  c.reply(negotiation.get(), "{}");
                  c.fallSilent();
                });
        QmpClient client = QmpClient.connect(fake.path(), soon())) {
      assertThat(negotiation.get().has("arguments")).isFalse();
      assertThat(client.outOfBand()).isFalse();
      assertThatThrownBy(() -> client.executeOutOfBand("yank", client.arguments(), soon()))
          .isInstanceOfSatisfying(
              QmpException.Refused.class, e -> assertThat(e.errorClass()).isEqualTo("NoOutOfBand"));
    }
  }

  @Test
  void matchesAnswersByIdHoweverTheyAreOrdered() throws Exception {
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  List<JsonNode> commands = new ArrayList<>();
                  for (int i = 0; i < 4; i++) {
                    commands.add(c.read());
                  }
                  Collections.reverse(commands);
                  for (JsonNode command : commands) {
                    c.event("NOISE", "{}");
                    c.reply(command, command.path("arguments").path("n").toString());
                  }
                  c.fallSilent();
                });
        QmpClient client = QmpClient.connect(fake.path(), soon())) {
      List<CompletableFuture<Integer>> answers = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        int n = i;
        answers.add(
            async(() -> client.execute("echo", client.arguments().put("n", n), soon()).intValue()));
      }
      for (int i = 0; i < 4; i++) {
        assertThat(answers.get(i).get(10, TimeUnit.SECONDS)).isEqualTo(i);
      }
    }
  }

  @Test
  void deliversEventsInOrderBetweenAnswersAndKeepsTheirTime() throws Exception {
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  JsonNode first = c.read();
                  for (int i = 0; i < 3; i++) {
                    c.event("PASS", "{\"pass\": %d}".formatted(i));
                  }
                  c.reply(first, "{}");
                  c.send("{\"event\": \"STOP\"}\n");
                  c.fallSilent();
                });
        QmpClient client = QmpClient.connect(fake.path(), soon());
        QmpEvents events = client.events();
        QmpEvents second = client.events()) {
      client.execute("go", soon());
      for (int i = 0; i < 3; i++) {
        QmpEvent event = events.next(soon()).orElseThrow();
        assertThat(event.name()).isEqualTo("PASS");
        assertThat(event.data().path("pass").intValue()).isEqualTo(i);
        assertThat(event.at()).isEqualTo(Instant.ofEpochSecond(1795295665L, 315853000));
      }
      assertThat(events.next(soon()).orElseThrow().name()).isEqualTo("STOP");
      assertThat(events.next(millis(20))).isEmpty();
      assertThat(second.next(soon()).orElseThrow().name()).isEqualTo("PASS");
      second.close();
      assertThat(second.next(soon())).isPresent();
    }
  }

  @Test
  void countsTheEventsThatAConsumerWasTooSlowFor() throws Exception {
    int sent = QmpEvents.CAPACITY + 10;
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  JsonNode first = c.read();
                  for (int i = 0; i < sent; i++) {
                    c.event("N", "{\"n\": %d}".formatted(i));
                  }
                  c.reply(first, "{}");
                  c.fallSilent();
                });
        QmpClient client = QmpClient.connect(fake.path(), soon());
        QmpEvents events = client.events()) {
      client.execute("go", soon());
      assertThat(events.lost()).isEqualTo(10);
      assertThat(events.next(soon()).orElseThrow().data().path("n").intValue()).isEqualTo(10);
    }
  }

  @Test
  void turnsAnErrorIntoASentenceThatKeepsQemusWords() throws Exception {
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  c.refuse(c.read(), "GenericError", "There's a migration process in progress");
                  c.reply(c.read(), "[1]");
                  c.fallSilent();
                });
        QmpClient client = QmpClient.connect(fake.path(), soon())) {
      assertThatThrownBy(() -> client.execute("migrate", soon()))
          .isInstanceOfSatisfying(
              QmpException.Refused.class,
              e -> {
                assertThat(e)
                    .hasMessage("QEMU refused migrate: There's a migration process in progress");
                assertThat(e.command()).isEqualTo("migrate");
                assertThat(e.description()).isEqualTo("There's a migration process in progress");
              });
      assertThat(client.execute("next", soon()).path(0).intValue()).isEqualTo(1);
    }
  }

  @Test
  void givesUpAtTheDeadlineAndDropsTheLateAnswer() throws Exception {
    CountDownLatch timedOut = new CountDownLatch(1);
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  JsonNode slow = c.expect("slow");
                  JsonNode quick = c.expect("quick");
                  await(timedOut);
                  c.reply(slow, "\"late\"");
                  c.reply(quick, "\"mine\"");
                  c.fallSilent();
                });
        QmpClient client = QmpClient.connect(fake.path(), soon())) {
      assertThatThrownBy(() -> client.execute("slow", millis(50)))
          .isInstanceOf(QmpException.TimedOut.class)
          .hasMessageMatching("QEMU at \\S+ has not answered slow for \\d+ ms");
      CompletableFuture<String> quick = async(() -> client.execute("quick", soon()).asString(""));
      timedOut.countDown();
      assertThat(quick.get(10, TimeUnit.SECONDS)).isEqualTo("mine");
    }
  }

  @Test
  void leavesRoomInQemusQueueForOutOfBandCommands() throws Exception {
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  List<JsonNode> owed = new ArrayList<>();
                  for (int i = 0; i < QmpClient.MAX_UNANSWERED; i++) {
                    owed.add(c.expect("stuck"));
                  }
                  c.reply(c.expect("yank"), "{}");
                  c.reply(owed.getFirst(), "{}");
                  c.reply(c.expect("again"), "7");
                  c.fallSilent();
                });
        QmpClient client = QmpClient.connect(fake.path(), soon())) {
      for (int i = 0; i < QmpClient.MAX_UNANSWERED; i++) {
        assertThatThrownBy(() -> client.execute("stuck", millis(1)))
            .isInstanceOf(QmpException.TimedOut.class);
      }
      assertThatThrownBy(() -> client.execute("one too many", millis(1)))
          .isInstanceOf(QmpException.TimedOut.class)
          .hasMessageContaining("left 6 earlier commands unanswered");
      client.executeOutOfBand("yank", client.arguments(), soon());
      assertThat(client.execute("again", soon()).intValue()).isEqualTo(7);
    }
  }

  @Test
  void failsEveryWaitingCommandWhenTheServerHangsUp() throws Exception {
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  c.read();
                  c.read();
                  c.event("LAST", "{}");
                });
        QmpClient client = QmpClient.connect(fake.path(), soon());
        QmpEvents events = client.events()) {
      CompletableFuture<JsonNode> one = async(() -> client.execute("one", soon()));
      CompletableFuture<JsonNode> two = async(() -> client.execute("two", soon()));
      for (CompletableFuture<JsonNode> waiting : List.of(one, two)) {
        assertThatThrownBy(() -> waiting.get(10, TimeUnit.SECONDS))
            .isInstanceOf(ExecutionException.class)
            .cause()
            .isInstanceOf(QmpException.Closed.class)
            .hasMessageContaining("closed its monitor's connection");
      }
      assertThat(events.next(soon()).orElseThrow().name()).isEqualTo("LAST");
      assertThatThrownBy(() -> events.next(soon())).isInstanceOf(QmpException.Closed.class);
      assertThatThrownBy(() -> client.execute("three", soon()))
          .isInstanceOf(QmpException.Closed.class);
      assertThatThrownBy(client::events).isInstanceOf(QmpException.Closed.class);
      assertThat(client.ended()).isPresent();
    }
  }

  @Test
  void tellsAQemuThatHasEndedFromOneThatHungUp() throws Exception {
    CountDownLatch stopped = new CountDownLatch(1);
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  c.read();
                  await(stopped);
                });
        QmpClient client = QmpClient.connect(fake.path(), soon())) {
      CompletableFuture<JsonNode> waiting = async(() -> client.execute("one", soon()));
      fake.stopListening();
      stopped.countDown();
      assertThatThrownBy(() -> waiting.get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(QmpException.Gone.class)
          .hasMessage("The QEMU at %s has ended".formatted(fake.path()));
    }
  }

  @Test
  void closeWakesWhoeverWaits() throws Exception {
    CountDownLatch received = new CountDownLatch(1);
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  c.read();
                  received.countDown();
                  c.fallSilent();
                });
        QmpClient client = QmpClient.connect(fake.path(), soon())) {
      QmpEvents events = client.events();
      CompletableFuture<JsonNode> waiting = async(() -> client.execute("one", Deadline.never()));
      CompletableFuture<?> listening = async(() -> events.next(Deadline.never()));
      await(received);
      client.close();
      client.close();
      assertThatThrownBy(() -> waiting.get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(QmpException.Closed.class)
          .hasMessageContaining("was closed");
      assertThatThrownBy(() -> listening.get(10, TimeUnit.SECONDS))
          .cause()
          .isInstanceOf(QmpException.Closed.class);
    }
  }

  @Test
  void anInterruptEndsTheWaitAndNotTheConnection() throws Exception {
    CountDownLatch received = new CountDownLatch(1);
    CountDownLatch interrupted = new CountDownLatch(1);
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  c.read();
                  received.countDown();
                  await(interrupted);
                  c.reply(c.expect("next"), "1");
                  c.fallSilent();
                });
        QmpClient client = QmpClient.connect(fake.path(), soon())) {
      AtomicReference<Throwable> seen = new AtomicReference<>();
      Thread waiter =
          Thread.ofPlatform()
              .start(
                  () -> {
                    try {
                      client.execute("one", Deadline.never());
                    } catch (QmpException e) {
                      assertThat(Thread.currentThread().isInterrupted()).isTrue();
                      seen.set(e);
                    }
                  });
      await(received);
      waiter.interrupt();
      waiter.join();
      interrupted.countDown();
      assertThat(seen.get()).isInstanceOf(QmpException.Interrupted.class);
      assertThat(client.execute("next", soon()).intValue()).isEqualTo(1);
    }
  }

  @Test
  void readsObjectsSpreadOverLinesAndSplitAnywhere() throws Exception {
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  JsonNode command = c.read();
                  String pretty =
                      "{\n  \"return\": {\n    \"text\": \"}{\\\"\\\\ é\"\n  },\n  \"id\": %s\n}\n"
                          .formatted(command.path("id"));
                  for (byte b : pretty.getBytes(StandardCharsets.UTF_8)) {
                    c.send(new byte[] {b});
                  }
                  c.fallSilent();
                });
        QmpClient client = QmpClient.connect(fake.path(), soon())) {
      assertThat(client.execute("go", soon()).path("text").asString("")).isEqualTo("}{\"\\ é");
    }
  }

  @Test
  void passesOverWhatItDoesNotKnow() throws Exception {
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.send("{\"return\": {}, \"id\": \"of the client before\"}\n");
                  c.send("{\"event\": \"EARLY\"}\n");
                  c.greet();
                  JsonNode command = c.read();
                  c.send("{\"news\": 1}\n{\"return\": {}, \"id\": \"nobody\"}\n");
                  c.send("{\"error\": {\"class\": \"GenericError\", \"desc\": \"no id\"}}\n");
                  c.send("{\"event\": \"ODD\", \"extra\": [], \"timestamp\": \"never\"}\n");
                  c.send(
                      "{\"event\": \"ODD\", \"timestamp\": {\"seconds\": -1, \"microseconds\": -1}}\n");
                  c.send(
                      "{\"event\": \"ODD\", \"timestamp\": {\"seconds\": 9223372036854775807}}\n");
                  c.send("{\"return\": 3, \"id\": %s, \"x\": {}}\n".formatted(command.path("id")));
                  c.fallSilent();
                });
        QmpClient client = QmpClient.connect(fake.path(), soon())) {
      assertThat(client.execute("go", soon()).intValue()).isEqualTo(3);
    }
  }

  @Test
  void endsTheConnectionOnWhatIsNoJson() throws Exception {
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  c.read();
                  c.send("{\"return\": nonsense}\n");
                  c.fallSilent();
                });
        QmpClient client = QmpClient.connect(fake.path(), soon())) {
      assertThatThrownBy(() -> client.execute("go", soon()))
          .isInstanceOf(QmpException.NotQmp.class)
          .hasMessageStartingWith("The server at %s sent what is no JSON".formatted(fake.path()));
    }
  }

  @Test
  void endsTheConnectionOnAnOversizedMessage() throws Exception {
    byte[] megabyte = "x".repeat(1 << 20).getBytes(StandardCharsets.US_ASCII);
    try (FakeQmp fake =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  c.read();
                  c.send("{\"return\": \"");
                  for (int i = 0; i < 17; i++) {
                    c.send(megabyte);
                  }
                  c.fallSilent();
                });
        QmpClient client = QmpClient.connect(fake.path(), soon())) {
      assertThatThrownBy(() -> client.execute("go", soon()))
          .isInstanceOf(QmpException.NotQmp.class)
          .hasMessageContaining("more than 16777216 bytes");
    }
  }

  @Test
  void recognisesAServerOfAnotherProtocol() throws Exception {
    for (String banner :
        List.of("SSH-2.0-OpenSSH\r\n", "QEMU 7.2.22 monitor - type 'help'\n", "{\"hello\": 1}\n")) {
      try (FakeQmp fake =
          FakeQmp.start(
              dir,
              c -> {
                c.send(banner);
                c.fallSilent();
              })) {
        assertThatThrownBy(() -> QmpClient.connect(fake.path(), soon()))
            .as(banner)
            .isInstanceOf(QmpException.NotQmp.class)
            .hasMessageContaining(fake.path().toString());
      }
    }
  }

  @Test
  void saysThatTheMonitorIsProbablyInUseWhenNobodyGreets() throws Exception {
    try (FakeQmp fake = FakeQmp.start(dir, FakeQmp.Connection::fallSilent)) {
      assertThatThrownBy(() -> QmpClient.connect(fake.path(), millis(100)))
          .isInstanceOf(QmpException.Busy.class)
          .hasMessageContaining("another client probably holds it");
    }
  }

  @Test
  void saysThatTheMonitorIsProbablyInUseWhenNobodyTakesTheConnection() throws Exception {
    Path path = dir.resolve("full");
    List<SocketChannel> backlog = new ArrayList<>();
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(path), 1);
      for (int i = 0; i < 2; i++) {
        backlog.add(SocketChannel.open(UnixDomainSocketAddress.of(path)));
      }
      assertThatThrownBy(() -> QmpClient.connect(path, millis(200)))
          .isInstanceOf(QmpException.Busy.class)
          .hasMessageContaining("has taken no connection");
      awaitNone("qmp-connect");
    } finally {
      for (SocketChannel channel : backlog) {
        channel.close();
      }
    }
  }

  @Test
  void suspectsAStuckMainLoopWhenTheNegotiationIsNotAnswered() throws Exception {
    try (FakeQmp fake =
        FakeQmp.start(
            dir,
            c -> {
              c.send(FakeQmp.GREETING);
              c.fallSilent();
            })) {
      assertThatThrownBy(() -> QmpClient.connect(fake.path(), millis(100)))
          .isInstanceOf(QmpException.MainLoopStuck.class)
          .hasMessageContaining("main loop is probably stuck");
    }
  }

  @Test
  void saysWhyASocketCannotBeReached() throws Exception {
    assertUnreachable(dir.resolve("none"), "There is no QMP socket at ");
    assertUnreachable(Files.createFile(dir.resolve("file")), " is no unix socket");
    assertUnreachable(dir.resolve("x".repeat(120)), "longer than the 107 bytes");
    Path stale = dir.resolve("stale");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(stale));
    }
    assertUnreachable(stale, "Nobody listens on the QMP socket ");
    assertThat(QmpSocket.unreachable(stale, new IOException("Permission denied")))
        .hasMessage(
            "This user may not connect to the QMP socket %s: permission denied".formatted(stale));
  }

  @Test
  void leavesNoDescriptorBehind() throws Exception {
    try (FakeQmp greeting =
            FakeQmp.start(
                dir,
                c -> {
                  c.greet();
                  c.fallSilent();
                });
        FakeQmp foreign = FakeQmp.start(dir, c -> c.send("SSH-2.0-OpenSSH\r\n"));
        FakeQmp silent = FakeQmp.start(dir, FakeQmp.Connection::fallSilent)) {
      QmpClient.connect(greeting.path(), soon()).close();
      long before = openDescriptors();
      for (int i = 0; i < 50; i++) {
        QmpClient.connect(greeting.path(), soon()).close();
        assertThatThrownBy(() -> QmpClient.connect(foreign.path(), soon()))
            .isInstanceOf(QmpException.NotQmp.class);
        assertThatThrownBy(() -> QmpClient.connect(silent.path(), millis(1)))
            .isInstanceOf(QmpException.Busy.class);
        assertThatThrownBy(() -> QmpClient.connect(dir.resolve("none"), soon()))
            .isInstanceOf(QmpException.Unreachable.class);
      }
      Deadline deadline = soon();
      while (openDescriptors() > before + 4 && !deadline.hasPassed()) {
        Thread.onSpinWait();
      }
      assertThat(openDescriptors()).isLessThanOrEqualTo(before + 4);
      awaitNone("qmp-connect");
    }
  }

  private static long openDescriptors() throws IOException {
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      return open.count();
    }
  }

  /** Waits until no platform thread of that name is left. */
  private static void awaitNone(String name) throws InterruptedException {
    Deadline deadline = soon();
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().equals(name)) {
        assertThat(thread.join(Duration.ofNanos(deadline.remainingNanos()))).isTrue();
      }
    }
  }

  private static void assertUnreachable(Path path, String words) {
    assertThatThrownBy(() -> QmpClient.connect(path, soon()))
        .isInstanceOf(QmpException.Unreachable.class)
        .hasMessageContaining(words)
        .hasMessageContaining(path.toString());
  }

  @FunctionalInterface
  private interface Call<T> {
    T run() throws Exception;
  }

  private static <T> CompletableFuture<T> async(Call<T> call) {
    CompletableFuture<T> result = new CompletableFuture<>();
    Thread.ofVirtual()
        .start(
            () -> {
              try {
                result.complete(call.run());
              } catch (Exception e) {
                result.completeExceptionally(e);
              }
            });
    return result;
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
