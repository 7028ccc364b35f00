package dev.godwit.lab;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.properties.HasName;
import com.tngtech.archunit.core.domain.properties.HasOwner;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import com.tngtech.archunit.lang.conditions.ArchConditions;
import java.util.Collection;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;

/**
 * The arrows between modules and the house names. {@code transport-api} is depended on by providers
 * and by {@code channel}, that by {@code migration-glue}, that by {@code lab}; no arrow goes back,
 * and providers are found by ServiceLoader only.
 */
@AnalyzeClasses(
    packages = "dev.godwit",
    importOptions = {ImportOption.DoNotIncludeTests.class, ArchitectureTest.NoTestJars.class})
final class ArchitectureTest {
  /** The contract tests come as a jar once they are packaged. */
  static final class NoTestJars implements ImportOption {
    @Override
    public boolean includes(Location location) {
      return !location.contains("-tests.jar");
    }
  }

  private static final String[] SEAM = {
    "dev.godwit.transport",
    "dev.godwit.transport.support..",
    "dev.godwit.transport.layer..",
    "dev.godwit.transport.memory.."
  };

  /** Everything under transport that is not the seam's own module. */
  private static final DescribedPredicate<JavaClass> PROVIDERS =
      resideInAnyPackage("dev.godwit.transport..")
          .and(DescribedPredicate.not(resideInAnyPackage(SEAM)))
          .as("providers");

  @ArchTest
  static final ArchRule SEAM_SEES_NOBODY =
      noClasses()
          .that(resideInAnyPackage(SEAM))
          .should()
          .dependOnClassesThat(
              PROVIDERS.or(
                  resideInAnyPackage(
                      "dev.godwit.channel..", "dev.godwit.migration..", "dev.godwit.lab..")));

  /** What a provider implements knows nothing of those that serve it. */
  @ArchTest
  static final ArchRule API_SEES_NO_TRANSPORT =
      noClasses()
          .that(resideInAnyPackage("dev.godwit.transport"))
          .should()
          .dependOnClassesThat(
              resideInAnyPackage("dev.godwit.transport.layer..", "dev.godwit.transport.memory.."));

  @ArchTest
  static final ArchRule PROVIDERS_SEE_NOBODY_ABOVE =
      noClasses()
          .that(PROVIDERS)
          .should()
          .dependOnClassesThat(
              resideInAnyPackage(
                  "dev.godwit.channel..", "dev.godwit.migration..", "dev.godwit.lab.."));

  /** All may use the kernel's descriptors, which see no provider. */
  @ArchTest
  static final ArchRule PROVIDERS_SEE_NO_OTHER =
      slices()
          .matching("dev.godwit.transport.(*)..")
          .should()
          .notDependOnEachOther()
          .ignoreDependency(
              DescribedPredicate.alwaysTrue(),
              resideInAnyPackage(
                  "dev.godwit.transport.support..", "dev.godwit.transport.kernel.."));

  @ArchTest
  static final ArchRule CHANNEL_SEES_ONLY_THE_SEAM =
      noClasses()
          .that()
          .resideInAPackage("dev.godwit.channel..")
          .should()
          .dependOnClassesThat(
              PROVIDERS.or(
                  resideInAnyPackage(
                      "dev.godwit.transport.layer..",
                      "dev.godwit.transport.memory..",
                      "dev.godwit.migration..",
                      "dev.godwit.lab..")));

  @ArchTest
  static final ArchRule GLUE_SEES_NO_PROVIDER =
      noClasses()
          .that()
          .resideInAPackage("dev.godwit.migration..")
          .should()
          .dependOnClassesThat(
              PROVIDERS.or(
                  resideInAnyPackage(
                      "dev.godwit.transport.layer..",
                      "dev.godwit.transport.memory..",
                      "dev.godwit.lab..")));

  @ArchTest
  static final ArchRule ONLY_THE_COMMAND_LINE_PRINTS_AND_EXITS =
      noClasses()
          .that()
          .resideOutsideOfPackages("dev.godwit.migration.cli..")
          .should()
          .accessField(System.class, "out")
          .orShould()
          .accessField(System.class, "err")
          .orShould()
          .callMethod(System.class, "exit", int.class);

  /** The verbs are DiSNI's API, and for the provider only: see the rule that follows. */
  @ArchTest
  static final ArchRule NO_LIBRARY_IN_A_PUBLIC_SIGNATURE =
      classes()
          .that()
          .arePublic()
          .and()
          .resideOutsideOfPackage("dev.godwit.transport.rdma.verbs..")
          .should(
              showNothingOf(
                  "io.netty..", "com.ibm.disni..", "org.bouncycastle..", "com.github.luben.."));

