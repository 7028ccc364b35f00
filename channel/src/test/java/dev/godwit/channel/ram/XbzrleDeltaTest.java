package dev.godwit.channel.ram;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.transport.testkit.Io;
import dev.godwit.transport.testkit.Seed;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class XbzrleDeltaTest {
  private static final int PAGE = 4096;

  /** The specification read literally: bytes in, page out; empty where it cannot be. */
  private static Optional<byte[]> model(byte[] old, byte[] delta, int length) {
    byte[] page = old.clone();
    int[] at = {0};
    int place = 0;
    while (at[0] < length) {
      boolean first = at[0] == 0;
      int unchanged = modelCount(delta, at, length);
      if (unchanged < 0 || (unchanged == 0 && !first)) {
        return Optional.empty();
      }
      int count = modelCount(delta, at, length);
      place += unchanged;
      if (count < 1 || at[0] + count > length || place + count > PAGE) {
        return Optional.empty();
      }
      while (count-- > 0) {
        page[place++] = delta[at[0]++];
      }
    }
    return Optional.of(page);
  }

  private static int modelCount(byte[] delta, int[] at, int length) {
    if (at[0] + 2 > length) {
      return -1;
    }
    int low = delta[at[0]++] & 0xFF;
    if (low < 128) {
      return low;
    }
    int high = delta[at[0]++] & 0xFF;
    return high < 128 ? low - 128 + 128 * high : -1;
  }

  private static int encode(byte[] old, byte[] now, byte[] delta) {
    return XbzrleDelta.encode(MemorySegment.ofArray(old), 0, now, delta);
  }

  /** Applies to a page between two others, which must stay as they are. */
  private static int apply(byte[] delta, int length, byte[] page) {
    byte[] memory = new byte[3 * PAGE];
    Arrays.fill(memory, (byte) 0x5A);
    System.arraycopy(page, 0, memory, PAGE, PAGE);
    IncomingPage target = new IncomingPage();
    target.block(MemorySegment.ofArray(memory), Optional.empty(), PAGE);
    target.at(PAGE);
    int wrong = XbzrleDelta.apply(delta, length, target);
    byte[] around = new byte[PAGE];
    Arrays.fill(around, (byte) 0x5A);
    assertThat(Arrays.equals(memory, 0, PAGE, around, 0, PAGE)).isTrue();
    assertThat(Arrays.equals(memory, 2 * PAGE, 3 * PAGE, around, 0, PAGE)).isTrue();
    System.arraycopy(memory, PAGE, page, 0, PAGE);
    return wrong;
  }

  @Test
  void turnsOnePageIntoAnother() {
    Random random = Seed.of("XbzrleDeltaTest.turnsOnePageIntoAnother").random();
    byte[] delta = new byte[PAGE];
    int deltas = 0;
    for (int round = 0; round < 2000; round++) {
      byte[] old = random.nextBoolean() ? new byte[PAGE] : Io.bytes(random, PAGE);
      byte[] now = changed(random, old);
      int length = encode(old, now, delta);
      if (length >= 0) {
        deltas++;
        assertThat(model(old, delta, length)).contains(now);
        byte[] page = old.clone();
        assertThat(apply(delta, length, page)).isEqualTo(-1);
        assertThat(page).isEqualTo(now);
        assertThat(length == 0).isEqualTo(Arrays.equals(old, now));
      }
    }
    assertThat(deltas).isGreaterThan(1000);
  }

  private static byte[] changed(Random random, byte[] old) {
    byte[] now = old.clone();
    int most = 1 << random.nextInt(11);
    for (int changes = random.nextInt(1 << random.nextInt(9)); changes > 0; changes--) {
      int length = 1 + random.nextInt(Math.min(most, 600));
      int at = random.nextInt(PAGE - length + 1);
      System.arraycopy(Io.bytes(random, length), 0, now, at, length);
    }
    return now;
  }

  @Test
  void writesNothingMoreThanItMust() {
    byte[] old = new byte[PAGE];
    byte[] delta = new byte[PAGE];
    assertThat(encode(old, old.clone(), delta)).isZero();

    byte[] one = old.clone();
    one[153] = 0x4F;
    int length = encode(old, one, delta);
    assertThat(HexFormat.of().formatHex(delta, 0, length)).isEqualTo("9901014f");

    byte[] near = one.clone();
    near[155] = 1;
    near[159] = 2;
    near[PAGE - 1] = 3;
    length = encode(old, near, delta);
    assertThat(HexFormat.of().formatHex(delta, 0, length))
        .isEqualTo("9901034f000103" + "0102df1e0103");
  }

  @Test
  void saysWhenThePageItselfIsShorter() {
    byte[] old = new byte[PAGE];
    byte[] now = new byte[PAGE];
    Arrays.fill(now, (byte) 1);
    assertThat(encode(old, now, new byte[PAGE])).isEqualTo(-1);
    Arrays.fill(now, PAGE - 3, PAGE, (byte) 0);
    byte[] delta = new byte[PAGE];
    assertThat(encode(old, now, delta)).isEqualTo(PAGE);
    assertThat(model(old, delta, PAGE)).contains(now);
  }

  @ParameterizedTest
  @CsvSource({
    "one byte, 00, 0",
    "a count alone, 0501, 1",
    "no new bytes, 0500, 1",
    "too few new bytes, 05030102, 1",
    "nothing unchanged in the middle, 05010100010100, 3",
    "three bytes of count, 808001, 0",
    "beyond the page, ff1f020101, 2",
    "from beyond the page, 812001AA, 2",
    "far beyond the page, ff7f01AA, 2",
    "a second count cut, 05018181, 3",
  })
  void refusesWhatCannotBe(String what, String hex, int where) {
    byte[] delta = HexFormat.of().parseHex(hex);
    byte[] page = new byte[PAGE];
    assertThat(model(page, delta, delta.length)).as(what).isEmpty();
    assertThat(apply(delta, delta.length, page)).as(what).isEqualTo(where);
  }

  @Test
  void agreesWithTheModelOnDamagedDeltas() {
    Random random = Seed.of("XbzrleDeltaTest.agreesWithTheModelOnDamagedDeltas").random();
    byte[] delta = new byte[PAGE];
    int refused = 0;
    for (int round = 0; round < 10_000; round++) {
      byte[] old = new byte[PAGE];
      int length = Math.max(4, encode(old, changed(random, old), delta));
      for (int damage = random.nextInt(4); damage > 0; damage--) {
        delta[random.nextInt(Math.min(length, 40))] = (byte) random.nextInt();
      }
      int cut = 1 + random.nextInt(length);
      Optional<byte[]> expected = model(old, delta, cut);
      byte[] page = old.clone();
      boolean applied = apply(delta, cut, page) < 0;
      assertThat(applied).isEqualTo(expected.isPresent());
      if (applied) {
        assertThat(page).isEqualTo(expected.orElseThrow());
      } else {
        refused++;
      }
    }
    assertThat(refused).isBetween(1000, 9999);
  }

  @Test
  void countsUpToThePageInEitherForm() {
    byte[] page = new byte[PAGE];
    byte[] delta = {(byte) 0x80, 0x00, (byte) 0x81, 0x00, 7};
    assertThat(apply(delta, delta.length, page)).isEqualTo(-1);
    assertThat(page[0]).isEqualTo((byte) 7);
  }
}
