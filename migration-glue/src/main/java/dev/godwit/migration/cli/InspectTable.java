package dev.godwit.migration.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.godwit.channel.inspect.CommandReport;
import dev.godwit.channel.inspect.DeviceReport;
import dev.godwit.channel.inspect.DiskReport;
import dev.godwit.channel.inspect.Inspection;
import dev.godwit.channel.inspect.MultifdReport;
import dev.godwit.channel.inspect.PageCount;
import dev.godwit.channel.inspect.PostcopyReport;
import dev.godwit.channel.inspect.RamReport;
import dev.godwit.channel.inspect.SectionReport;
import dev.godwit.channel.inspect.Share;
import dev.godwit.channel.inspect.StreamReport;
import dev.godwit.channel.inspect.Value;
import dev.godwit.channel.stream.Command;
import dev.godwit.channel.stream.Configuration;
import dev.godwit.channel.stream.SectionHeader.Kind;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What {@code inspect} prints for people. Whatever a stream says is printed as {@link Printable}.
 */
final class InspectTable {
  private static final int SHOWN_COMMANDS = 12;
  private static final int SHOWN_ROUNDS = 8;

  private final Output output;
  private final Inspection inspection;
  private final StreamReport main;

  InspectTable(Output output, Inspection inspection) {
    this.output = output;
    this.inspection = inspection;
    this.main = inspection.main();
  }

  /** What the guest did when it was sent, where the stream tells. */
  static Optional<String> runState(StreamReport main) {
    return main.devices().stream()
        .filter(device -> device.section().name().equals("globalstate"))
        .flatMap(device -> device.state().stream())
        .flatMap(state -> state.value("runstate").stream())
        .filter(Value.Bytes.class::isInstance)
        .map(value -> new String(((Value.Bytes) value).bytes(), ISO_8859_1))
        .map(text -> text.indexOf('\0') < 0 ? text : text.substring(0, text.indexOf('\0')))
        .findFirst();
  }

  /**
   * @param parts of names, one of which it has; none for all devices
   */
  static boolean isWanted(DeviceReport device, List<String> parts) {
    return parts.isEmpty() || parts.stream().anyMatch(device.section().name()::contains);
  }

  /**
   * @param ram whether blocks and rounds are shown one by one
   * @param sections whether sections and commands are
   */
  void print(boolean ram, boolean sections) {
    summary();
    main.ram().ifPresent(report -> blocks(report, ram));
    multifd();
    disks();
    if (sections) {
      sequence();
    }
    devices();
    shares();
  }

  /** Prints the fields of the devices with one of {@code parts} in their names; false if none. */
  boolean printDevices(List<String> parts) {
    List<DeviceReport> wanted =
        main.devices().stream().filter(device -> isWanted(device, parts)).toList();
    FieldTree tree = new FieldTree(output);
    wanted.forEach(tree::print);
    return !wanted.isEmpty();
  }

  private void summary() {
    output.line(
        "Migration stream%s: %s bytes%s"
            .formatted(
                main.configuration().map(c -> " of " + Printable.of(c.machine())).orElse(""),
                Columns.number(main.bytes()),
                inspection.damage().isPresent() ? ", damaged" : ""));
    main.configuration()
        .flatMap(Configuration::uuid)
        .ifPresent(uuid -> fact("guest", uuid.toString()));
    main.configuration()
        .flatMap(Configuration::capabilities)
        .ifPresent(
            on ->
                fact(
                    "capabilities",
                    on.stream().map(Printable::of).collect(Collectors.joining(", "))));
    runState(main).ifPresent(state -> fact("run state", Printable.of(state)));
    main.ram().ifPresent(this::memory);
    fact("sections", sectionCounts());
    if (!main.commands().isEmpty()) {
      fact("commands", commandNames());
    }
    main.postcopy().ifPresent(this::postcopy);
    inspection.damage().ifPresent(damage -> fact("damage", Printable.of(damage.sentence())));
  }

  private void fact(String name, String value) {
    output.line("  %-13s %s".formatted(name, value));
  }

  private void memory(RamReport ram) {
    fact(
        "memory",
        "%s B in %s"
            .formatted(
                Columns.number(ram.table().totalBytes()),
                Columns.count(ram.blocks().size(), "RAM block")));
    if (!ram.pages().isEmpty()) {
      fact("pages", pages(ram.pages()));
    }
    List<RamReport.Mapped> mapped =
        ram.blocks().stream().flatMap(block -> block.mapped().stream()).toList();
    if (!mapped.isEmpty()) {
      fact(
          "pages",
          "%s in the file, %s zero"
              .formatted(
                  Columns.number(mapped.stream().mapToLong(RamReport.Mapped::pages).sum()),
                  Columns.number(mapped.stream().mapToLong(RamReport.Mapped::zeroPages).sum())));
    }
    if (!ram.rounds().isEmpty()) {
      String counts =
          ram.rounds().stream()
              .limit(SHOWN_ROUNDS)
              .map(round -> Columns.number(round.pages()))
              .collect(Collectors.joining(" + "));
      long all = ram.rounds().size() + ram.furtherRounds();
      fact(
          "rounds",
          "%s (%s%s pages)"
              .formatted(Columns.number(all), counts, all > SHOWN_ROUNDS ? " + …" : ""));
    }
    if (ram.snapshot()) {
      fact("snapshot", "the RAM section has no end, as in a background snapshot");
    }
  }

