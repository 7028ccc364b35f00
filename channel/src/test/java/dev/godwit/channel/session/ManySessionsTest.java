package dev.godwit.channel.session;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Channel;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Leaks;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Many migrations through one listener. */
final class ManySessionsTest {
  private static final int MANY = 200;
  private static final int BYTES = 300_000;

  private final Transports transports = Transports.load();
  private final Seed seed = Seed.of("ManySessionsTest");
  private final Path scratch;

  ManySessionsTest(@TempDir Path scratch) {
    this.scratch = scratch;
  }

  private static Deadline soon() {
    return Deadline.after(Await.LIMIT);
  }

  private byte[] bytes(String name) {
    return Io.bytes(seed.random(name.hashCode()), BYTES);
  }

  @Test
  void eachGetsTheBytesOfItsOwnPeerAndNoThreadIsLeft() throws Exception {
    run(3);
    Leaks leaks = Leaks.baseline(scratch);
    run(MANY);
    leaks.awaitNone();
  }

  private void run(int sessions) throws Exception {
    Endpoint address = Endpoint.parse("mem:" + UUID.randomUUID());
    try (SessionListener listener =
        new SessionListener(
            List.of(transports.listen(address)), SessionOptions.standard(), Admission.all())) {
      List<Task<String>> there = new ArrayList<>();
      for (int i = 0; i < sessions; i++) {
        String name = "vm" + i;
        there.add(Task.startVirtual(name, () -> dial(address, name)));
      }
      List<Task<String>> here = new ArrayList<>();
      for (int i = 0; i < sessions; i++) {
        Session session = listener.accept(soon());
        here.add(Task.startVirtual(session.name(), () -> answer(session)));
      }
      there.forEach(Task::result);
      assertThat(here.stream().map(Task::result).distinct()).hasSize(sessions);
    }
  }

  /** Sends what belongs to a name, and takes what belongs to it the other way round. */
  private String dial(Endpoint address, String name) throws Exception {
    Session session =
        Session.dialling(
            List.of(new Rail(address, () -> transports.dialer(address))),
            SessionOptions.standard().named(name));
    try (Channel channel = session.dial(soon())) {
      Io.send(channel, bytes(name));
      channel.shutdownOutput();
      assertThat(Io.drain(channel)).isEqualTo(bytes("re: " + name));
    }
    session.close();
    assertEnded(session);
    return name;
  }

  private String answer(Session session) throws Exception {
    try (Channel channel = session.accept(soon())) {
      assertThat(Io.drain(channel)).isEqualTo(bytes(session.name()));
      Io.send(channel, bytes("re: " + session.name()));
      channel.shutdownOutput();
    }
    session.close();
    assertEnded(session);
    return session.name();
  }

  private static void assertEnded(Session session) {
    assertThat(session.awaitEnd(soon())).isTrue();
    assertThat(session.failure()).isEmpty();
  }
}
