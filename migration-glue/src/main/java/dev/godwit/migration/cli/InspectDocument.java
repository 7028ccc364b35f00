package dev.godwit.migration.cli;

import dev.godwit.channel.inspect.CommandReport;
import dev.godwit.channel.inspect.Damage;
import dev.godwit.channel.inspect.DecodedState;
import dev.godwit.channel.inspect.DeviceReport;
import dev.godwit.channel.inspect.Inspection;
import dev.godwit.channel.inspect.MultifdReport;
import dev.godwit.channel.inspect.PageCount;
import dev.godwit.channel.inspect.PostcopyReport;
import dev.godwit.channel.inspect.RamReport;
import dev.godwit.channel.inspect.SectionReport;
import dev.godwit.channel.inspect.StreamReport;
import dev.godwit.channel.inspect.Value;
import dev.godwit.channel.stream.Command;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.StreamException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/** What {@code inspect --json} prints: all that is known, with nothing left out. */
final class InspectDocument {
  private final Inspection inspection;
  private final StreamReport main;
  private final List<String> wantedDevices;

  /**
   * @param wantedDevices parts of their names; empty for all
   */
  InspectDocument(Inspection inspection, List<String> wantedDevices) {
    this.inspection = inspection;
    this.main = inspection.main();
    this.wantedDevices = wantedDevices;
  }

