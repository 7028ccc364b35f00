package dev.godwit.migration.qemu;

import static dev.godwit.migration.qemu.MigrationCapability.COMPRESS;
import static dev.godwit.migration.qemu.MigrationCapability.MULTIFD;
import static dev.godwit.migration.qemu.MigrationCapability.POSTCOPY_PREEMPT;
import static dev.godwit.migration.qemu.MigrationCapability.POSTCOPY_RAM;
import static dev.godwit.migration.qemu.MigrationCapability.RETURN_PATH;
import static dev.godwit.migration.qemu.MigrationCapability.XBZRLE;
import static dev.godwit.migration.qemu.MigrationParameter.DIRECT_IO;
import static dev.godwit.migration.qemu.MigrationParameter.MAX_BANDWIDTH;
import static dev.godwit.migration.qemu.MigrationParameter.MULTIFD_CHANNELS;
import static dev.godwit.migration.qemu.MigrationParameter.MULTIFD_COMPRESSION;
import static dev.godwit.migration.qemu.MigrationParameter.TLS_CREDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class MigrationSettingsTest {
  private static final QemuVersion V7 = new QemuVersion(7, 2, 22, "Debian 1:7.2");
  private static final QemuVersion V9 = new QemuVersion(9, 0, 2, "");
  private static final QemuVersion V10 = new QemuVersion(10, 0, 2, "");

  private static MigrationSettings parse(String... settings) throws SettingsException {
    return MigrationSettings.parse(List.of(settings));
  }

  private static QemuSettings set(QemuVersion version, String... settings) throws Exception {
    return QemuSettings.initial(version).with(parse(settings));
  }

  private static String usage(String... settings) {
    SettingsException e = catchThrowableOfType(SettingsException.class, () -> parse(settings));
    assertThat(e).as(String.join(" ", settings)).isNotNull();
    assertThat(e.kind()).isEqualTo(SettingsException.Kind.USAGE);
    return String.valueOf(e.getMessage());
  }

  private static String refusal(QemuSettings now, String... settings) throws Exception {
    MigrationSettings parsed = parse(settings);
    SettingsException e = catchThrowableOfType(SettingsException.class, () -> parsed.check(now));
    assertThat(e).as(parsed.toString()).isNotNull();
    assertThat(e.kind()).isEqualTo(SettingsException.Kind.REFUSED);
    return String.valueOf(e.getMessage());
  }

  @Test
  void readsCapabilitiesAndParameters() throws Exception {
    assertThat(parse("multifd")).isEqualTo(parse("multifd=on"));
    MigrationSettings settings =
        parse("multifd", "xbzrle=off", "multifd-channels=4", "direct-io", "tls-creds=");
    assertThat(settings.capabilities()).isEqualTo(Map.of(MULTIFD, true, XBZRLE, false));
    assertThat(settings.parameters())
        .isEqualTo(
            Map.of(
                MULTIFD_CHANNELS, new ParameterValue.Whole(4),
                DIRECT_IO, new ParameterValue.Flag(true),
                TLS_CREDS, new ParameterValue.Word("")));
    assertThat(settings)
        .hasToString("multifd=on xbzrle=off multifd-channels=4 direct-io=on tls-creds=");
    assertThat(parse("tls-hostname=a=b").parameters())
        .containsValue(new ParameterValue.Word("a=b"));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "100, 100",
    "1B, 1",
    "1k, 1024",
    "1.5G, 1610612736",
    "32M, 33554432",
    "2t, 2199023255552",
    "0.001K, 1",
    "9223372036854775807, 9223372036854775807",
    "7.999999999E, 9223372035701854303"
  })
  void readsSizesAsQemuDoes(String text, long bytes) throws Exception {
    assertThat(parse("max-bandwidth=" + text).parameters())
        .containsEntry(MAX_BANDWIDTH, new ParameterValue.Whole(bytes));
  }

  @ParameterizedTest
  @CsvSource({
    "-1",
    "1.5",
    "1.5B",
    "10x",
    "1KiB",
    "' 1'",
    "8E",
    "9223372036854775808",
    "1e3",
    "''",
    "G",
    ".5G"
  })
  void refusesWhatIsNoSize(String text) {
    assertThat(usage("max-bandwidth=" + text))
        .isEqualTo(
            "The parameter max-bandwidth takes a number of bytes per second, such as 100M or 1.5G,"
                + " not '%s'",
            text);
  }

  @Test
  void saysWhatIsWrongInOneSentence() {
    assertThat(usage("multifd-channels=0"))
        .isEqualTo("The parameter multifd-channels takes a whole number from 1 to 255, not '0'");
    assertThat(usage("multifd-channels=many")).endsWith("not 'many'");
    assertThat(usage("multifd-channels"))
        .isEqualTo("The parameter multifd-channels needs a value: a whole number from 1 to 255");
    assertThat(usage("downtime-limit=1s"))
        .isEqualTo(
            "The parameter downtime-limit takes a whole number from 0 to 2000000 (ms), not '1s'");
    assertThat(usage("multifd=perhaps"))
        .isEqualTo("The capability multifd takes on or off, not 'perhaps'");
    assertThat(usage("direct-io=perhaps"))
        .isEqualTo("The parameter direct-io takes on or off, not 'perhaps'");
    assertThat(usage("multifd-compression=lz4"))
        .isEqualTo(
            "The parameter multifd-compression takes one of none, zlib, zstd, qatzip, qpl, uadk,"
                + " not 'lz4'");
    assertThat(usage("xbzrle-cache-size=3M"))
        .isEqualTo(
            "The parameter xbzrle-cache-size takes a power of two of at least 4096 bytes, such as"
                + " 64M, not '3M'");
    assertThat(usage("vcpu-dirty-limit=0")).contains("of at least 1 (MB/s)");
    assertThat(usage("multifd", "multifd=off"))
        .isEqualTo("The migration setting multifd is given twice");
    assertThat(usage("downtime-limit=1", "downtime-limit=1")).endsWith("is given twice");
    assertThat(usage("=on")).isEqualTo("A migration setting is NAME or NAME=VALUE, not '=on'");
    assertThat(usage("")).isEqualTo("A migration setting is NAME or NAME=VALUE, not ''");
    assertThat(usage("block-bitmap-mapping=[]")).contains("left to QMP");
  }

  @Test
  void suggestsTheNearestName() {
    assertThat(usage("multifdd"))
        .isEqualTo(
            "There is no migration capability or parameter 'multifdd'; the nearest is multifd");
    assertThat(usage("multifd_channels=4")).endsWith("; the nearest is multifd-channels");
    assertThat(usage("max-bandwith=1G")).endsWith("; the nearest is max-bandwidth");
    assertThat(usage("bogus")).isEqualTo("There is no migration capability or parameter 'bogus'");
  }

  @Test
  void refusesWhatTheVersionLacks() throws Exception {
    assertThat(refusal(set(V7), "mapped-ram"))
        .isEqualTo("QEMU 7.2.22 has no capability mapped-ram: it came with QEMU 9.0");
    assertThat(refusal(set(V10), "compress"))
        .isEqualTo("QEMU 10.0.2 has no capability compress: QEMU 9.1 removed it");
    assertThat(refusal(set(V7), "direct-io=off"))
        .isEqualTo("QEMU 7.2.22 has no parameter direct-io: it came with QEMU 9.1");
    assertThat(refusal(set(V10), "compress-level=3"))
        .isEqualTo("QEMU 10.0.2 has no parameter compress-level: QEMU 9.1 removed it");
    assertThat(refusal(set(V7), "multifd-compression=qpl"))
        .isEqualTo("QEMU 7.2.22 does not know multifd-compression=qpl: it came with QEMU 9.1");
    parse("compress", "compress-level=3", "mapped-ram").check(set(V9));
  }

  @Test
  void believesABuildOverItsVersion() throws Exception {
    Set<MigrationCapability> offered = new HashSet<>(QemuSettings.initial(V7).offered());
    offered.add(MigrationCapability.SWITCHOVER_ACK);
    offered.remove(MigrationCapability.X_COLO);
    QemuSettings backport =
        new QemuSettings(V7, offered, Set.of(), QemuSettings.initial(V7).parameters());
    parse("switchover-ack", "return-path").check(backport);
    assertThat(refusal(backport, "x-colo"))
        .isEqualTo("QEMU 7.2.22 has no capability x-colo: this build leaves it out");
  }

  @Test
  void namesBothOfAPairThatExcludesEachOther() throws Exception {
    assertThat(refusal(set(V7), "multifd", "compress"))
        .isEqualTo("The capabilities multifd and compress exclude each other in QEMU 7.2.22");
    assertThat(refusal(set(V7, "compress"), "multifd"))
        .isEqualTo(
            "The capabilities multifd and compress exclude each other in QEMU 7.2.22, where"
                + " compress is on already");
    assertThat(refusal(set(V10), "multifd", "postcopy-ram"))
        .isEqualTo("The capabilities multifd and postcopy-ram exclude each other in QEMU 10.0.2");
    parse("multifd", "compress=off").check(set(V7, "compress"));
    parse("multifd", "postcopy-ram").check(set(V7));
    parse("multifd", "postcopy-ram").check(new QemuVersion(10, 1, 0, ""));
  }

  @Test
  void namesWhatACapabilityNeeds() throws Exception {
    assertThat(refusal(set(V7), "postcopy-preempt"))
        .isEqualTo("The capability postcopy-preempt needs postcopy-ram in QEMU 7.2.22");
    assertThat(refusal(set(V10, "postcopy-ram", "postcopy-preempt"), "postcopy-ram=off"))
        .isEqualTo(
            "The capability postcopy-preempt needs postcopy-ram in QEMU 10.0.2, where"
                + " postcopy-preempt is on already");
    assertThat(refusal(set(V10), "switchover-ack")).contains("needs return-path");
    parse("postcopy-preempt").check(set(V7, "postcopy-ram"));
  }

  @Test
  void leavesAloneWhatIsNotAskedFor() throws Exception {
    parse("downtime-limit=5").check(set(V10, "multifd", "postcopy-ram"));
    MigrationSettings.none().check(set(V10, "postcopy-preempt"));
  }

  @Test
  void comparesValuesWithEachOtherAndWithCapabilities() throws Exception {
    assertThat(refusal(set(V7), "max-cpu-throttle=10"))
        .isEqualTo("The parameter max-cpu-throttle=10 is less than cpu-throttle-initial=20");
    assertThat(refusal(set(V7, "max-cpu-throttle=50"), "cpu-throttle-initial=60"))
        .isEqualTo("The parameter max-cpu-throttle=50 is less than cpu-throttle-initial=60");
    assertThat(refusal(set(V10, "tls-creds=tls0"), "multifd", "zero-copy-send"))
        .isEqualTo(
            "The capability zero-copy-send and tls-creds=tls0 exclude each other in QEMU 10.0.2,"
                + " where tls-creds is set already");
    assertThat(refusal(set(V10, "mapped-ram"), "multifd-compression=zstd"))
        .isEqualTo(
            "The capability mapped-ram and multifd-compression=zstd exclude each other in QEMU"
                + " 10.0.2, where mapped-ram is on already");
  }

  @Test
  void warnsOfWhatDoesNotDoWhatItSays() throws Exception {
    assertThat(parse("multifd", "multifd-zstd-level=9").warnings(set(V7), Side.SOURCE))
        .containsExactly(
            "The parameter multifd-zstd-level is taken by QEMU 7.2.22 and ignored: it stays 1");
    assertThat(parse("multifd", "multifd-zstd-level=9").warnings(set(V10), Side.SOURCE)).isEmpty();
    assertThat(parse("multifd-channels=4").warnings(set(V10), Side.SOURCE))
        .containsExactly(
            "The parameter multifd-channels has no effect without the capability multifd");
    assertThat(parse("multifd-channels=4").warnings(set(V10, "multifd"), Side.SOURCE)).isEmpty();
    assertThat(parse("postcopy-blocktime").warnings(set(V10), Side.SOURCE))
        .containsExactly(
            "The capability postcopy-blocktime has no effect at the source of a migration; set it"
                + " at the destination");
    assertThat(parse("max-bandwidth=1G").warnings(set(V10), Side.DESTINATION))
        .containsExactly(
            "The parameter max-bandwidth has no effect at the destination of a migration; set it"
                + " at the source");
    assertThat(parse("multifd", "postcopy-ram").warnings(set(V7), Side.SOURCE))
        .containsExactly(
            "The capabilities multifd and postcopy-ram together are taken by QEMU 7.2.22, but QEMU"
                + " 10.0 refuses them");
    assertThat(parse("zero-blocks").warnings(set(V10), Side.SOURCE))
        .containsExactly("The capability zero-blocks does nothing in QEMU 10.0.2");
  }

  @Test
  void defaultsYieldToWhatTheUserSaid() throws Exception {
    MigrationSettings settings =
        parse("return-path=off", "max-bandwidth=1G")
            .withDefault(RETURN_PATH, true)
            .withDefault(MULTIFD, true)
            .withDefault(MAX_BANDWIDTH, new ParameterValue.Whole(0))
            .withDefault(MULTIFD_COMPRESSION, new ParameterValue.Word("zlib"));
    assertThat(settings)
        .hasToString(
            "return-path=off multifd=on max-bandwidth=1073741824 multifd-compression=zlib");
  }

  @Test
  void changesOnlyWhatDiffersAndRemembersHowItWas() throws Exception {
    QemuSettings now = set(V7, "compress", "downtime-limit=7");
    MigrationSettings changes =
        parse("compress", "xbzrle", "downtime-limit=7", "max-bandwidth=1G").changing(now);
    assertThat(changes).hasToString("xbzrle=on max-bandwidth=1073741824");
    assertThat(changes.asIn(now)).hasToString("xbzrle=off max-bandwidth=134217728");
    assertThat(now.with(changes).with(changes.asIn(now))).isEqualTo(now);
  }

  @Test
  void namesAreUniqueAndEveryEntryIsExplained() {
    Set<String> names = new HashSet<>();
    for (MigrationCapability capability : MigrationCapability.values()) {
      assertThat(names.add(capability.qemuName())).as(capability.qemuName()).isTrue();
      assertThat(MigrationCapability.named(capability.qemuName())).contains(capability);
      assertThat(capability.meaning()).isNotBlank().doesNotEndWith(".");
    }
    for (MigrationParameter parameter : MigrationParameter.values()) {
      assertThat(names.add(parameter.qemuName())).as(parameter.qemuName()).isTrue();
      assertThat(MigrationParameter.named(parameter.qemuName())).contains(parameter);
      assertThat(parameter.meaning()).isNotBlank().doesNotEndWith(".");
      parameter
          .initial()
          .ifPresent(
              initial -> assertThat(parameter.type().read(initial.toString())).contains(initial));
    }
    assertThat(Arrays.asList(COMPRESS, POSTCOPY_PREEMPT, POSTCOPY_RAM))
        .extracting(MigrationCapability::appliesTo)
        .containsOnly(AppliesTo.BOTH);
    assertThat(CapabilityRule.all()).doesNotHaveDuplicates();
  }

  @Test
  void ordersVersions() {
    assertThat(List.of(V10, V7, V9).stream().sorted()).containsExactly(V7, V9, V10);
    assertThat(V10).hasToString("10.0.2");
    assertThat(V10.isAtLeast(QemuRelease.of("9.1"))).isTrue();
    assertThat(V9.isAtLeast(QemuRelease.of("9.1"))).isFalse();
    assertThatThrownBy(() -> QemuRelease.of("x.1")).isInstanceOf(NumberFormatException.class);
  }
}