  private static String pages(List<PageCount> counts) {
    return counts.stream()
        .map(count -> Columns.number(count.pages()) + " " + count.encoding())
        .collect(Collectors.joining(", "));
  }

  private String sectionCounts() {
    List<String> counts = new ArrayList<>();
    for (Kind kind : Kind.values()) {
      long count = main.sections().stream().filter(s -> s.kind() == kind).count();
      if (count > 0) {
        counts.add(Columns.number(count) + " " + kind);
      }
    }
    if (main.furtherSections() > 0) {
      counts.add(Columns.number(main.furtherSections()) + " more");
    }
    return counts.isEmpty() ? "none" : String.join(", ", counts);
  }

  private String commandNames() {
    List<String> names = new ArrayList<>();
    long discards = 0;
    long others = 0;
    for (CommandReport report : main.commands()) {
      if (report.command() instanceof Command.PostcopyRamDiscard) {
        discards++;
      } else if (names.size() < SHOWN_COMMANDS) {
        names.add(name(report));
      } else {
        others++;
      }
    }
    if (discards > 0) {
      names.add(Columns.number(discards) + " × POSTCOPY_RAM_DISCARD");
    }
    if (others + main.furtherCommands() > 0) {
      names.add(Columns.number(others + main.furtherCommands()) + " more");
    }
    return String.join(", ", names);
  }

  private static String name(CommandReport report) {
    return switch (report.command()) {
      case Command.Ping ping -> report.name() + " " + ping.value();
      case Command.Packaged packaged ->
          report.name() + " of " + Columns.number(packaged.packageBytes()) + " B";
      case Command.RecvBitmap bitmap -> report.name() + " " + Printable.of(bitmap.block());
      case Command.PostcopyRamDiscard discard ->
          "%s %s, %s"
              .formatted(
                  report.name(),
                  Printable.of(discard.block()),
                  Columns.count(discard.ranges().size(), "range"));
      default -> report.name();
    };
  }

  private void postcopy(PostcopyReport postcopy) {
    if (postcopy.runAt().isEmpty()) {
      fact("postcopy", "advised, and not switched to");
      return;
    }
    fact(
        "postcopy",
        "devices in a package of %s B at byte %s, %s after it"
            .formatted(
                Columns.number(postcopy.packageBytes().orElse(0)),
                Columns.number(postcopy.packageAt().orElse(0)),
                Columns.count(postcopy.pagesAfter(), "page")));
    for (PostcopyReport.Discard discard : postcopy.discards()) {
      fact(
          "  discarded",
          "%s B of %s in %s"
              .formatted(
                  Columns.number(discard.bytes()),
                  Printable.of(discard.block()),
                  Columns.count(discard.ranges(), "range")));
    }
  }

  private void blocks(RamReport ram, boolean detailed) {
    boolean mapped = ram.blocks().stream().anyMatch(block -> block.mapped().isPresent());
    Set<String> encodings = new LinkedHashSet<>();
    ram.pages().forEach(count -> encodings.add(count.encoding()));
    List<String> head = new ArrayList<>(List.of("RAM block", "bytes"));
    if (mapped) {
      head.addAll(List.of("pages in file", "zero", "pages at byte"));
    }
    for (String encoding : encodings) {
      head.add(encoding + " pages");
      if (detailed) {
        head.add(encoding + " bytes");
      }
    }
    Columns table = new Columns(1, head.toArray(String[]::new));
    for (RamReport.Block block : ram.blocks()) {
      List<String> row = new ArrayList<>();
      row.add(Printable.of(block.entry().name()));
      row.add(Columns.number(block.entry().lengthBytes()));
      if (mapped) {
        row.add(block.mapped().map(m -> Columns.number(m.pages())).orElse("-"));
        row.add(block.mapped().map(m -> Columns.number(m.zeroPages())).orElse("-"));
        row.add(block.mapped().map(m -> Columns.number(m.header().pagesOffset())).orElse("-"));
      }
      for (String encoding : encodings) {
        Optional<PageCount> count =
            block.pages().stream().filter(c -> c.encoding().equals(encoding)).findFirst();
        row.add(Columns.number(count.map(PageCount::pages).orElse(0L)));
        if (detailed) {
          row.add(Columns.number(count.map(PageCount::wireBytes).orElse(0L)));
        }
      }
      table.row(row.toArray(String[]::new));
    }
    print(table);
    if (detailed) {
      extras(ram);
      rounds(ram);
    }
  }

