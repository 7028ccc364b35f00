package dev.godwit.lab.softroce;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A suite in VMs of which something is missing has failed, and is told so in a sentence. */
final class SuiteVerdictTest {
  @TempDir private Path directory;

  private void ran(String name, int tests) throws IOException {
    Files.writeString(
        SuiteVerdict.report(directory, name), "<testsuite name=\"x\" tests=\"" + tests + "\">");
  }

  @Test
  void whenEveryClassRanAndPassedNothingIsSaid() throws Exception {
    ran("a.FirstTest", 2);
    ran("a.SecondTest", 10);
    new Summary(2, List.of()).write(directory, 1);
    new Summary(10, List.of()).write(directory, 2);
    SuiteVerdict verdict = new SuiteVerdict(directory);
    verdict.vmEnded(1, 0);
    verdict.vmEnded(2, 0);

    assertThat(verdict.of(List.of("a.FirstTest", "a.SecondTest"))).isEmpty();
  }

  @Test
  void aTestThatFailedIsNamed() throws Exception {
    ran("a.FirstTest", 2);
    new Summary(2, List.of("a.FirstTest.works: it does not")).write(directory, 1);
    SuiteVerdict verdict = new SuiteVerdict(directory);
    verdict.vmEnded(1, 1);

    assertThat(verdict.of(List.of("a.FirstTest")))
        .containsExactly("a.FirstTest.works: it does not");
  }

  @Test
  void aSuiteThatEndedEarlyIsToldWithWhatItDidNotRun() throws Exception {
    Path crash = Files.createFile(directory.resolve("hs_err_7.log"));
    SuiteVerdict verdict = new SuiteVerdict(directory);
    verdict.vmEnded(1, 134);

    assertThat(verdict.of(List.of("a.FirstTest")))
        .containsExactly(
            "The tests' JVM in VM 1 ended with status 134 before its last test, and left ["
                + crash
                + "]",
            "a.FirstTest was not run to its end in any VM");
  }

  @Test
  void aVmThatDidNotComeUpIsTold() throws Exception {
    ran("a.FirstTest", 2);
    SuiteVerdict verdict = new SuiteVerdict(directory);
    verdict.vmFailed(2, new VmException.TimedOut("The VM was not ready before its deadline"));

    assertThat(verdict.of(List.of("a.FirstTest")))
        .containsExactly("VM 2: The VM was not ready before its deadline");
  }

  @Test
  void aClassWithoutATestIsTold() throws Exception {
    ran("a.FirstTest", 0);
    new Summary(0, List.of()).write(directory, 1);
    SuiteVerdict verdict = new SuiteVerdict(directory);
    verdict.vmEnded(1, 0);

    assertThat(verdict.of(List.of("a.FirstTest")))
        .containsExactly("a.FirstTest ran in a VM without a test");
    assertThat(verdict.of(List.of())).containsExactly("No class has a test for the VM");
  }

  @Test
  void aStatusThatNoTestExplainsIsTold() throws Exception {
    ran("a.FirstTest", 1);
    new Summary(1, List.of()).write(directory, 1);
    SuiteVerdict verdict = new SuiteVerdict(directory);
    verdict.vmEnded(1, 137);

    assertThat(verdict.of(List.of("a.FirstTest")))
        .containsExactly("All tests in VM 1 passed, and its JVM ended with 137");
  }
}