  Map<String, Object> members(String target) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("input", target);
    members.put("outcome", inspection.damage().isEmpty() ? "complete" : "damaged");
    members.put("message", inspection.damage().map(Damage::sentence).orElse(""));
    members.put("damage", inspection.damage().map(InspectDocument::damage).orElse(Map.of()));
    members.put("bytes", main.bytes());
    members.put("machine", main.configuration().map(Configuration::machine).orElse(""));
    members.put("run-state", InspectTable.runState(main).orElse(""));
    main.configuration()
        .flatMap(Configuration::uuid)
        .ifPresent(uuid -> members.put("uuid", uuid.toString()));
    main.configuration().stream()
        .flatMapToInt(c -> c.targetPageBits().stream())
        .forEach(bits -> members.put("target-page-bytes", 1L << bits));
    members.put(
        "capabilities",
        main.configuration().flatMap(Configuration::capabilities).orElse(List.of()));
    members.put("sections", all(main.sections(), InspectDocument::section));
    members.put("further-sections", main.furtherSections());
    members.put("ram", main.ram().map(InspectDocument::ram).orElse(Map.of()));
    members.put("multifd", all(inspection.multifd(), InspectDocument::multifd));
    members.put("commands", all(main.commands(), InspectDocument::command));
    members.put("further-commands", main.furtherCommands());
    members.put("postcopy", main.postcopy().map(InspectDocument::postcopy).orElse(Map.of()));
    members.put(
        "disks",
        all(
            main.disks(),
            disk ->
                Map.of(
                    "section", disk.section(),
                    "disk", disk.disk(),
                    "bitmap", disk.bitmap(),
                    "chunks", disk.chunks(),
                    "zero-chunks", disk.zeroChunks(),
                    "data-bytes", disk.dataBytes())));
    members.put(
        "devices",
        main.devices().stream()
            .filter(device -> InspectTable.isWanted(device, wantedDevices))
            .map(InspectDocument::device)
            .toList());
    main.descriptionBytes().ifPresent(bytes -> members.put("description-bytes", bytes));
    members.put(
        "shares",
        all(main.shares(), share -> Map.of("part", share.part(), "bytes", share.bytes())));
    return members;
  }

  private static <T> List<Map<String, Object>> all(
      List<T> list, Function<T, Map<String, Object>> one) {
    return list.stream().map(one).toList();
  }

  private static Map<String, Object> damage(Damage damage) {
    Map<String, Object> members = new LinkedHashMap<>();
    if (damage.cause() instanceof StreamException stream) {
      members.put("kind", stream.kind().name().toLowerCase(Locale.ROOT));
      members.put("channel", stream.channel());
      members.put("offset", stream.offset());
      members.put("sentence", stream.sentence());
    } else {
      members.put("kind", "channel");
      members.put("sentence", damage.sentence());
    }
    members.put("within", damage.within());
    return members;
  }

  private static Map<String, Object> section(SectionReport report) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("kind", report.kind().name());
    members.put("id", report.section().id());
    members.put("name", report.section().name());
    members.put("instance", report.section().instance());
    members.put("version", report.section().version());
    members.put("offset", report.offset());
    members.put("bytes", report.bytes());
    members.put("in-package", report.inPackage());
    return members;
  }

  private static List<Map<String, Object>> pages(List<PageCount> counts) {
    return all(
        counts,
        count ->
            Map.of(
                "encoding", count.encoding(),
                "pages", count.pages(),
                "wire-bytes", count.wireBytes()));
  }

  private static Map<String, Object> ram(RamReport ram) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("bytes", ram.table().totalBytes());
    members.put("pages", pages(ram.pages()));
    members.put("blocks", all(ram.blocks(), InspectDocument::block));
    members.put(
        "rounds",
        all(
            ram.rounds(),
            round ->
                Map.of(
                    "offset", round.offset(),
                    "pages", round.pages(),
                    "wire-bytes", round.wireBytes())));
    members.put("further-rounds", ram.furtherRounds());
    members.put("flush-marks", ram.flushMarks());
    members.put("snapshot", ram.snapshot());
    return members;
  }

  private static Map<String, Object> block(RamReport.Block block) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("name", block.entry().name());
    members.put("bytes", block.entry().lengthBytes());
    block.entry().pageBytes().ifPresent(bytes -> members.put("page-bytes", bytes));
    block.entry().guestAddress().ifPresent(address -> members.put("guest-address", address));
    members.put("pages", pages(block.pages()));
    block
        .mapped()
        .ifPresent(
            mapped ->
                members.put(
                    "mapped",
                    Map.of(
                        "bitmap-offset", mapped.header().bitmapOffset(),
                        "bitmap-bytes", mapped.bitmapBytes(),
                        "padding-bytes", mapped.paddingBytes(),
                        "pages-offset", mapped.header().pagesOffset(),
                        "page-bytes", mapped.header().pageBytes(),
                        "pages", mapped.pages(),
                        "zero-pages", mapped.zeroPages())));
    return members;
  }

  private static Map<String, Object> multifd(MultifdReport report) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("id", report.id());
    members.put("guest", report.guest().toString());
    members.put("bytes", report.bytes());
    members.put("compression", report.compression());
    members.put("packets", report.packets());
    members.put("syncs", report.syncs());
    members.put("payload-bytes", report.payloadBytes());
    members.put(
        "blocks",
        all(
            report.blocks(),
            block ->
                Map.of(
                    "name", block.block(),
                    "pages", block.pages(),
                    "zero-pages", block.zeroPages())));
    members.put("device-state-packets", report.deviceStatePackets());
    members.put("device-state-bytes", report.deviceStateBytes());
    members.put("message", report.damage().map(Damage::sentence).orElse(""));
    return members;
  }

  private static Map<String, Object> command(CommandReport report) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("name", report.name());
    members.put("offset", report.offset());
    members.put("bytes", report.bytes());
    members.put("in-package", report.inPackage());
    switch (report.command()) {
      case Command.Ping ping -> members.put("value", ping.value());
      case Command.Packaged packaged -> members.put("package-bytes", packaged.packageBytes());
      case Command.RecvBitmap bitmap -> members.put("block", bitmap.block());
      case Command.PostcopyRamDiscard discard -> {
        members.put("block", discard.block());
        members.put(
            "ranges",
            all(
                discard.ranges(),
                range -> Map.of("start", range.start(), "length", range.length())));
      }
      default -> {}
    }
    return members;
  }

  private static Map<String, Object> postcopy(PostcopyReport postcopy) {
    Map<String, Object> members = new LinkedHashMap<>();
    postcopy
        .advised()
        .ifPresent(
            sizes -> {
              members.put("block-page-sizes", sizes.blocksMask());
              members.put("target-page-bytes", sizes.targetPageBytes());
            });
    members.put(
        "discards",
        all(
            postcopy.discards(),
            discard ->
                Map.of(
                    "block", discard.block(),
                    "commands", discard.commands(),
                    "ranges", discard.ranges(),
                    "bytes", discard.bytes())));
    postcopy.packageAt().ifPresent(at -> members.put("package-offset", at));
    postcopy.packageBytes().ifPresent(bytes -> members.put("package-bytes", bytes));
    postcopy.runAt().ifPresent(at -> members.put("run-offset", at));
    members.put("pages-after", postcopy.pagesAfter());
    return members;
  }

  private static Map<String, Object> device(DeviceReport device) {
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("name", device.section().name());
    members.put("instance", device.section().instance());
    members.put("version", device.section().version());
    members.put("offset", device.offset());
    members.put("bytes", device.bytes());
    members.put("in-package", device.inPackage());
    device.state().ifPresent(state -> members.put("fields", state(state)));
    if (!device.undecoded().isEmpty()) {
      members.put("undecoded", device.undecoded());
    }
    return members;
  }

  /** Subsections are members too; their names have a slash. A name that comes again is numbered. */
  private static Map<String, Object> state(DecodedState state) {
    Map<String, Object> members = new LinkedHashMap<>();
    Map<String, Integer> times = new HashMap<>();
    for (DecodedState.Field field : state.fields()) {
      members.put(freeName(members, times, field.name()), value(field.value()));
    }
    for (DecodedState subsection : state.subsections()) {
      members.put(freeName(members, times, subsection.layout()), state(subsection));
    }
    return members;
  }

  private static String freeName(
      Map<String, Object> members, Map<String, Integer> times, String name) {
    String free = name;
    while (members.containsKey(free)) {
      free = name + " (" + (times.merge(name, 1, Integer::sum) + 1) + ")";
    }
    return free;
  }

  private static Object value(Value value) {
    return switch (value) {
      case Value.Whole whole -> whole.number();
      case Value.Truth truth -> truth.value();
      case Value.Absent ignored -> "";
      case Value.Bytes bytes -> bytes.toString();
      case Value.Struct struct -> state(struct.state());
      case Value.Items items -> items.values().stream().map(InspectDocument::value).toList();
    };
  }
}
