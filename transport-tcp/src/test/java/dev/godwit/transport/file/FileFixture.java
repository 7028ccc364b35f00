package dev.godwit.transport.file;

import dev.godwit.transport.Capabilities;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.contract.Fixture;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Files in a directory of the test; they exist before, so an abort leaves them. */
final class FileFixture implements Fixture {
  private final Path directory;
  private int made;

  FileFixture(Path directory) {
    this.directory = directory;
  }

  @Override
  public Capabilities capabilities() {
    return FileTransport.CAPABILITIES;
  }

  @Override
  public Endpoint address() throws IOException {
    return Endpoint.parse("file:" + Files.createFile(directory.resolve("image" + made++)));
  }

  @Override
  public boolean live() {
    return false;
  }

  @Override
  public boolean rebinds() {
    return false;
  }
}
