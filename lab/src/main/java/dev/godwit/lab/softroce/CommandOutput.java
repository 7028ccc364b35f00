package dev.godwit.lab.softroce;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * One stream on which the output of one command after another comes out of the VM, each ended by a
 * mark that was agreed on before it began. Owns a thread that reads until the stream ends; what
 * nobody waits for is dropped, so that the VM never waits for a reader.
 */
final class CommandOutput {
  private static final int BUFFER_BYTES = 64 << 10;

  private final InputStream stream;
  private @Nullable Taker taker;

  /** Begins to read. */
  CommandOutput(String name, InputStream stream) {
    this.stream = stream;
    Thread.ofVirtual().name("lab VM " + name).start(this::readAll);
  }

  /** Where the next command's output goes. */
  private static final class Taker {
    final byte[] mark;
    final OutputStream target;
    final CompletableFuture<Void> end = new CompletableFuture<>();
    int matched;
    @Nullable IOException failure;

    Taker(byte[] mark, OutputStream target) {
      this.mark = mark;
      this.target = target;
    }
  }

  /** The mark that ends one command's output. */
  static byte[] mark(String token) {
    return ("\u001e" + token + "\n").getBytes(StandardCharsets.US_ASCII);
  }

  /**
   * From now on, bytes go to that target as they come until the mark does.
   *
   * @param target flushed whenever nothing more is there at once, never closed; should it fail, the
   *     rest is dropped
   * @return completes after the mark, exceptionally with the target's failure
   */
  CompletableFuture<Void> until(byte[] mark, OutputStream target) {
    Taker next = new Taker(mark, target);
    synchronized (this) {
      taker = next;
    }
    return next.end;
  }

  private void readAll() {
    byte[] buffer = new byte[BUFFER_BYTES];
    try {
      for (int read = stream.read(buffer); read >= 0; read = stream.read(buffer)) {
        take(buffer, read);
      }
    } catch (IOException e) {
      // The VM has ended, which is noticed elsewhere.
    }
  }

  private void take(byte[] buffer, int length) {
    @Nullable Taker current;
    synchronized (this) {
      current = taker;
    }
    if (current == null) {
      return;
    }
    int from = 0; // the first byte that is not passed on yet and not among those matched
    for (int i = 0; i < length; i++) {
      // A mark's first byte is nowhere else in it: a match that breaks can only begin anew here.
      if (buffer[i] == current.mark[current.matched]) {
        if (current.matched == 0) {
          write(current, buffer, from, i - from);
        }
        current.matched++;
        from = i + 1;
        if (current.matched == current.mark.length) {
          finish(current);
          return;
        }
      } else if (current.matched > 0) {
        write(current, current.mark, 0, current.matched);
        current.matched = 0;
        from = i;
        i--; // look at this byte again, as a beginning
      }
    }
    write(current, buffer, from, length - from);
    flush(current);
  }

  private static void write(Taker taker, byte[] bytes, int offset, int length) {
    if (length > 0 && taker.failure == null) {
      try {
        taker.target.write(bytes, offset, length);
      } catch (IOException e) {
        taker.failure = e;
      }
    }
  }

  private static void flush(Taker taker) {
    if (taker.failure == null) {
      try {
        taker.target.flush();
      } catch (IOException e) {
        taker.failure = e;
      }
    }
  }

  private void finish(Taker done) {
    synchronized (this) {
      taker = null;
    }
    flush(done);
    if (done.failure == null) {
      done.end.complete(null);
    } else {
      done.end.completeExceptionally(done.failure);
    }
  }
}
