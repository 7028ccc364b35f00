package dev.godwit.lab.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;

/**
 * The command line as tests start it: from jars and with classes that a rehearsal has linked, as
 * the launcher does it, since a life of seconds is mostly start. Made once by each JVM that runs
 * tests, on the host; lab VMs are told where it is.
 */
public final class GodwitProgram {
  private static final String MAIN = "dev.godwit.migration.cli.Godwit";

  /** Where it was made already. */
  private static final String PROPERTY = "godwit.program";

  private static final List<String> OPTIONS =
      List.of("-XX:+UseSerialGC", "-Xss512k", "--enable-native-access=ALL-UNNAMED");

  private static final class Made {
    static final Path DIRECTORY = make();
  }

  private GodwitProgram() {}

  /** The option that tells another JVM where it is. */
  public static String option() {
    return "-D" + PROPERTY + "=" + Made.DIRECTORY;
  }

  /**
   * What its arguments follow.
   *
   * @param heapMebibytes the most
   * @param options further ones of the JVM
   */
  public static List<String> command(int heapMebibytes, String... options) {
    List<String> command = new ArrayList<>();
    command.add(java());
    command.addAll(OPTIONS);
    command.addAll(List.of("-Xmx" + heapMebibytes + "m", "-XX:TieredStopAtLevel=1"));
    command.addAll(
        List.of(
            "-XX:AOTCache=" + Made.DIRECTORY.resolve("godwit.aot"),
            "-Xlog:aot=off",
            "-Xlog:cds=off"));
    command.addAll(List.of(options));
    command.addAll(List.of("-cp", classPath(Made.DIRECTORY), MAIN));
    return command;
  }

  private static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  private static Path make() {
    String made = System.getProperty(PROPERTY);
    if (made != null) {
      return Path.of(made);
    }
    try {
      String fork = System.getProperty("godwit.fork", "0");
      Path directory = Path.of("target", "program" + fork).toAbsolutePath();
      Files.createDirectories(directory);
      List<String> entries = new ArrayList<>();
      String all =
          System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
      for (String entry : all.split(":")) {
        Path path = Path.of(entry);
        if (!Files.isDirectory(path)) {
          entries.add(entry);
        } else if (path.endsWith("classes")) {
          entries.add(jar(path, directory.resolve(entries.size() + ".jar")).toString());
        }
      }
      Files.writeString(directory.resolve("class-path"), String.join(":", entries));
      rehearse(directory);
      return directory;
    } catch (IOException | InterruptedException e) {
      throw new IllegalStateException("The command line could not be made ready", e);
    }
  }

  private static String classPath(Path directory) {
    try {
      return Files.readString(directory.resolve("class-path"));
    } catch (IOException e) {
      throw new IllegalStateException("The command line is not ready", e);
    }
  }

  /** The JVM keeps linked classes of jars alone. */
  private static Path jar(Path classes, Path file) throws IOException {
    try (OutputStream out = Files.newOutputStream(file);
        JarOutputStream jar = new JarOutputStream(out);
        Stream<Path> all = Files.walk(classes)) {
      for (Path each : all.filter(Files::isRegularFile).sorted().toList()) {
        jar.putNextEntry(new JarEntry(classes.relativize(each).toString()));
        Files.copy(each, jar);
        jar.closeEntry();
      }
    }
    return file;
  }

  private static void rehearse(Path directory) throws IOException, InterruptedException {
    Path log = directory.resolve("rehearsal.log");
    List<String> command = new ArrayList<>();
    command.add(java());
    command.addAll(OPTIONS);
    command.addAll(
        List.of(
            "-Xmx256m",
            "-XX:AOTCacheOutput=" + directory.resolve("godwit.aot"),
            "-cp",
            classPath(directory),
            MAIN,
            "rehearse"));
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    process.getOutputStream().close();
    if (!process.waitFor(3, TimeUnit.MINUTES) || process.exitValue() != 0) {
      process.destroyForcibly();
      throw new IOException("The rehearsal failed: " + Files.readString(log));
    }
  }
}
