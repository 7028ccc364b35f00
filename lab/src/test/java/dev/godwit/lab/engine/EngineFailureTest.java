package dev.godwit.lab.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.ram.RamBlock;
import dev.godwit.channel.stream.StateDescription;
import dev.godwit.channel.stream.StreamException;
import dev.godwit.channel.stream.StreamInput;
import dev.godwit.channel.stream.StreamOutput;
import dev.godwit.lab.embedded.DirtyShape;
import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.lab.engine.FailingGuest.GuestCall;
import dev.godwit.lab.engine.FailingGuest.How;
import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.DestinationMigration;
import dev.godwit.migration.engine.DestinationState;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.MigrationException;
import dev.godwit.migration.engine.MigrationException.Kind;
import dev.godwit.migration.engine.MigrationException.Side;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.migration.engine.SourceState;
import dev.godwit.migration.guest.Guest;
import dev.godwit.migration.guest.GuestDevice;
import dev.godwit.migration.guest.GuestException;
import dev.godwit.transport.ChannelException;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Task;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever does not fit, throws, or is called off before the guest was given up is told by name at
 * both ends, and leaves the guest running at the source and nowhere else.
 */
@Timeout(60)
final class EngineFailureTest {
  private static final LabSpec SPEC = LabSpec.of(4 << 20, DirtyShape.UNIFORM, 1_000);

  @TempDir private Path directory;
  private LabGuest from = LabGuest.create(SPEC);
  private LabGuest to = LabGuest.empty(SPEC);

  @BeforeEach
  void run() throws GuestException {
    from.resume();
  }

  @AfterEach
  void end() {
    from.close();
    to.close();
  }

  private void replaceDestination(LabSpec spec) {
    to.close();
    to = LabGuest.empty(spec);
  }

  /** The guest is the source's, as it was: it runs on and its memory is its own. */
  private void expectRunsAtSource() throws GuestException {
    assertThat(from.isRunning()).as("the guest runs at the source").isTrue();
    assertThat(to.isRunning()).as("the guest runs at the destination").isFalse();
    long before = from.writes();
    Await.until("the guest runs on", () -> from.writes() > before + 10);
    from.pause();
    assertThat(from.verify().isSound()).as(from.verify().toString()).isTrue();
  }

  private MigrationException expectFailure(Ends ends, String... parts) throws GuestException {
    MigrationException failure = ends.start().result().orElseThrow();
    assertThat(failure.side()).isEqualTo(Side.SOURCE);
    assertThat(failure.kind()).isEqualTo(Kind.FAILED);
    assertThat(ends.source().state()).isEqualTo(SourceState.FAILED);
    assertThat(failure).hasMessageStartingWith("Source: ").hasMessageContainingAll(parts);
    expectRunsAtSource();
    return failure;
  }

  private void expectDestinationFailure(Ends ends, String... parts) {
    MigrationException failure = ends.destinationFailure();
    assertThat(failure.side()).isEqualTo(Side.DESTINATION);
    assertThat(failure.kind()).isEqualTo(Kind.FAILED);
    assertThat(ends.destination().state()).isEqualTo(DestinationState.FAILED);
    assertThat(failure).hasMessageStartingWith("Destination: ").hasMessageContainingAll(parts);
  }

  static Stream<Arguments> atSource() {
    List<Arguments> cells = new ArrayList<>();
    for (GuestCall callback : GuestCall.values()) {
      boolean atSource =
          switch (callback) {
            case LOAD, RESUME, THROTTLE, IS_RUNNING -> false;
            default -> true;
          };
      for (How how : How.values()) {
        if (atSource) {
          cells.add(Arguments.of(callback, how));
        }
      }
    }
    return cells.stream();
  }

  @ParameterizedTest
  @MethodSource("atSource")
  void aSourceGuestThatThrowsRunsOn(GuestCall callback, How how) throws Exception {
    Guest failing = new FailingGuest(from, callback, how);
    try (Ends ends = Ends.of(failing, to, Way.TCP, directory, Ends.parameters())) {
      expectFailure(ends, "It does not want to");
      assertThat(ends.destination().cancel("the source has failed") || !to.isRunning()).isTrue();
    }
  }

