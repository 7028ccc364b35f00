package dev.godwit.lab.softroce;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClasspathRoots;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.launcher.EngineFilter;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestPlan;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** The tests that need a soft-RoCE device, and so the lab VM. */
public final class SoftRoceTests {
  /** JUnit's tag of each of them; the host's runner leaves it out. */
  static final String TAG = "softroce";

  /** What is run unless all is asked for: the device, the verbs, and connections over them. */
  private static final String SAMPLE =
      "lab[.]softroce[.]|rdma[.]verbs[.]|rdma[.]RdmaConnectionTest$";

  private SoftRoceTests() {}

  /** The class path that this program runs with. */
  public static String classPath() {
    return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
  }

  /**
   * The names of the classes with such tests, sorted, that match the expression in the system
   * property {@code godwit.softroce}; without it all where {@code godwit.full} is set, else a few.
   */
  static List<String> classes() {
    String usual = Boolean.getBoolean("godwit.full") ? ".*" : SAMPLE;
    Pattern wanted = Pattern.compile(System.getProperty("godwit.softroce", usual));
    LauncherDiscoveryRequest request =
        LauncherDiscoveryRequestBuilder.request()
            .selectors(selectClasspathRoots(roots()))
            .filters(TagFilter.includeTags(TAG), EngineFilter.includeEngines("junit-jupiter"))
            .build();
    TestPlan plan = LauncherFactory.create().discover(request);
    return plan.getRoots().stream()
        .flatMap(engine -> plan.getChildren(engine).stream())
        .flatMap(test -> test.getSource().stream())
        .filter(ClassSource.class::isInstance)
        .map(source -> ((ClassSource) source).getClassName())
        .filter(name -> wanted.matcher(name).find())
        .sorted()
        .toList();
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
