package dev.godwit.lab.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.lab.stream.Mode.Kind;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A stream applied record by record is the memory that QEMU saved. */
@ExtendWith(Captures.Shared.class)
final class RealStreamTest {
  /** Where all memory is in records of the main channel. */
  static Stream<Kind> kinds() {
    return Mode.kinds()
        .filter(kind -> kind.mode().layout() != Mode.Layout.FILE)
        .filter(kind -> kind.mode().multifdChannels() == 0);
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void givesTheMemoryThatQemuSaved(Kind kind, Captures captures) throws Exception {
    Capture capture = captures.of(kind);

    RecordWalker walker = RecordWalker.apply(capture.main().bytes());

    assertThat(capture.firstDifference(ByteBuffer.wrap(walker.block("pc.ram")))).isEmpty();
    assertThat(walker.ended()).isEqualTo(kind.mode() != Mode.BACKGROUND_SNAPSHOT);
    RecordWalker.Counts counts = walker.counts();
    assertThat(counts.plain()).as("plain pages in %s", counts).isPositive();
    assertThat(counts.zero()).as("zero pages in %s", counts).isPositive();
    assertThat(counts.xbzrle() > 0).as("%s", counts).isEqualTo(kind.mode() == Mode.XBZRLE);
    assertThat(counts.compressed() > 0).as("%s", counts).isEqualTo(kind.mode() == Mode.COMPRESS);
  }

  /** Where there is a channel that is read from its first byte to its last. */
  static Stream<Kind> streams() {
    return Mode.kinds().filter(kind -> kind.mode().layout() != Mode.Layout.FILE);
  }

  @ParameterizedTest
  @MethodSource("streams")
  void isTheSameToTheByteAfterItWasReadAndWritten(Kind kind, Captures captures) throws Exception {
    byte[] main = captures.of(kind).main().bytes();

    byte[] again = Decoders.copy(main, main.length).bytes();

    assertThat(Arrays.mismatch(again, main)).as("first difference").isEqualTo(-1);
  }
}
