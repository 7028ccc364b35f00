package dev.godwit.channel.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.godwit.channel.stream.StreamException.Kind;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import org.junit.jupiter.api.Test;

final class ConfigurationTest {
  private static final String PAGE_BITS = "05 1E'configuration/target-page-bits' 00000001 00000010";
  private static final String CAPABILITIES =
      "05 1A'configuration/capabilities' 00000001 00000002 0F'x-ignore-shared' 0A'mapped-ram'";
  private static final String UUID_BYTES =
      "05 12'configuration/uuid' 00000001 112233445566778899AABBCCDDEEFF00";
  private static final String ALL = "07 00000001 'm'" + PAGE_BITS + CAPABILITIES + UUID_BYTES;

  private static final Configuration EVERYTHING =
      new Configuration(
          "m",
          OptionalInt.of(16),
          Optional.of(List.of("x-ignore-shared", "mapped-ram")),
          Optional.of(UUID.fromString("11223344-5566-7788-99aa-bbccddeeff00")));

  @Test
  void readsAndWritesAllSubsections() throws Exception {
    assertThat(Wired.reading(Wired.hex(ALL), 1, Configuration::read)).isEqualTo(EVERYTHING);
    assertThat(Wired.written(EVERYTHING::write)).isEqualTo(Wired.hex(ALL));
  }

  @Test
  void readsAndWritesNone() throws Exception {
    byte[] bytes = Wired.hex("07 0000000D 'pc-i440fx-7.2'");
    Configuration plain = Configuration.of("pc-i440fx-7.2");
    assertThat(Wired.reading(bytes, Configuration::read)).isEqualTo(plain);
    assertThat(Wired.written(plain::write)).isEqualTo(bytes);
  }

  /** 10.0 has the section with a count of nothing where a capability was set and unset. */
  @Test
  void keepsAnEmptyListApartFromNone() throws Exception {
    byte[] bytes = Wired.hex("07 00000001 'm' 05 1A'configuration/capabilities' 00000001 00000000");
    Configuration read = Wired.reading(bytes, Configuration::read);
    assertThat(read.capabilities()).contains(List.of());
    assertThat(Wired.written(read::write)).isEqualTo(bytes);
  }

  @Test
  void stopsBeforeWhatIsNoSubsection() throws Exception {
    byte[] next = Wired.hex("07 00000001 'm' 01");
    Wired.reading(
        next,
        in -> {
          assertThat(Configuration.read(in)).isEqualTo(Configuration.of("m"));
          assertThat(in.peek()).isEqualTo(1);
          return true;
        });
  }

  @Test
  void refusesWhatNoSourceSends() {
    refuse("08", Kind.MALFORMED, 0, "A configuration begins with 0x07, not with 8");
    refuse("07 00000000", Kind.MALFORMED, 1, "The machine's name cannot have 0 bytes");
    refuse("07 00000101", Kind.MALFORMED, 1, "The machine's name cannot have 257 bytes");
    refuse("07 FFFFFFFF", Kind.MALFORMED, 1, "The machine's name cannot have 4294967295 bytes");
    refuse("07 00000001'm' 05 00", Kind.MALFORMED, 7, "The name of a subsection is empty");
    refuse(
        "07 00000001'm' 05 15'configuration/colours'",
        Kind.UNSUPPORTED,
        6,
        "The configuration has an unknown subsection configuration/colours");
    refuse(
        "07 00000001'm' 05 05'timer'",
        Kind.MALFORMED,
        6,
        "The configuration has a subsection of something else: timer");
    refuse(
        "07 00000001'm' 05 12'configuration/uuid' 00000002",
        Kind.UNSUPPORTED,
        26,
        "Subsection configuration/uuid has the version 2");
    refuse(
        "07 00000001'm' 05 1E'configuration/target-page-bits' 00000001 00000015",
        Kind.MALFORMED,
        42,
        "A page's offset cannot have 21 bits");
    refuse(
        "07 00000001'm' 05 1A'configuration/capabilities' 00000001 00000041",
        Kind.MALFORMED,
        38,
        "65 capabilities are more than the 64 there can be");
    refuse(
        "07 00000001'm'" + UUID_BYTES + CAPABILITIES,
        Kind.MALFORMED,
        46,
        "Subsection configuration/capabilities comes too late, or twice");
    refuse(
        "07 00000001'm'" + UUID_BYTES + UUID_BYTES,
        Kind.MALFORMED,
        46,
        "Subsection configuration/uuid comes too late, or twice");
  }

  private static void refuse(String hex, Kind kind, long offset, String sentence) {
    Hostile.refuse(hex, Configuration::read, kind, offset, sentence);
  }

  @Test
  void saysWhereItIsCut() {
    // Without the ends at which a shorter configuration is whole.
    byte[] all = Wired.hex("07 00000001 'm'" + UUID_BYTES);
    Hostile.truncate(
        all,
        in -> {
          Configuration read = Configuration.read(in);
          return read.uuid().isPresent() ? 0 : in.u8();
        });
  }

  @Test
  void bearsMutations() {
    Hostile.mutate("ConfigurationTest", List.of(Wired.hex(ALL)), Configuration::read);
  }
}
