package dev.godwit.transport.exec;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.contract.Fixture;
import java.io.IOException;
import java.nio.file.Path;

/** Two commands, each with a process a direction, joined by named pipes. */
final class ExecFixture implements Fixture {
  private final Path directory;
  private int made;

  ExecFixture(Path directory) {
    this.directory = directory;
  }

  @Override
  public Capabilities capabilities() {
    return ExecTransport.CAPABILITIES;
  }

  @Override
  public Endpoint address() throws IOException, InterruptedException {
    String there = directory.resolve("there" + made).toString();
    String back = directory.resolve("back" + made++).toString();
    Process mkfifo = new ProcessBuilder("mkfifo", there, back).start();
    if (mkfifo.waitFor() != 0) {
      throw new IOException("mkfifo failed");
    }
    return bridge(there, back);
  }

  @Override
  public Endpoint target(Endpoint local) {
    String[] words = local.address().split(" ");
    return bridge(words[words.length - 1], words[1]).with(local.settings());
  }

  /** Its exit status tells what became of the bytes that were written to it. */
  private static Endpoint bridge(String from, String to) {
    return Endpoint.parse("exec:cat " + from + " & exec cat > " + to);
  }

  @Override
  public boolean rebinds() {
    return false;
  }

  /** A command that is killed closes its pipes as one that ends does. */
  @Override
  public boolean tellsLoss() {
    return false;
  }
}
