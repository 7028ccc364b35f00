package dev.godwit.lab.softroce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The output of commands, cut where it comes from and whole where it goes to. */
final class CommandOutputTest {
  private static final byte[] MARK = CommandOutput.mark("00112233");

  private final PipedOutputStream vm = new PipedOutputStream();
  private final CommandOutput output;

  CommandOutputTest() throws IOException {
    output = new CommandOutput("test", new PipedInputStream(vm, 1 << 20));
  }

  @Test
  void bytesAreWholeHoweverTheyAreCut() throws Exception {
    long seed = Long.getLong("godwit.seed", System.nanoTime());
    Random random = new Random(seed);
    for (int round = 0; round < 200; round++) {
      byte[] bytes = likeMarks(random);
      ByteArrayOutputStream target = new ByteArrayOutputStream();
      CompletableFuture<Void> end = output.until(MARK, target);

      write(bytes, random);
      write(MARK, random);

      end.get(30, TimeUnit.SECONDS);
      assertThat(target.toByteArray()).as("round %d, seed %d", round, seed).isEqualTo(bytes);
    }
  }

  @Test
  void whatIsWrittenIsSeenBeforeTheEnd() throws Exception {
    PipedOutputStream target = new PipedOutputStream();
    PipedInputStream seen = new PipedInputStream(target);
    CompletableFuture<Void> end = output.until(MARK, target);

    vm.write("now\n".getBytes(StandardCharsets.US_ASCII));
    vm.flush();

    assertThat(seen.readNBytes(4)).asString(StandardCharsets.US_ASCII).isEqualTo("now\n");
    assertThat(end).isNotDone();
  }

  @Test
  void aTargetThatFailsDoesNotHoldUpTheVm() throws Exception {
    OutputStream full =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("The disk is full");
          }
        };
    CompletableFuture<Void> end = output.until(MARK, full);

    vm.write(new byte[4 << 20]);
    vm.write(MARK);
    vm.flush();

    assertThatThrownBy(() -> end.get(30, TimeUnit.SECONDS))
        .isInstanceOf(ExecutionException.class)
        .hasRootCauseMessage("The disk is full");
  }

  /** Bytes in which beginnings of the mark are frequent. */
  private static byte[] likeMarks(Random random) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int part = random.nextInt(50); part > 0; part--) {
      if (random.nextBoolean()) {
        bytes.write(MARK, 0, random.nextInt(MARK.length));
      } else {
        // Any but the mark's last byte, or chance would write the whole mark.
        int other = random.nextInt(255);
        bytes.write(other < '\n' ? other : other + 1);
      }
    }
    return bytes.toByteArray();
  }

  private void write(byte[] bytes, Random random) throws IOException {
    int from = 0;
    while (from < bytes.length) {
      int length = 1 + random.nextInt(Math.min(8, bytes.length - from));
      vm.write(bytes, from, length);
      if (random.nextInt(4) == 0) {
        vm.flush();
      }
      from += length;
    }
    vm.flush();
  }
}
