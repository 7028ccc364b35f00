package dev.godwit.channel.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;

/** Jazzer's way in to each {@link Target}; one of them a run, which surefire's test names. */
final class DecoderFuzzTest {
  private static final String DURATION = "2m";

  @FuzzTest(maxDuration = DURATION)
  void configuration(byte[] bytes) throws IOException {
    Target.CONFIGURATION.bears(bytes);
  }

  @FuzzTest(maxDuration = DURATION)
  void blockTable(byte[] bytes) throws IOException {
    Target.BLOCK_TABLE.bears(bytes);
  }

  @FuzzTest(maxDuration = DURATION)
  void description(byte[] bytes) throws IOException {
    Target.DESCRIPTION.bears(bytes);
  }

  @FuzzTest(maxDuration = DURATION)
  void returnPath(byte[] bytes) throws IOException {
    Target.RETURN_PATH.bears(bytes);
  }

  @FuzzTest(maxDuration = DURATION)
  void items(byte[] bytes) throws IOException {
    Target.ITEMS.bears(bytes);
  }

  @FuzzTest(maxDuration = DURATION)
  void recovery(byte[] bytes) throws IOException {
    Target.RECOVERY.bears(bytes);
  }

  @FuzzTest(maxDuration = DURATION)
  void records(byte[] bytes) throws IOException {
    Target.RECORDS.bears(bytes);
  }

  @FuzzTest(maxDuration = DURATION)
  void guest(byte[] bytes) throws IOException {
    Target.GUEST.bears(bytes);
  }

  @FuzzTest(maxDuration = DURATION)
  void multifdPlain(byte[] bytes) throws IOException {
    Target.MULTIFD_PLAIN.bears(bytes);
  }

  @FuzzTest(maxDuration = DURATION)
  void multifdZlib(byte[] bytes) throws IOException {
    Target.MULTIFD_ZLIB.bears(bytes);
  }

  @FuzzTest(maxDuration = DURATION)
  void multifdZstd(byte[] bytes) throws IOException {
    Target.MULTIFD_ZSTD.bears(bytes);
  }

  @FuzzTest(maxDuration = DURATION)
  void mappedRam(byte[] bytes) throws IOException {
    Target.MAPPED_RAM.bears(bytes);
  }
}
