package dev.godwit.lab.guest;

import static dev.godwit.lab.guest.QemuVersion.V10_0;
import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.guest.BootSector.Fill;
import dev.godwit.lab.guest.SerialTicks.WrongMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The guest's own proof: QEMU to QEMU with nothing between, and streams damaged on purpose, which
 * it must notice.
 */
@Timeout(180)
final class GuestMigrationTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final BootSector GUEST = BootSector.of(32, 8).filled(Fill.RANDOM);

  /** Dirties more than the stream is given, so that no pass but the forced last one is small. */
  private static final BootSector BUSY = BootSector.of(16, 4).dirtying(64);

  private static final int BUSY_BANDWIDTH = 16 << 20;
  private static final int PASSES = 3;

  /** Pages that a last pass worth skipping has at least; a working set has 1024. */
  private static final int MANY = 50;

  private static final Pattern PASS_COUNT = Pattern.compile("\"dirty-sync-count\": (\\d+)");

  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource({"V10_0, V10_0", "V10_0, V7_2"})
  void aRunningGuestGoesOnWithTheNextTick(QemuVersion from, QemuVersion to) throws Exception {
    migrate(from, to, "{'max-bandwidth':50000000}", false);
  }

  /** Paused, since a 7.2 source loses dirty pages of a running guest under TCG. */
  @ParameterizedTest
  @CsvSource({"V7_2, V7_2", "V7_2, V10_0"})
  void aPausedGuestGoesOnWithTheNextTick(QemuVersion from, QemuVersion to) throws Exception {
    migrate(from, to, "{'max-bandwidth':0}", true);
  }

  private void migrate(QemuVersion from, QemuVersion to, String parameters, boolean paused)
      throws Exception {
    Path socket = directory.resolve("migration.sock");
    QemuMachine machine = QemuMachine.of(GUEST);
    try (var source = Qemu.start(QemuBinary.require(from), machine, directory.resolve("source"));
        var destination =
            Qemu.start(
                QemuBinary.require(to), machine.incoming(), directory.resolve("destination"));
        var sourceQmp = new TestQmp(source.qmp());
        var destinationQmp = new TestQmp(destination.qmp())) {
      destinationQmp.execute("stop");
      destinationQmp.execute("migrate-incoming", "{'uri':'unix:" + socket + "'}");
      SerialTicks.await(GUEST.ticksToCheckAll(), LIMIT, source.serialLog());
      if (paused) {
        sourceQmp.execute("stop");
      }
      sourceQmp.execute("migrate-set-parameters", parameters);
      sourceQmp.execute("migrate", "{'uri':'unix:" + socket + "'}");
      sourceQmp.await("query-migrate", "'status': 'completed'");
      destinationQmp.await("query-status", "'status': 'paused'");

      assertThat(destination.serialLog()).isEmptyFile();
      Memory there = Memory.save(destinationQmp, destination.directory(), GUEST);
      Memory here = Memory.save(sourceQmp, source.directory(), GUEST);
      assertThat(Files.mismatch(here.file(), there.file()))
          .as("first byte that differs")
          .isEqualTo(-1);

      long left = SerialTicks.read(source.serialLog()).last();
      destinationQmp.execute("cont");
      SerialTicks ticks =
          SerialTicks.await(
              left + 2L * GUEST.ticksToCheckAll(),
              LIMIT,
              source.serialLog(),
              destination.serialLog());
      assertThat(ticks.finding()).isEmpty();
      assertThat(SerialTicks.read(source.serialLog()).last()).isEqualTo(left);
    }
  }

  @Test
  void aSavedGuestIsSoundAsLongAsNothingIsLeftOut() throws Exception {
    Saved saved = save();
    try (var destination = restore(saved.stream().keeping(page -> true))) {
      long checkedTwice = saved.lastTick() + 2L * BUSY.ticksToCheckAll();
      SerialTicks ticks =
          SerialTicks.await(checkedTwice, LIMIT, saved.log(), destination.serialLog());

      assertThat(ticks.finding()).isEmpty();
    }
  }

  @Test
  void aSkippedLastPassIsFound() throws Exception {
    Saved saved = save();
    assertThat(saved.changedForTheLastPass()).hasSizeGreaterThan(MANY);

    assertThat(finding(saved, saved.stream().keeping(page -> !page.last()))).isNotNull();
  }

  @Test
  void aSinglePageLeftBehindIsFound() throws Exception {
    Saved saved = save();
    Changed left = saved.oneOfMany();

    SerialTicks.Finding finding =
        finding(saved, saved.stream().keeping(page -> !page.equals(left.now())));

    assertThat(finding)
        .isInstanceOfSatisfying(
            WrongMemory.class,
            wrong -> {
              assertThat(wrong.address())
                  .as("first word of the page")
                  .isEqualTo(left.now().address());
              assertThat(wrong.found()).isEqualTo(saved.firstWord(left.before()));
              assertThat(wrong.expected()).isEqualTo(saved.firstWord(left.now()));
            });
  }

  @Test
  void aFlippedBitIsFound() throws Exception {
    Saved saved = save();
    SavedStream.Page page = saved.oneOfMany().now();
    int at = 1235;

    SerialTicks.Finding finding = finding(saved, saved.stream().flipping(page.offset() + at, 0x10));

    assertThat(finding)
        .isInstanceOfSatisfying(
            WrongMemory.class,
            wrong -> {
              assertThat(wrong.address()).isEqualTo(page.address() + (at & ~3));
              assertThat(wrong.expected() ^ wrong.found()).isEqualTo(0x1000_0000L);
            });
  }

  /** A page of the working set that was sent in the last pass, and what was sent for it before. */
  private record Changed(SavedStream.Page before, SavedStream.Page now) {}

  /** A running guest, saved in several passes, and what it had said until then. */
  private record Saved(SavedStream stream, Path log, long lastTick) {
    /**
     * Pages whose content is new in the last pass, and whole. (A page that is written between the
     * start of a pass and its turn in it is sent with its new content, and again in the next.)
     */
    List<Changed> changedForTheLastPass() {
      var earlier = new HashMap<Long, SavedStream.Page>();
      var changed = new ArrayList<Changed>();
      for (SavedStream.Page page : stream.pages()) {
        if (page.block().equals("pc.ram")
            && page.address() >= BUSY.workingSetFrom()
            && page.address() < BUSY.workingSetTo()) {
          SavedStream.Page before = earlier.put(page.address(), page);
          if (page.last()
              && before != null
              && whole(before)
              && whole(page)
              && firstWord(before) != firstWord(page)) {
            changed.add(new Changed(before, page));
          }
        }
      }
      return changed;
    }

    Changed oneOfMany() {
      List<Changed> changed = changedForTheLastPass();
      assertThat(changed).hasSizeGreaterThan(MANY);
      return changed.get(changed.size() / 2);
    }

    long firstWord(SavedStream.Page page) {
      return Integer.toUnsignedLong(words(page).get(0));
    }

    /** Not caught amid a write. */
    private boolean whole(SavedStream.Page page) {
      IntBuffer words = words(page);
      int last = words.capacity() - 1;
      return words.get(last) == words.get(0) + last * BootSectorListing.STEP;
    }

    private IntBuffer words(SavedStream.Page page) {
      return ByteBuffer.wrap(stream.content(page)).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer();
    }
  }

  private Saved save() throws Exception {
    Path file = directory.resolve("saved");
    try (var source =
            Qemu.start(
                QemuBinary.require(V10_0), QemuMachine.of(BUSY), directory.resolve("source"));
        var qmp = new TestQmp(source.qmp())) {
      SerialTicks.await(BUSY.ticksToCheckAll(), LIMIT, source.serialLog());
      qmp.execute(
          "migrate-set-parameters",
          "{'max-bandwidth':%d,'downtime-limit':1}".formatted(BUSY_BANDWIDTH));
      // The name tells that the whole stream is there: the shell renames it when QEMU has closed
      // the pipe.
      qmp.execute("migrate", "{'uri':'exec:cat > %1$s.part && mv %1$s.part %1$s'}".formatted(file));
      qmp.await("query-migrate", reply -> passes(reply) >= PASSES);
      qmp.execute("migrate-set-parameters", "{'downtime-limit':100000}");
      qmp.await("query-migrate", "'status': 'completed'");
      qmp.await("query-status", reply -> Files.exists(file));
      SerialTicks ticks = SerialTicks.read(source.serialLog());
      assertThat(ticks.finding()).isEmpty();
      return new Saved(new SavedStream(Files.readAllBytes(file)), source.serialLog(), ticks.last());
    }
  }

  private static int passes(String reply) {
    var count = PASS_COUNT.matcher(reply);
    return count.find() ? Integer.parseInt(count.group(1)) : 0;
  }

  private Qemu restore(byte[] stream) throws Exception {
    Path file = Files.write(directory.resolve("restored"), stream);
    var destination =
        Qemu.start(
            QemuBinary.require(V10_0),
            QemuMachine.of(BUSY).incoming(),
            directory.resolve("destination"));
    try (var qmp = new TestQmp(destination.qmp())) {
      qmp.execute("migrate-incoming", "{'uri':'exec:cat %s'}".formatted(file));
      return destination;
    }
  }

  private SerialTicks.Finding finding(Saved saved, byte[] stream) throws Exception {
    try (var destination = restore(stream)) {
      return SerialTicks.awaitFinding(LIMIT, saved.log(), destination.serialLog())
          .finding()
          .orElseThrow();
    }
  }
}