  @ParameterizedTest
  @EnumSource(How.class)
  void aDestinationDeviceThatThrowsIsToldAtTheSource(How how) throws Exception {
    Guest failing = new FailingGuest(to, GuestCall.LOAD, how);
    try (Ends ends = Ends.of(from, failing, Way.TCP, directory, Ends.parameters())) {
      expectFailure(ends, "The destination: ", "could not be loaded", "It does not want to");
      expectDestinationFailure(ends, "could not be loaded", "It does not want to");
    }
  }

  @ParameterizedTest
  @EnumSource(How.class)
  void aDestinationThatCannotBeAskedDoesNotAcceptAnything(How how) throws Exception {
    Guest failing = new FailingGuest(to, GuestCall.RAM_BLOCKS, how);
    EngineParameters parameters = Ends.parameters("x-godwit-connect-timeout=2");
    try (Ends ends = Ends.of(from, failing, Way.UNIX, directory, parameters)) {
      ends.destination().start();
      expectDestinationFailure(ends, "what memory it has", "It does not want to");
    }
    expectRunsAtSource();
  }

  /** It was given up for good: nobody may run it at the source while somebody looks. */
  @ParameterizedTest
  @EnumSource(How.class)
  void aGuestThatCannotBeStartedRunsNowhereAndBothSayIt(How how) throws Exception {
    Guest failing = new FailingGuest(to, GuestCall.RESUME, how);
    try (Ends ends = Ends.of(from, failing, Way.TCP, directory, Ends.parameters())) {
      MigrationException failure = ends.start().result().orElseThrow();
      assertThat(failure.kind()).isEqualTo(Kind.UNDECIDED);
      assertThat(failure).hasMessageContaining("It does not want to");
      assertThat(ends.source().state()).isEqualTo(SourceState.UNDECIDED);
      MigrationException there = ends.destinationFailure();
      assertThat(there.kind()).isEqualTo(Kind.UNDECIDED);
      assertThat(ends.destination().state()).isEqualTo(DestinationState.DEAD);
      assertThat(from.isRunning()).isFalse();
      assertThat(to.isRunning()).isFalse();
    }
  }

  @Test
  void aGuestThatCannotBeThrottledRunsOn() throws Exception {
    EngineParameters slow = tooSlow("auto-converge");
    Guest failing = new FailingGuest(from, GuestCall.THROTTLE, How.SAID);
    try (Ends ends = Ends.of(failing, to, Way.TCP, directory, slow)) {
      expectFailure(ends, "could not be throttled", "It does not want to");
    }
  }

  /**
   * A link that is too slow for a small guest that changes 8 MB/s, or much less on a busy machine,
   * and no downtime in which a page would fit.
   */
  private EngineParameters tooSlow(String... more) throws GuestException {
    LabSpec small = LabSpec.of(1 << 20, DirtyShape.UNIFORM, 1_000);
    from.close();
    from = LabGuest.create(small);
    from.resume();
    replaceDestination(small);
    // Pages of zeros would be through before it changes any.
    Await.until("the guest has changed its memory", () -> from.writes() > 500);
    List<String> settings = new ArrayList<>(List.of("max-bandwidth=1000000", "downtime-limit=1"));
    settings.addAll(List.of(more));
    return Ends.parameters(settings.toArray(String[]::new));
  }

  @Test
  void aGuestThatIsFasterThanTheLinkIsThrottled() throws Exception {
    EngineParameters slow = tooSlow("auto-converge");
    try (Ends ends = Ends.of(from, to, Way.TCP, directory, slow)) {
      Task<Optional<MigrationException>> source = ends.start();
      Await.until(
          "the guest is throttled or through",
          () -> ends.source().throttlePercent() > 0 || source.isDone());
      assertThat(ends.source().throttlePercent()).isPositive();
      ends.source().cancel("it has been seen");
      assertThat(source.result()).isPresent();
      assertThat(ends.source().throttlePercent()).isZero();
    }
    expectRunsAtSource();
  }

  @Test
  void aGuestThatIsFasterThanTheLinkEndsWithTheReason() throws Exception {
    EngineParameters slow = tooSlow("x-godwit-max-passes=3");
    // Nobody asked for it to be throttled, which this one could not be.
    Guest untouched = new FailingGuest(from, GuestCall.THROTTLE, How.SAID);
    try (Ends ends = Ends.of(untouched, to, Way.TCP, directory, slow)) {
      expectFailure(ends, "does not converge", "3 passes", "auto-converge is off");
      expectDestinationFailure(ends, "channel main");
    }
  }

