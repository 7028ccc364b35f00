package dev.godwit.migration.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.migration.proxy.MigrationReport.ChannelReport;
import dev.godwit.migration.proxy.MigrationReport.Outcome;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The proxy between a scripted source and a scripted destination, over real sockets. */
@Timeout(20)
final class ProxyTest {
  @TempDir private Path dir;
  private ProxyBench bench;

  @BeforeEach
  void open() throws Exception {
    bench = new ProxyBench(dir);
  }

  @AfterEach
  void close() throws Exception {
    bench.close();
  }

  @Test
  void carriesAMigrationWithAReturnPath() throws Exception {
    bench.start(ProxyOptions.migration());
    Wire source = bench.connect();
    source.send(Stream.head().openReturnPath().ping(1).bytes());

    Wire destination = bench.accept();
    destination.expect(Stream.head().openReturnPath().ping(1).bytes());
    destination.send(Stream.pong(1));
    source.expect(Stream.pong(1));
    source.send(Stream.description());
    destination.expect(Stream.description());
    destination.send(Stream.shut(0));
    source.expect(Stream.shut(0));
    destination.close();
    source.expectEnd();
    source.close();

    MigrationReport report = bench.report();
    assertThat(report.outcome()).isEqualTo(Outcome.COMPLETED);
    assertThat(report.machine()).contains("pc-test");
    assertThat(report.returnPath()).isTrue();
    assertThat(report.forwardBytes())
        .isEqualTo(
            Stream.head().openReturnPath().ping(1).bytes().length + Stream.description().length);
    assertThat(report.backwardBytes()).isEqualTo(Stream.pong(1).length + Stream.shut(0).length);
  }

  @Test
  void carriesAMigrationWithoutAReturnPathAndTellsAnEndFromAnAbandonedStream() throws Exception {
    bench.start(ProxyOptions.migration());
    Wire whole = bench.connect();
    whole.send(Stream.head().start().bytes());
    Wire destination = bench.accept();
    whole.send(Stream.description());
    whole.close();
    destination.expect(Stream.head().start().bytes());
    destination.expect(Stream.description());
    destination.expectEnd();
    destination.close();
    assertThat(bench.report().outcome()).isEqualTo(Outcome.DELIVERED);

    Wire abandoned = bench.connect();
    abandoned.send(Stream.head().start().bytes());
    destination = bench.accept();
    abandoned.close();
    destination.expect(Stream.head().start().bytes());
    destination.expectEnd();
    destination.close();
    assertThat(bench.report().outcome()).isEqualTo(Outcome.UNKNOWN);
  }