  @ArchTest
  static final ArchRule VERBS_ARE_THE_PROVIDERS_OWN =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.godwit.transport.rdma..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.godwit.transport.rdma.verbs..", "com.ibm.disni..");

  @ArchTest
  static final ArchRule HOUSE_NAMES =
      noClasses()
          .should()
          .haveSimpleNameStartingWith("Abstract")
          .orShould()
          .haveSimpleNameEndingWith("Impl")
          .orShould()
          .haveSimpleNameEndingWith("Manager")
          .orShould()
          .haveSimpleNameEndingWith("Utils")
          .orShould()
          .haveSimpleNameEndingWith("Util")
          .orShould()
          .haveSimpleNameEndingWith("Helper");

  /** What the guest writes is in a file, which can only be looked at again. */
  @ArchTest
  static final ArchRule NOBODY_SLEEPS =
      noClasses()
          .that()
          .doNotHaveFullyQualifiedName("dev.godwit.lab.guest.SerialTicks")
          .should(
              ArchConditions.callMethodWhere(
                  JavaCall.Predicates.target(
                          HasOwner.Predicates.With.owner(assignableTo(Thread.class)))
                      .and(JavaCall.Predicates.target(HasName.Predicates.name("sleep")))));

  @ArchTest
  static final ArchRule NO_STATIC_MUTABLE_STATE =
      fields()
          .that()
          .areStatic()
          .and()
          // Numbers the channels of a process, for logs alone.
          .doNotHaveFullName("dev.godwit.transport.support.ChannelLifecycle.SERIALS")
          .should()
          .beFinal()
          .andShould(new HoldNothingThatChanges());

  @ArchTest
  static final ArchRule EVERY_PACKAGE_SAYS_WHAT_LIVES_THERE =
      classes().should(new LiveInANullMarkedPackage());

  private static ArchCondition<JavaClass> showNothingOf(String... packages) {
    DescribedPredicate<JavaClass> theirs = resideInAnyPackage(packages);
    return new ArchCondition<>("show no type of a library in a public signature") {
      @Override
      public void check(JavaClass type, ConditionEvents events) {
        Stream<JavaClass> units =
            type.getCodeUnits().stream()
                .filter(ArchitectureTest::isShown)
                .flatMap(ArchitectureTest::signature);
        Stream<JavaClass> fields =
            type.getFields().stream()
                .filter(field -> isShown(field.getModifiers()))
                .map(JavaField::getRawType);
        Stream.concat(units, fields)
            .filter(theirs)
            .forEach(
                shown ->
                    events.add(
                        SimpleConditionEvent.violated(
                            type, type.getName() + " shows " + shown.getName())));
      }
    };
  }

  private static Stream<JavaClass> signature(JavaCodeUnit unit) {
    return Stream.of(
            unit.getRawParameterTypes().stream(),
            unit.getExceptionTypes().stream(),
            Stream.of(unit.getRawReturnType()))
        .flatMap(types -> types);
  }

  private static boolean isShown(JavaCodeUnit unit) {
    return isShown(unit.getModifiers());
  }

  private static boolean isShown(Collection<JavaModifier> modifiers) {
    return modifiers.contains(JavaModifier.PUBLIC) || modifiers.contains(JavaModifier.PROTECTED);
  }

  /** A final field of a type whose very purpose is to change. */
  private static final class HoldNothingThatChanges extends ArchCondition<JavaField> {
    HoldNothingThatChanges() {
      super("hold nothing that changes");
    }

    @Override
    public void check(JavaField field, ConditionEvents events) {
      String type = field.getRawType().getName();
      boolean changes =
          type.startsWith("java.util.concurrent.atomic.")
              || type.matches(
                  "java\\.util\\.(concurrent\\.)?(\\w*Hash\\w*|ArrayList|\\w*Deque|\\w*Queue)");
      if (changes) {
        events.add(
            SimpleConditionEvent.violated(field, field.getFullName() + " is a static " + type));
      }
    }
  }

  private static final class LiveInANullMarkedPackage extends ArchCondition<JavaClass> {
    LiveInANullMarkedPackage() {
      super("live in a package with a package-info.java that is @NullMarked");
    }

    @Override
    public void check(JavaClass type, ConditionEvents events) {
      if (!type.getPackage().isAnnotatedWith(NullMarked.class)) {
        events.add(
            SimpleConditionEvent.violated(
                type, type.getPackageName() + " has no package-info.java with @NullMarked"));
      }
    }
  }
}
