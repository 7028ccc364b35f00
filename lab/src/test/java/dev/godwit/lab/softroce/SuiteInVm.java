package dev.godwit.lab.softroce;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.EngineFilter;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.reporting.legacy.xml.LegacyXmlReportGeneratingListener;

/**
 * Runs test classes in the lab VM, one after another in this one JVM. Arguments: a directory for
 * the reports, then the classes. Each class gets a report as the host's runner writes it, and
 * {@code summary} says at the end what {@link Summary} reads. Exits with 0 if all passed, else 1.
 */
final class SuiteInVm {
  private static final String ENGINE = "junit-jupiter";

  private final Path reports;
  private final Launcher launcher = LauncherFactory.create();
  private final Progress progress = new Progress();

  private SuiteInVm(Path reports) {
    this.reports = reports;
  }

  public static void main(String[] arguments) throws Exception {
    SuiteInVm suite = new SuiteInVm(Path.of(arguments[0]));
    for (String name : Arrays.asList(arguments).subList(1, arguments.length)) {
      suite.run(name);
    }
    Summary summary = suite.progress.summary();
    summary.write(suite.reports);
    // Threads that a test has left behind are its failure, and must not keep the VM.
    System.exit(summary.failed().isEmpty() ? 0 : 1);
  }

  private void run(String name) throws IOException, ClassNotFoundException {
    var request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(selectClass(Class.forName(name, false, SuiteInVm.class.getClassLoader())))
            .filters(TagFilter.includeTags(SoftRoceTests.TAG), EngineFilter.includeEngines(ENGINE))
            .configurationParameter("junit.jupiter.execution.timeout.default", "300 s")
            .configurationParameter(
                "junit.jupiter.execution.timeout.thread.mode.default", "SEPARATE_THREAD")
            .build();
    Path own = Files.createDirectories(reports.resolve(name));
    launcher.execute(
        request,
        progress,
        new LegacyXmlReportGeneratingListener(
            own, new PrintWriter(System.err, true, StandardCharsets.UTF_8)));
    Files.move(
        own.resolve("TEST-" + ENGINE + ".xml"),
        reports.resolve("TEST-" + SoftRoceTests.TAG + "." + name + ".xml"));
    Files.delete(own);
  }

  /** Says on standard output what runs, so that the last line tells where a JVM died. */
  private static final class Progress implements TestExecutionListener {
    private final List<String> failed = new ArrayList<>();
    private int ended;
    private long startNanos;

    Summary summary() {
      return new Summary(ended, failed);
    }

    @Override
    public void executionStarted(TestIdentifier test) {
      if (test.isTest()) {
        startNanos = System.nanoTime();
        System.out.println("  " + name(test));
      }
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
      System.out.println("  " + name(test) + ": skipped, " + reason);
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      if (test.isTest()) {
        ended++;
        long millis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - startNanos);
        System.out.println("    " + result.getStatus() + " after " + millis + " ms");
      }
      if (result.getStatus() == TestExecutionResult.Status.FAILED) {
        String why = result.getThrowable().map(Throwable::toString).orElse("no reason given");
        result.getThrowable().ifPresent(e -> e.printStackTrace(System.out));
        failed.add(name(test) + ": " + why.lines().findFirst().orElse(why));
      }
    }

    /** The parts of its unique id, which names the class where the display name does not. */
    private static String name(TestIdentifier test) {
      return test.getUniqueIdObject().getSegments().stream()
          .skip(1)
          .map(segment -> segment.getValue().replaceFirst("\\(\\)$", ""))
          .reduce((a, b) -> a + "." + b)
          .orElseGet(test::getDisplayName);
    }
  }
}
