package dev.godwit.lab.rdma;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.image.ChannelAccount;
import dev.godwit.channel.image.ImageLayout;
import dev.godwit.channel.multifd.Dialect;
import dev.godwit.channel.multifd.MultifdSettings;
import dev.godwit.channel.ram.RamBlock;
import dev.godwit.lab.embedded.DirtyShape;
import dev.godwit.lab.embedded.LabGuest;
import dev.godwit.lab.embedded.LabSpec;
import dev.godwit.lab.engine.ComparedGuest;
import dev.godwit.lab.engine.Ends;
import dev.godwit.lab.engine.WrappingDialer;
import dev.godwit.lab.engine.WrappingListener;
import dev.godwit.lab.stream.Received;
import dev.godwit.migration.engine.DestinationKind;
import dev.godwit.migration.engine.DestinationMigration;
import dev.godwit.migration.engine.DestinationState;
import dev.godwit.migration.engine.EngineParameters;
import dev.godwit.migration.engine.SourceMigration;
import dev.godwit.migration.engine.SourceState;
import dev.godwit.migration.image.ImageReport;
import dev.godwit.migration.image.ImageTransfer;
import dev.godwit.transport.ChannelStats;
import dev.godwit.transport.Dialer;
import dev.godwit.transport.Endpoint;
import dev.godwit.transport.Listener;
import dev.godwit.transport.testkit.Await;
import dev.godwit.transport.testkit.Seed;
import dev.godwit.transport.testkit.Task;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A running guest is saved into a file that another host keeps, and restored from there, each time
 * over {@code rdma:}; its memory is placed on the way in and on the way out.
 */
@Tag(Rdma.TAG)
final class RdmaImageTest {
  private static final Seed SEED = Seed.of("RdmaImageTest");
  private static final LabSpec SPEC =
      LabSpec.of(8 << 20, DirtyShape.HOT_SET, 300).withSeed(SEED.value());
  private static final long PATIENCE_SECONDS = 60;

  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource({"pin-all=on, 0, STREAM", "pin-all=off, 2, MAPPED_RAM"})
  void aGuestIsSavedAndRestored(String setting, int channels, ImageLayout layout) throws Exception {
    Path file = directory.resolve("vm.img");
    EngineParameters parameters =
        channels == 0
            ? Ends.parameters("downtime-limit=10000")
            : Ends.parameters("downtime-limit=10000", "multifd", "multifd-channels=" + channels);
    try (LabGuest from = LabGuest.create(SPEC);
        LabGuest to = LabGuest.empty(SPEC)) {
      from.resume();
      Await.until("the guest runs", () -> from.clock().ticks() > 3);
      save(from, setting, parameters, limits(channels), file, layout);
      try (Received kept = Received.ofFile(file)) {
        for (RamBlock block : from.ramBlocks()) {
          RamBlock same = kept.image().blocks().named(block.name()).orElseThrow();
          assertThat(same.memory().mismatch(block.memory())).as(block.name()).isEqualTo(-1);
        }
      }
      restore(new ComparedGuest(from, to), to, setting, parameters, limits(channels), file);
      long before = to.clock().ticks();
      Await.until("the guest runs on", () -> to.clock().ticks() > before + 3);
      to.pause();
      assertThat(to.verify().isSound()).as("%s", to.verify()).isTrue();
    }
  }

  private static void save(
      LabGuest from,
      String setting,
      EngineParameters parameters,
      ImageTransfer.Limits limits,
      Path file,
      ImageLayout layout)
      throws Exception {
    CompletableFuture<Endpoint> listening = new CompletableFuture<>();
    ImageTransfer transfer = new ImageTransfer(Ends.TRANSPORTS, limits);
    Task<ImageReport> saving =
        Task.start(
            "save",
            () ->
                transfer.save(
                    Endpoint.parse(Rdma.uri(setting)), file, layout, listening::complete));
    Placements out = new Placements();
    try (Dialer dialer = Ends.TRANSPORTS.dialer(listening.get(PATIENCE_SECONDS, TimeUnit.SECONDS));
        SourceMigration source =
            new SourceMigration(
                from,
                new WrappingDialer(dialer, out.wrapping()),
                parameters,
                DestinationKind.QEMU)) {
      source.migrate();
      assertThat(source.state()).isEqualTo(SourceState.COMPLETED);
      long put = out.sum(ChannelStats::bytesPut);
      assertThat(put).isEqualTo(source.statistics().normalBytes());
      assertThat(out.sources()).isEqualTo(Placements.of(from));
      ImageReport saved = saving.result();
      requireWhole(saved);
      assertThat(sum(saved.received(), ChannelStats::bytesGot)).isEqualTo(put).isPositive();
    }
  }

  private static void restore(
      ComparedGuest compared,
      LabGuest to,
      String setting,
      EngineParameters parameters,
      ImageTransfer.Limits limits,
      Path file)
      throws Exception {
    Placements in = new Placements();
    try (Listener listener = Ends.TRANSPORTS.listen(Endpoint.parse(Rdma.uri(setting)));
        DestinationMigration destination =
            new DestinationMigration(
                compared, new WrappingListener(listener, in.wrapping()), parameters)) {
      destination.start();
      ImageTransfer transfer = new ImageTransfer(Ends.TRANSPORTS, limits);
      ImageReport restored = transfer.restore(file, listener.local(), Optional.empty());
      destination.await();
      assertThat(destination.state()).isEqualTo(DestinationState.COMPLETED);
      assertThat(in.targets()).isEqualTo(Placements.of(to));
      requireWhole(restored);
      assertThat(in.sum(ChannelStats::bytesGot))
          .isEqualTo(sum(restored.sent(), ChannelStats::bytesPut))
          .isPositive();
      assertThat(compared.isCompared()).isTrue();
    }
  }

  private static void requireWhole(ImageReport report) {
    assertThat(report.outcome()).as("%s", report).isEqualTo(ImageReport.Outcome.COMPLETED);
  }

  private static long sum(Map<String, ChannelAccount> side, ToLongFunction<ChannelStats> figure) {
    return side.values().stream().map(ChannelAccount::stats).mapToLong(figure).sum();
  }

  private static ImageTransfer.Limits limits(int channels) {
    return new ImageTransfer.Limits(
        1L << 30,
        channels == 0
            ? Optional.empty()
            : Optional.of(MultifdSettings.of(Dialect.V10_0, channels).withAnyGuest()),
        true,
        false);
  }
}
