package dev.godwit.transport.tls.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.HotSpotDiagnosticMXBean;
import dev.godwit.transport.tls.credentials.PreSharedKey;
import dev.godwit.transport.tls.credentials.PskCredentials;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is left of a pre-shared key on the heap. */
final class KeyIsGoneTest {
  private static final byte MASK = 0x5a;

  @TempDir Path scratch;

  @Test
  void nothing_of_a_key_is_on_the_heap_once_engines_and_credentials_are_closed() throws Exception {
    byte[] masked = new byte[40];
    new Random(System.nanoTime()).nextBytes(masked);
    PskCredentials client = credentials(masked);
    PskCredentials server = credentials(masked);
    BouncyPair pair =
        new BouncyPair(BouncyEngines.client(client), BouncyEngines.server(server), new Random(1));
    assertThat(pair.handshake().client()).isEmpty();
    BouncyPair.open(pair.server, BouncyPair.seal(pair.client, new byte[100_000]), new Random(1));
    assertThat(holds(masked)).as("the dump shows a key that is there").isTrue();

    client.close();
    server.close();
    // The engines are still there, as in a channel that goes on.
    assertThat(holds(masked)).as("after the handshake").isFalse();
    pair.close();
    assertThat(holds(masked)).as("after the end").isFalse();
    assertThat(pair.client.session().cipher()).isNotEmpty();
  }

  @Test
  void nor_after_a_handshake_that_failed() throws Exception {
    byte[] masked = new byte[40];
    new Random(System.nanoTime()).nextBytes(masked);
    PskCredentials client = credentials(masked);
    PskCredentials server = credentials(masked);
    server.keys().getFirst().key()[3]++;
    BouncyPair pair =
        new BouncyPair(BouncyEngines.client(client), BouncyEngines.server(server), new Random(1));
    assertThat(pair.handshake().client()).isNotEmpty();
    client.close();
    server.close();
    assertThat(holds(masked)).isFalse();
    pair.close();
  }

  private static PskCredentials credentials(byte[] masked) {
    return new PskCredentials(List.of(new PreSharedKey("user", unmasked(masked))));
  }

  private static byte[] unmasked(byte[] masked) {
    byte[] key = masked.clone();
    for (int i = 0; i < key.length; i++) {
      key[i] ^= MASK;
    }
    return key;
  }

  /** Whether the key, or its text, is reachable; looks for the mask's complement to hold none. */
  private boolean holds(byte[] masked) throws IOException {
    Path dump = scratch.resolve("heap-" + System.nanoTime() + ".hprof");
    ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
        .dumpHeap(dump.toString(), true);
    byte[] text = HexFormat.of().formatHex(unmasked(masked)).getBytes(StandardCharsets.US_ASCII);
    for (int i = 0; i < text.length; i++) {
      text[i] ^= MASK;
    }
    try {
      return contains(dump, masked) || contains(dump, text);
    } finally {
      Files.delete(dump);
    }
  }

  private static boolean contains(Path file, byte[] masked) throws IOException {
    byte first = (byte) (masked[0] ^ MASK);
    byte[] buffer = new byte[1 << 20];
    int held = 0;
    try (InputStream in = Files.newInputStream(file)) {
      int read;
      while ((read = in.read(buffer, held, buffer.length - held)) > 0) {
        int end = held + read;
        for (int at = 0; at + masked.length <= end; at++) {
          if (buffer[at] == first && matches(buffer, at, masked)) {
            return true;
          }
        }
        held = Math.min(end, masked.length - 1);
        System.arraycopy(buffer, end - held, buffer, 0, held);
      }
    }
    return false;
  }

  private static boolean matches(byte[] buffer, int at, byte[] masked) {
    for (int i = 0; i < masked.length; i++) {
      if ((buffer[at + i] ^ MASK) != masked[i]) {
        return false;
      }
    }
    return true;
  }
}