  @Test
  void anotherMachineIsRefusedAtBothEnds() throws Exception {
    Guest other =
        new ForwardingGuest(to) {
          @Override
          public String machine() {
            return "lab-2";
          }
        };
    try (Ends ends = Ends.of(from, other, Way.TCP, directory, Ends.parameters())) {
      expectFailure(ends, "The destination: ", "lab-1", "lab-2");
      expectDestinationFailure(ends, "lab-1", "lab-2", "channel main");
    }
  }

  @Test
  void moreMemoryIsRefused() throws Exception {
    replaceDestination(LabSpec.of(8 << 20, DirtyShape.UNIFORM, 1_000));
    expectMisfit("lab.ram", "4194304", "8388608");
  }

  @Test
  void anotherPageSizeIsRefused() throws Exception {
    replaceDestination(SPEC.withPageBytes(65536));
    from.close();
    from = LabGuest.create(SPEC.withHuge(4 << 20));
    from.resume();
    replaceDestination(SPEC.withHuge(4 << 20).withPageBytes(65536));
    expectMisfit("lab.ram", "4096", "65536");
  }

  @Test
  void aBlockThatIsMissingIsRefused() throws Exception {
    from.close();
    from = LabGuest.create(SPEC.withHuge(4 << 20));
    from.resume();
    expectMisfit("lab.huge");
  }

  @Test
  void aBlockTooManyIsRefused() throws Exception {
    replaceDestination(SPEC.withHuge(4 << 20));
    expectMisfit("lab.huge");
  }

  private void expectMisfit(String... parts) throws Exception {
    for (String multifd : List.of("multifd=off", "multifd=on")) {
      if (!from.isRunning()) {
        from.resume();
      }
      try (Ends ends = Ends.of(from, to, Way.TCP, directory, Ends.parameters(multifd))) {
        expectFailure(ends, parts);
        expectDestinationFailure(ends, parts);
      }
    }
  }

  @Test
  void aBlockOfAnotherNameIsRefused() throws Exception {
    Guest other =
        new ForwardingGuest(to) {
          @Override
          public List<RamBlock> ramBlocks() {
            RamBlock block = super.ramBlocks().getFirst();
            return List.of(new RamBlock("other.ram", block.memory(), block.pageBytes()));
          }
        };
    try (Ends ends = Ends.of(from, other, Way.TCP, directory, Ends.parameters())) {
      expectFailure(ends, "lab.ram");
      expectDestinationFailure(ends, "lab.ram");
    }
  }

  /** A device as the destination has it: of another version, or besides. */
  private static Guest withDevice(LabGuest guest, String name, long version) {
    GuestDevice device =
        new GuestDevice() {
          @Override
          public String name() {
            return name;
          }

          @Override
          public long instance() {
            return 0;
          }

          @Override
          public long version() {
            return version;
          }

          @Override
          public StateDescription save(StreamOutput out) throws ChannelException {
            out.u64(version);
            return new StateDescription(
                name,
                version,
                List.of(
                    new StateDescription.Field("word", "uint64", Long.BYTES, 1, Optional.empty())),
                List.of());
          }

          @Override
          public void load(StreamInput in, long old) throws ChannelException, StreamException {
            in.skip(Long.BYTES);
          }
        };
    return new ForwardingGuest(guest) {
      @Override
      public List<GuestDevice> devices() {
        List<GuestDevice> devices = new ArrayList<>(super.devices());
        devices.add(device);
        return devices;
      }
    };
  }

  @Test
  void aNewerVersionOfADeviceIsRefused() throws Exception {
    try (Ends ends =
        Ends.of(
            withDevice(from, "gauge", 3),
            withDevice(to, "gauge", 2),
            Way.TCP,
            directory,
            Ends.parameters())) {
      expectFailure(ends, "gauge", "version 3", "up to 2");
      expectDestinationFailure(ends, "gauge", "version 3", "up to 2");
    }
  }

