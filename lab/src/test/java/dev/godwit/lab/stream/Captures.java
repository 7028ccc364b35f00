package dev.godwit.lab.stream;

import dev.godwit.lab.stream.Mode.Kind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Every capture that a test has asked for, made once for all tests of the process and removed at
 * its end. A test class takes it as a parameter, with {@code @ExtendWith(Captures.Shared.class)}.
 */
final class Captures implements AutoCloseable {
  private final Path directory;
  private final Map<Kind, Capture> made = new HashMap<>();
  private final Map<Kind, Exception> failed = new HashMap<>();

  private Captures(Path directory) {
    this.directory = directory;
  }

  /**
   * The capture of that kind, made if nobody has asked for it yet; what could not be made once is
   * not tried again.
   */
  synchronized Capture of(Kind kind) throws Exception {
    Exception failure = failed.get(kind);
    if (failure != null) {
      throw new AssertionError(kind + " could not be captured", failure);
    }
    Capture capture = made.get(kind);
    if (capture != null) {
      return capture;
    }
    try {
      long start = System.nanoTime();
      Path own = Files.createDirectories(directory.resolve(kind.shortName()));
      capture = new CaptureMaker(kind, own).make();
      made.put(kind, capture);
      System.out.printf("Captured %s in %d ms%n", kind, (System.nanoTime() - start) / 1_000_000);
      return capture;
    } catch (Exception e) {
      failed.put(kind, e);
      throw e;
    }
  }

  @Override
  public void close() throws IOException {
    List<Path> all;
    try (Stream<Path> walk = Files.walk(directory)) {
      all = walk.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : all) {
      Files.deleteIfExists(path);
    }
  }

  /** Hands the same captures to every test of the process. */
  static final class Shared implements ParameterResolver {
    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
      return parameter.getParameter().getType() == Captures.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
      return context
          .getRoot()
          .getStore(ExtensionContext.Namespace.create(Captures.class))
          .computeIfAbsent(Captures.class, key -> make(), Captures.class);
    }

    private static Captures make() {
      try {
        return new Captures(Files.createTempDirectory("godwit-"));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
