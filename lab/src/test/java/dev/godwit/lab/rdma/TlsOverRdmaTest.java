package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.Access;
import dev.godwit.transport.Channel;
import dev.godwit.transport.Deadline;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Layer;
import dev.godwit.transport.Listener;
import dev.godwit.transport.Placement;
import dev.godwit.transport.Protection;
import dev.godwit.transport.Region;
import dev.godwit.transport.Transports;
import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Task;
import dev.godwit.transport.tls.credentials.CredentialsMaker;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The layer tls above a transport that would place bytes in clear. */
@Tag("softroce")
final class TlsOverRdmaTest {
  private static final String RAM = "pc.ram";
  private static final int BYTES = 300_000;

  @TempDir private Path credentials;

  private static Deadline soon() {
    return Deadline.after(Duration.ofMinutes(2));
  }

  @Test
  void whatIsPutGoesThroughTlsAndArrives() throws Exception {
    long seed = Long.getLong("godwit.seed", System.nanoTime());
    byte[] memory = Io.bytes(new Random(seed), BYTES);
    String host = System.getProperty("godwit.rdma.address");
    new CredentialsMaker(credentials).x509(List.of(CredentialsMaker.Host.parse(host)), 1);
    Transports transports = Transports.load();
    try (Arena arena = Arena.ofShared();
        Listener listener = transports.listen(Endpoint.parse("rdma:" + host + ":0"))) {
      Endpoint target =
          Endpoint.parse("rdma:" + listener.local().address() + "?tls-creds=" + credentials);
      // A listener with the layer gives a handshake 10 s, which an emulated processor may not do.
      Layer.Wrapping accepted =
          transports.layers().stream()
              .filter(layer -> layer.key().equals("tls"))
              .findFirst()
              .orElseThrow()
              .configure(new Layer.Naming(target, Layer.Side.ACCEPTING, ""));
      Task<Channel> accepting =
          Task.start("accept", () -> accepted.wrap(listener.accept(soon()), soon()));
      // Whom the certificate must name is the host of the URI.
      try (Dialer dialer = transports.dialer(target);
          Channel source = dialer.dial(soon());
          Channel destination = accepting.result();
          Region from =
              source.info().peer().register(RAM, arena.allocate(BYTES, 4096), Access.LOCAL);
          Region to =
              destination
                  .info()
                  .peer()
                  .register(RAM, arena.allocate(BYTES, 4096), Access.REMOTE_WRITE)) {
        assertThat(source.info().capabilities().placement()).isEqualTo(Placement.INLINE);
        assertThat(source.info().capabilities().protection()).isEqualTo(Protection.ENCRYPTED);
        Io.fill(from.memory(), 0, memory);
        Task<String> putting =
            Task.start(
                "put",
                () -> {
                  source.put(from, 0, source.info().peer().remote(RAM, soon()), 0, BYTES);
                  source.flush();
                  return "done";
                });

        destination.get(to, 0, BYTES);

        putting.result();
        assertThat(Io.copy(to.memory(), 0, BYTES)).as("seed %d", seed).isEqualTo(memory);
      }
    }
  }
}