  @Test
  void aDeviceThatTheDestinationLacksIsRefused() throws Exception {
    try (Ends ends =
        Ends.of(withDevice(from, "gauge", 1), to, Way.TCP, directory, Ends.parameters())) {
      expectFailure(ends, "gauge");
      expectDestinationFailure(ends, "gauge", "no such device");
    }
  }

  @Test
  void aDeviceThatTheSourceLacksIsRefused() throws Exception {
    try (Ends ends =
        Ends.of(from, withDevice(to, "gauge", 1), Way.TCP, directory, Ends.parameters())) {
      expectFailure(ends, "gauge");
      expectDestinationFailure(ends, "gauge", "sends no state");
    }
  }

  static Stream<Arguments> channelsThatDiffer() {
    return Stream.of(
        Arguments.of("multifd=off", "multifd", "off", "2,none"),
        Arguments.of("multifd", "multifd=off", "2,none", "off"),
        Arguments.of("multifd-channels=2", "multifd-channels=4", "2,none", "4,none"),
        Arguments.of("multifd-channels=4", "multifd-channels=2", "4,none", "2,none"),
        Arguments.of("multifd-compression=zstd", "multifd-channels=2", "2,zstd", "2,none"));
  }

  @ParameterizedTest
  @MethodSource("channelsThatDiffer")
  void channelsThatDifferAreToldAtOnce(String source, String destination, String its, String ours)
      throws Exception {
    EngineParameters base = Ends.parameters("multifd");
    String[] a = source.split("=");
    String[] b = destination.split("=");
    EngineParameters atSource = base.with(a[0], a.length == 1 ? "on" : a[1]);
    EngineParameters atDestination = base.with(b[0], b.length == 1 ? "on" : b[1]);
    try (Ends ends = Ends.of(from, to, Way.TCP, directory, atSource, atDestination)) {
      expectFailure(ends, "The destination: ", its, ours);
      expectDestinationFailure(ends, its, ours, "channel main");
    }
  }

  @Test
  void multifdOverOneChannelIsRefused() throws Exception {
    try (Ends ends = Ends.of(from, to, Way.EXEC, directory, Ends.parameters("multifd"))) {
      expectFailure(ends, "carries one channel");
    }
  }

  @Test
  void nobodyThereIsToldAndTheGuestRunsOn() throws Exception {
    try (Ends ends = Ends.of(from, to, Way.UNIX, directory, Ends.parameters())) {
      ends.destination().close();
      MigrationException failure = assertFails(ends);
      assertThat(failure.kind()).isEqualTo(Kind.FAILED);
    }
    expectRunsAtSource();
  }

  private static MigrationException assertFails(Ends ends) {
    try {
      ends.source().migrate();
    } catch (MigrationException e) {
      return e;
    }
    throw new AssertionError("The guest was migrated to nobody");
  }

  @Test
  void aSourceThatIsCancelledKeepsTheGuest() throws Exception {
    EngineParameters slow = tooSlow("multifd");
    try (Ends ends = Ends.of(from, to, Way.TCP, directory, slow)) {
      Task<Optional<MigrationException>> source = ends.start();
      Await.until("it is under way", () -> ends.source().state() == SourceState.ACTIVE);
      assertThat(ends.source().cancel("the operator said so")).isTrue();
      MigrationException failure = source.result().orElseThrow();
      assertThat(failure.kind()).isEqualTo(Kind.CANCELLED);
      assertThat(failure).hasMessageContaining("the operator said so");
      assertThat(ends.source().state()).isEqualTo(SourceState.CANCELLED);
      assertThat(ends.destinationFailure().kind()).isEqualTo(Kind.FAILED);
    }
    expectRunsAtSource();
  }

  @Test
  void aDestinationThatIsCancelledTellsTheSource() throws Exception {
    EngineParameters slow = tooSlow("multifd");
    try (Ends ends = Ends.of(from, to, Way.TCP, directory, slow)) {
      Task<Optional<MigrationException>> source = ends.start();
      // Before it has read who the source is, it cannot tell it anything.
      Await.until(
          "the multifd channels have come",
          () -> ends.destination().statistics().channelBytes().size() == 3);
      assertThat(ends.destination().cancel("the host is needed")).isTrue();
      MigrationException failure = source.result().orElseThrow();
      assertThat(failure.kind()).isEqualTo(Kind.FAILED);
      assertThat(failure).hasMessageContainingAll("The destination: ", "the host is needed");
      assertThat(ends.destinationFailure().kind()).isEqualTo(Kind.CANCELLED);
      assertThat(ends.destination().state()).isEqualTo(DestinationState.CANCELLED);
    }
    expectRunsAtSource();
  }