  private void extras(RamReport ram) {
    Columns table =
        new Columns(1, "RAM block", "page bytes", "guest address", "bitmap at", "padding");
    boolean any = false;
    for (RamReport.Block block : ram.blocks()) {
      any |=
          block.entry().pageBytes().isPresent()
              || block.entry().guestAddress().isPresent()
              || block.mapped().isPresent();
      table.row(
          Printable.of(block.entry().name()),
          block.entry().pageBytes().isPresent()
              ? Columns.number(block.entry().pageBytes().getAsLong())
              : "-",
          block.entry().guestAddress().isPresent()
              ? "0x" + Long.toHexString(block.entry().guestAddress().getAsLong())
              : "-",
          block.mapped().map(m -> Columns.number(m.header().bitmapOffset())).orElse("-"),
          block.mapped().map(m -> Columns.number(m.paddingBytes())).orElse("-"));
    }
    if (any) {
      print(table);
    }
  }

  private void rounds(RamReport ram) {
    if (ram.rounds().isEmpty()) {
      return;
    }
    Columns table = new Columns(1, "Round", "at byte", "pages", "bytes");
    int number = 1;
    for (RamReport.Round round : ram.rounds()) {
      table.row(
          Integer.toString(number++),
          Columns.number(round.offset()),
          Columns.number(round.pages()),
          Columns.number(round.wireBytes()));
    }
    print(table);
    if (ram.furtherRounds() > 0) {
      output.line("  and " + Columns.number(ram.furtherRounds()) + " more");
    }
  }

  private void multifd() {
    if (inspection.multifd().isEmpty()) {
      return;
    }
    Columns table =
        new Columns(2, "Channel", "compression", "bytes", "packets", "syncs", "pages", "zero");
    for (MultifdReport report : inspection.multifd()) {
      table.row(
          "multifd " + report.id(),
          report.compression(),
          Columns.number(report.bytes()),
          Columns.number(report.packets()),
          Columns.number(report.syncs()),
          Columns.number(report.pages()),
          Columns.number(report.zeroPages()));
    }
    print(table);
  }

  private void disks() {
    if (main.disks().isEmpty()) {
      return;
    }
    Columns table = new Columns(2, "Disk", "bitmap", "chunks", "zero", "data bytes");
    for (DiskReport disk : main.disks()) {
      table.row(
          Printable.of(disk.disk()),
          disk.bitmap().isEmpty() ? "-" : Printable.of(disk.bitmap()),
          Columns.number(disk.chunks()),
          Columns.number(disk.zeroChunks()),
          Columns.number(disk.dataBytes()));
    }
    print(table);
  }

  private record Step(long offset, String what, String of, long bytes) {}

  private void sequence() {
    List<Step> steps = new ArrayList<>();
    for (SectionReport section : main.sections()) {
      String of =
          "%d %s, instance %d"
              .formatted(
                  section.section().id(),
                  Printable.of(section.section().name()),
                  section.section().instance());
      steps.add(
          new Step(
              section.offset(),
              (section.inPackage() ? "  " : "") + section.kind(),
              of,
              section.bytes()));
    }
    for (CommandReport command : main.commands()) {
      steps.add(
          new Step(
              command.offset(),
              (command.inPackage() ? "  " : "") + "COMMAND",
              name(command),
              command.bytes()));
    }
    steps.sort(Comparator.comparingLong(Step::offset));
    Columns table = new Columns(2, "Sequence", "", "bytes", "at byte");
    for (Step step : steps) {
      table.row(step.what, step.of, Columns.number(step.bytes), Columns.number(step.offset));
    }
    print(table);
    if (main.furtherSections() + main.furtherCommands() > 0) {
      output.line(
          "  and "
              + Columns.number(main.furtherSections() + main.furtherCommands())
              + " more, not listed");
    }
  }

  private void devices() {
    if (main.devices().isEmpty()) {
      return;
    }
    Columns table = new Columns(1, "Device", "instance", "version", "bytes", "at byte");
    for (DeviceReport device : main.devices()) {
      table.row(
          Printable.of(device.section().name()),
          Long.toString(device.section().instance()),
          Long.toString(device.section().version()),
          Columns.number(device.bytes()),
          Columns.number(device.offset()));
    }
    print(table);
  }

  private void shares() {
    Columns table = new Columns(1, "What the bytes are for", "bytes");
    for (Share share : main.shares()) {
      table.row(share.part().replace('-', ' '), Columns.number(share.bytes()));
    }
    print(table.row("all", Columns.number(main.bytes())));
  }

  private void print(Columns table) {
    output.line("");
    table.lines().forEach(output::line);
  }
}
