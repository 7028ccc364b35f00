package dev.godwit.lab.softroce;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClasspathRoots;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.launcher.EngineFilter;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** The tests that need a soft-RoCE device, and so the lab VM. */
public final class SoftRoceTests {
  /** JUnit's tag of each of them; the host's runner leaves it out. */
  static final String TAG = "softroce";

  /** Parts of the names of those that take longest: with them first, nobody waits at the end. */
  private static final List<String> LONGEST =
      List.of(
          "QemuBridgeTest",
          "RdmaQemuFailureTest",
          "RdmaCommandTest",
          "QemuDrivenTest",
          "QemuOwnRdmaTest",
          "VerbsQemuPeerTest",
          "RdmaEngineTest",
          "DemoOverRdmaTest",
          "RdmaReturnPathTest",
          "QemuRdmaLivenessTest",
          "RdmaEngineQemuTest",
          "RdmaQemuTest",
          "Lifecycle",
          "TlsOverRdmaTest",
          "RdmaImageTest");

  private SoftRoceTests() {}

  /** The class path that this program runs with. */
  public static String classPath() {
    return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
  }

  /**
   * The names of the classes with such tests that match the expression in the system property
   * {@code godwit.softroce}, those that take long first. A class that has nothing but nested ones
   * is one name for each of these.
   */
  static List<String> classes() {
    Pattern wanted = Pattern.compile(System.getProperty("godwit.softroce", ".*"));
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(selectClasspathRoots(roots()))
            .filters(TagFilter.includeTags(TAG), EngineFilter.includeEngines("junit-jupiter"))
            .build();
    TestPlan plan = LauncherFactory.create().discover(request);
    return plan.getRoots().stream()
        .flatMap(engine -> plan.getChildren(engine).stream())
        .flatMap(test -> parts(plan, test))
        .filter(name -> wanted.matcher(name).find())
        .sorted(Comparator.comparingInt(SoftRoceTests::rank).thenComparing(Function.identity()))
        .toList();
  }

  private static Stream<String> parts(TestPlan plan, TestIdentifier test) {
    Set<TestIdentifier> children = plan.getChildren(test);
    boolean divisible =
        !children.isEmpty() && children.stream().allMatch(child -> className(child).isPresent());
    return divisible
        ? children.stream().flatMap(child -> parts(plan, child))
        : className(test).stream();
  }

  private static Optional<String> className(TestIdentifier test) {
    return test.getSource()
        .filter(ClassSource.class::isInstance)
        .map(source -> ((ClassSource) source).getClassName());
  }

  private static int rank(String name) {
    return (int) LONGEST.stream().takeWhile(part -> !name.contains(part)).count();
  }

  /** Where test classes are: folders while they are compiled, jars once they are packaged. */
  private static Set<Path> roots() {
    return Arrays.stream(classPath().split(File.pathSeparator))
        .filter(entry -> entry.endsWith("test-classes") || entry.endsWith("-tests.jar"))
        .map(Path::of)
        .filter(Files::exists)
        .collect(Collectors.toSet());
  }
}
