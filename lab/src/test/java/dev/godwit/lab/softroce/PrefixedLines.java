package dev.godwit.lab.softroce;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** Hands whole lines on, each with the same beginning, so that several writers can share a log. */
final class PrefixedLines extends OutputStream {
  private final byte[] prefix;
  private final OutputStream target;
  private final ByteArrayOutputStream line = new ByteArrayOutputStream();

  PrefixedLines(String prefix, OutputStream target) {
    this.prefix = prefix.getBytes(StandardCharsets.UTF_8);
    this.target = target;
  }

  @Override
  public void write(int b) throws IOException {
    if (line.size() == 0) {
      line.write(prefix);
    }
    line.write(b);
    if (b == '\n') {
      handOn();
    }
  }

  @Override
  public void write(byte[] source, int offset, int length) throws IOException {
    for (int i = 0; i < length; i++) {
      write(source[offset + i]);
    }
  }

  /** Ends a last line that has no end; the target stays open. */
  @Override
  public void close() throws IOException {
    if (line.size() > 0) {
      write('\n');
    }
  }

  private void handOn() throws IOException {
    target.write(line.toByteArray());
    target.flush();
    line.reset();
  }
}