  @Test
  void holdsASourceUntilItSaysSomethingThatIsAMigration() throws Exception {
    bench.start(ProxyOptions.migration());
    for (int probe = 0; probe < 20; probe++) {
      bench.connect().close();
    }
    Wire stranger = bench.connect();
    stranger.send("GET / HTTP/1.1\r\n\r\n".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
    stranger.expectEnd();

    Wire source = bench.connect();
    source.send(Stream.head().start().bytes());
    Wire destination = bench.accept();
    destination.expect(Stream.head().start().bytes());
    bench.expectNoConnection();
    source.close();
    destination.expectEnd();
    destination.close();
    assertThat(bench.report().channels()).hasSize(1);
  }

  @Test
  void refusesASourceThatSaysNothing() throws Exception {
    bench.start(
        new ProxyOptions(
            false, Duration.ofMillis(300), Duration.ofSeconds(5), 255, 65536, () -> 0));
    Wire silent = bench.connect();
    Wire half = bench.connect();
    half.send(new byte[] {'Q', 'E', 'V'});
    silent.expectEnd();
    half.expectEnd();
    bench.expectNoConnection();
  }

  @Test
  void joinsASilentMainChannelFirstAsTenPointZeroNeedsIt() throws Exception {
    bench.start(ProxyOptions.migration());
    Wire main = bench.connect();
    List<Wire> multifd = new ArrayList<>();
    for (int id = 0; id < 8; id++) {
      Wire channel = bench.connect();
      channel.send(Stream.multifd(id));
      multifd.add(channel);
    }
    List<Wire> destination = new ArrayList<>();
    for (int k = 0; k < 9; k++) {
      destination.add(bench.accept());
    }
    for (int id = 0; id < 8; id++) {
      destination.get(id + 1).expect(Stream.multifd(id));
    }
    main.send(Stream.head().openReturnPath().bytes());
    destination.getFirst().expect(Stream.head().openReturnPath().bytes());
    destination.getFirst().send(Stream.shut(0));
    main.expect(Stream.shut(0));
    for (Wire wire : destination) {
      wire.close();
    }
    for (Wire wire : multifd) {
      wire.close();
    }
    main.close();

    MigrationReport report = bench.report();
    assertThat(report.outcome()).isEqualTo(Outcome.COMPLETED);
    assertThat(report.channels())
        .extracting(ChannelReport::role)
        .startsWith("main", "multifd 0", "multifd 1");
    assertThat(report.channels()).hasSize(9);
  }

  @Test
  void keepsAcceptOrderAsSevenPointTwoNeedsIt() throws Exception {
    bench.start(ProxyOptions.migration());
    Wire main = bench.connect();
    main.send(Stream.head().start().bytes());
    List<Wire> multifd = new ArrayList<>();
    for (int id = 7; id >= 0; id--) {
      multifd.add(bench.connect());
    }
    for (int k = 7; k >= 0; k--) {
      multifd.get(k).send(Stream.multifd(k));
    }
    bench.accept().expect(Stream.head().start().bytes());
    for (int k = 0; k < 8; k++) {
      bench.accept().expect(Stream.multifd(k));
    }
  }

  @Test
  void joinsASilentPreemptChannelOncePostcopyWasAnnounced() throws Exception {
    bench.start(ProxyOptions.migration());
    Wire main = bench.connect();
    main.send(Stream.head().openReturnPath().postcopyAdvise().start().bytes());
    Wire first = bench.accept();
    first.expect(Stream.head().openReturnPath().postcopyAdvise().start().bytes());
    Wire preempt = bench.connect();
    Wire second = bench.accept();
    byte[] page = Stream.namedPage();
    preempt.send(page);
    second.expect(page);
    first.send(Stream.shut(0));
    main.expect(Stream.shut(0));
    preempt.close();
    second.expectEnd();
    second.close();
    first.close();
    main.close();
    assertThat(bench.report().channels())
        .extracting(ChannelReport::role)
        .containsExactly("main", "preempt");
  }

  @Test
  void neverJoinsAProbeThatComesBesideAMigration() throws Exception {
    bench.start(ProxyOptions.migration());
    Wire main = bench.connect();
    main.send(Stream.head().openReturnPath().start().bytes());
    bench.accept().expect(Stream.head().openReturnPath().start().bytes());
    Wire probe = bench.connect();
    Wire multifd = bench.connect();
    multifd.send(Stream.multifd(0));
    // The next connection downstream is the multifd channel: the probe was passed by.
    bench.accept().expect(Stream.multifd(0));
    probe.close();
  }

  @Test
  void refusesWhatIsLeftOverOfAMigrationThatIsOver() throws Exception {
    bench.start(ProxyOptions.migration());
    Wire late = bench.connect();
    late.send(Stream.multifd(3));
    late.expectBroken();
    Wire main = bench.connect();
    main.send(Stream.head().openReturnPath().bytes());
    bench.accept().expect(Stream.head().openReturnPath().bytes());
  }

  @Test
  void carriesAPostcopyRecovery() throws Exception {
    bench.start(ProxyOptions.migration());
    Wire main = bench.connect();
    main.send(Stream.recovery());
    Wire destination = bench.accept();
    destination.expect(Stream.recovery());
    Wire preempt = bench.connect();
    Wire second = bench.accept();
    destination.send(Stream.shut(0));
    main.expect(Stream.shut(0));
    preempt.close();
    second.expectEnd();
    second.close();
    main.close();
    destination.close();
    MigrationReport report = bench.report();
    assertThat(report.outcome()).isEqualTo(Outcome.COMPLETED);
    assertThat(report.channels())
        .extracting(ChannelReport::role)
        .containsExactly("recovery", "silent");
  }

  @Test
  void refusesASecondSourceAndHarmsNothing() throws Exception {
    bench.start(ProxyOptions.migration());
    Wire main = bench.connect();
    main.send(Stream.head().openReturnPath().bytes());
    Wire destination = bench.accept();
    destination.expect(Stream.head().openReturnPath().bytes());
    Wire multifd = bench.connect();
    multifd.send(Stream.multifd(0));
    bench.accept().expect(Stream.multifd(0));

    Wire second = bench.connect();
    second.send(Stream.head().start().bytes());
    second.expectEnd();
    Wire itsChannel = bench.connect();
    itsChannel.send(Stream.multifd(0));
    itsChannel.expectEnd();
    bench.expectNoConnection();

    main.send(Stream.description());
    destination.expect(Stream.description());
    destination.send(Stream.shut(0));
    main.expect(Stream.shut(0));
    destination.close();
    main.close();
    multifd.close();
    assertThat(bench.report().outcome()).isEqualTo(Outcome.COMPLETED);
  }

  @Test
  void carriesOneMigrationAfterAnother() throws Exception {
    bench.start(ProxyOptions.migration());
    for (int k = 0; k < 5; k++) {
      Wire source = bench.connect();
      source.send(Stream.head().openReturnPath().bytes());
      Wire destination = bench.accept();
      destination.expect(Stream.head().openReturnPath().bytes());
      destination.send(Stream.shut(0));
      source.expect(Stream.shut(0));
      destination.close();
      source.close();
      assertThat(bench.report().outcome()).isEqualTo(Outcome.COMPLETED);
    }
  }

  @Test
  void keepsBytesComingBackAfterTheSourceHasEndedItsOutput() throws Exception {
    bench.start(ProxyOptions.migration());
    Wire source = bench.connect();
    source.send(Stream.head().openReturnPath().bytes());
    source.endOutput();
    Wire destination = bench.accept();
    destination.expect(Stream.head().openReturnPath().bytes());
    destination.expectEnd();
    destination.send(Stream.pong(1));
    source.expect(Stream.pong(1));
    destination.send(Stream.shut(0));
    source.expect(Stream.shut(0));
    destination.close();
    source.expectEnd();
    assertThat(bench.report().outcome()).isEqualTo(Outcome.COMPLETED);
  }

  @Test
  void breaksAllConnectionsWhenTheDestinationDies() throws Exception {
    bench.start(ProxyOptions.migration());
    Wire main = bench.connect();
    main.send(Stream.head().openReturnPath().bytes());
    Wire destination = bench.accept();
    destination.expect(Stream.head().openReturnPath().bytes());
    Wire multifd = bench.connect();
    multifd.send(Stream.multifd(0));
    Wire second = bench.accept();
    second.expect(Stream.multifd(0));
    second.reset();
    destination.expectBroken();
    main.expectBroken();
    multifd.expectBroken();
    MigrationReport report = bench.report();
    assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
    assertThat(report.cause().orElseThrow()).contains("Destination side").contains("multifd 0");
  }

  @Test
  void breaksAllConnectionsWhenOneChannelOfTheSourceIsCut() throws Exception {
    bench.start(ProxyOptions.migration());
    Wire main = bench.connect();
    main.send(Stream.head().openReturnPath().bytes());
    Wire destination = bench.accept();
    destination.expect(Stream.head().openReturnPath().bytes());
    Wire multifd = bench.connect();
    multifd.send(Stream.multifd(0));
    bench.accept().expect(Stream.multifd(0));
    multifd.close();
    destination.expectBroken();
    main.expectBroken();
    assertThat(bench.report().cause().orElseThrow()).contains("Source side").contains("multifd 0");
  }

  @Test
  void failsASourceWhoseDestinationIsNotThere() throws Exception {
    bench.start(ProxyOptions.migration());
    bench.removeDestination();
    Wire source = bench.connect();
    source.send(Stream.head().start().bytes());
    source.expectBroken();
    MigrationReport report = bench.report();
    assertThat(report.outcome()).isEqualTo(Outcome.FAILED);
    assertThat(report.cause().orElseThrow()).startsWith("Could not connect");
  }

  @Test
  void survivesAFloodOfConnections() throws Exception {
    bench.start(ProxyOptions.migration());
    List<Wire> flood = new ArrayList<>();
    for (int k = 0; k < 700; k++) {
      flood.add(bench.connect());
    }
    for (Wire wire : flood) {
      wire.close();
    }
    Wire source = bench.connect();
    source.send(Stream.head().start().bytes());
    bench.accept().expect(Stream.head().start().bytes());
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 300_000, 5_000_000})
  void carriesAnyBytesWhenOpaque(int size) throws Exception {
    bench.start(ProxyOptions.anyBytes());
    Wire client = bench.connect();
    Wire server = bench.accept();
    server.send("NBDMAGIC".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
    client.expect("NBDMAGIC".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
    byte[] bytes = new byte[size];
    new java.util.SplittableRandom(size).nextBytes(bytes);
    Thread sender = Thread.ofVirtual().start(() -> client.sendUnchecked(bytes));
    server.expect(bytes);
    sender.join();
    client.endOutput();
    server.expectEnd();
    server.close();
    client.expectEnd();
    assertThat(bench.report().outcome()).isEqualTo(Outcome.DELIVERED);
  }

  @Test
  void leavesNothingBehindWhenAborted() throws Exception {
    bench.start(ProxyOptions.migration());
    Wire source = bench.connect();
    source.send(Stream.head().start().bytes());
    Wire destination = bench.accept();
    destination.expect(Stream.head().start().bytes());
    bench.abort();
    source.expectBroken();
    destination.expectBroken();
    assertThat(bench.report().outcome()).isEqualTo(Outcome.FAILED);
    bench.expectNothingLeft();
  }
}
