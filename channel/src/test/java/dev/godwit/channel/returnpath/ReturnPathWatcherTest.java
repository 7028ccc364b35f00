package dev.godwit.channel.returnpath;

import static dev.godwit.channel.returnpath.ReturnPathWatcher.Verdict.FAILED;
import static dev.godwit.channel.returnpath.ReturnPathWatcher.Verdict.OPEN;
import static dev.godwit.channel.returnpath.ReturnPathWatcher.Verdict.SUCCEEDED;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ReturnPathWatcherTest {
  private static final String PONG = "0002 0004 00000001";
  private static final String SHUT_0 = "0001 0004 00000000";
  private static final String SHUT_1 = "0001 0004 00000001";
  private static final String SWITCHOVER_ACK = "0007 0000";
  private static final String READY = "4701 0000";
  private static final String REASON = "4702 0008" + SHUT_1;
  private static final String REQ_PAGES = "0004 000C 0000000000001000 00001000";
  private static final String RECV_BITMAP =
      "0005 0007 06 70632E72616D 0000000000000008 FFFFFFFFFFFFFFFF 0123456789ABCDEF";

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 8, 1000})
  void findsTheEndAfterEveryOtherMessage(int piece) {
    ReturnPathWatcher watcher = new ReturnPathWatcher();
    feed(watcher, SWITCHOVER_ACK + PONG + REQ_PAGES + RECV_BITMAP + READY + REASON + PONG, piece);
    assertThat(watcher.verdict()).isEqualTo(OPEN);

    feed(watcher, SHUT_0, piece);
    assertThat(watcher.verdict()).isEqualTo(SUCCEEDED);
  }

  @Test
  void tellsAFailureFromASuccess() {
    ReturnPathWatcher watcher = new ReturnPathWatcher();
    feed(watcher, PONG + SHUT_1, 4);
    assertThat(watcher.verdict()).isEqualTo(FAILED);
  }

  @Test
  void doesNotTakeBitmapBytesForAnEnd() {
    ReturnPathWatcher watcher = new ReturnPathWatcher();
    feed(watcher, "0005 0002 01 62 0000000000000008" + SHUT_0 + "0123456789ABCDEF", 5);
    assertThat(watcher.verdict()).isEqualTo(OPEN);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0000 0000",
        "0008 0000",
        "4700 0000",
        "4703 0000",
        "0002 0201",
        "0005 0002 0162 FFFFFFFFFFFFFFFF"
      })
  void knowsNothingMoreAfterAMessageThatCannotBe(String impossible) {
    ReturnPathWatcher watcher = new ReturnPathWatcher();
    feed(watcher, impossible + SHUT_0, 4);
    assertThat(watcher.verdict()).isEqualTo(OPEN);
  }

  @Test
  void neverFailsOnAnyBytes() {
    SplittableRandom random = new SplittableRandom(20261121);
    for (int round = 0; round < 5_000; round++) {
      byte[] bytes = new byte[random.nextInt(1, 200)];
      random.nextBytes(bytes);
      new ReturnPathWatcher().see(ByteBuffer.wrap(bytes));
    }
  }

  private static void feed(ReturnPathWatcher watcher, String hex, int piece) {
    byte[] bytes = HexFormat.of().parseHex(hex.replace(" ", ""));
    for (int at = 0; at < bytes.length; at += piece) {
      watcher.see(ByteBuffer.wrap(bytes, at, Math.min(piece, bytes.length - at)));
    }
  }
}