  @Test
  void aMigrationThatIsCancelledBeforeItBeginsDoesNothing() throws Exception {
    try (Ends ends = Ends.of(from, to, Way.TCP, directory, Ends.parameters())) {
      assertThat(ends.source().cancel("not today")).isTrue();
      assertThat(assertFails(ends).kind()).isEqualTo(Kind.CANCELLED);
      assertThat(ends.destination().cancel("not today")).isTrue();
    }
    expectRunsAtSource();
  }

  @Test
  void nothingIsCancelledOnceItIsOver() throws Exception {
    try (Ends ends = Ends.of(from, to, Way.TCP, directory, Ends.parameters())) {
      ends.migrate();
      assertThat(ends.source().cancel("too late")).isFalse();
      assertThat(ends.destination().cancel("too late")).isFalse();
      assertThat(to.isRunning()).isTrue();
      assertThat(from.isRunning()).isFalse();
    }
  }

  @Test
  void aGuestThatRunsAtTheDestinationIsNotOverwritten() throws Exception {
    LabGuest running = LabGuest.create(SPEC);
    running.resume();
    try (running;
        Ends ends = Ends.of(from, running, Way.TCP, directory, Ends.parameters())) {
      ends.destination().start();
      assertThat(ends.destinationFailure()).hasMessageContaining("runs already");
      assertThat(running.isRunning()).isTrue();
    }
    expectRunsAtSource();
  }

  /** A command has all of the guest, or its failure is the migration's. */
  @Test
  void aCommandThatFailsFailsTheSaving() throws Exception {
    for (String command : List.of("cat > {dir}/kept.img", "cat > /dev/null; exit 3")) {
      String uri = "exec:" + command.replace("{dir}", directory.toString());
      boolean kept = command.endsWith("kept.img");
      if (!from.isRunning()) {
        from.resume();
      }
      try (Dialer dialer = Ends.TRANSPORTS.dialer(Endpoint.parse(uri))) {
        SourceMigration source =
            new SourceMigration(from, dialer, Ends.parameters(), DestinationKind.FILE);
        try (source) {
          source.migrate();
          assertThat(kept).as("the command has failed").isTrue();
          assertThat(from.isRunning()).isFalse();
        } catch (MigrationException e) {
          assertThat(kept).as(e.getMessage()).isFalse();
          assertThat(e.kind()).isEqualTo(Kind.FAILED);
          expectRunsAtSource();
        }
      }
    }
    try (Listener listener =
            Ends.TRANSPORTS.listen(Endpoint.parse("file:" + directory.resolve("kept.img")));
        DestinationMigration destination =
            new DestinationMigration(to, listener, Ends.parameters())) {
      destination.start();
      destination.await();
      to.pause();
      assertThat(to.verify().isSound()).as(to.verify().toString()).isTrue();
    }
  }

  /** A guest that was slowed down runs on even if it cannot be let run faster. */
  @Test
  void aGuestThatStaysThrottledRunsOn() throws Exception {
    EngineParameters slow = tooSlow("auto-converge");
    AtomicBoolean stuck = new AtomicBoolean();
    Guest slowed =
        new ForwardingGuest(from) {
          @Override
          public void throttle(int percent) throws GuestException {
            if (percent == 0) {
              throw new GuestException("It stays slow");
            }
            super.throttle(percent);
            stuck.set(true);
          }
        };
    try (Ends ends = Ends.of(slowed, to, Way.TCP, directory, slow)) {
      Task<Optional<MigrationException>> source = ends.start();
      Await.until("the guest is throttled", () -> stuck.get() || source.isDone());
      ends.source().cancel("it is too slow");
      MigrationException failure = source.result().orElseThrow();
      assertThat(failure).hasMessageContainingAll("it is too slow", "It stays slow");
      assertThat(from.isRunning()).isTrue();
    }
  }
}
