package dev.godwit.migration.cli;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.godwit.channel.inspect.DecodedState;
import dev.godwit.channel.inspect.DeviceReport;
import dev.godwit.channel.inspect.Value;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;

/** Prints the fields of devices with their values, structures indented, long ones cut short. */
final class FieldTree {
  private static final int SHOWN_BYTES = 16;
  private static final int SHOWN_VALUES = 16;

  private final Output output;

  FieldTree(Output output) {
    this.output = output;
  }

  void print(DeviceReport device) {
    output.line(
        "%s, instance %d, version %d: %s bytes at byte %s"
            .formatted(
                Printable.of(device.section().name()),
                device.section().instance(),
                device.section().version(),
                Columns.number(device.bytes()),
                Columns.number(device.offset())));
    if (!device.undecoded().isEmpty()) {
      output.line("  " + Printable.of(device.undecoded()));
    }
    device.state().ifPresent(state -> state(state, "  "));
  }

  private void state(DecodedState state, String indent) {
    for (DecodedState.Field field : state.fields()) {
      value(Printable.of(field.name()), Printable.of(field.type()), field.value(), indent);
    }
    for (DecodedState subsection : state.subsections()) {
      output.line(indent + Printable.of(subsection.layout()) + " (subsection)");
      state(subsection, indent + "  ");
    }
  }

  private void value(String name, String type, Value value, String indent) {
    switch (value) {
      case Value.Struct struct -> {
        output.line(indent + name);
        state(struct.state(), indent + "  ");
      }
      case Value.Items items
          when items.values().stream().anyMatch(Value.Struct.class::isInstance) ->
          structs(name, type, items, indent);
      case Value.Items items -> leaf(name, type, list(items.values()), indent);
      case Value.Bytes bytes -> leaf(name, type, bytes(bytes.bytes()), indent);
      default -> leaf(name, type, value.toString(), indent);
    }
  }

  private void structs(String name, String type, Value.Items items, String indent) {
    int number = 0;
    for (Value item : items.values()) {
      value(name + "[" + number++ + "]", type, item, indent);
    }
  }

  private void leaf(String name, String type, String text, String indent) {
    output.line("%s%-28s %-14s %s".formatted(indent, name, type, text).stripTrailing());
  }

  private static String list(List<Value> values) {
    if (values.size() > SHOWN_VALUES && values.stream().distinct().count() == 1) {
      return "[" + text(values.getFirst()) + " × " + values.size() + "]";
    }
    String shown =
        values.stream().limit(SHOWN_VALUES).map(FieldTree::text).collect(Collectors.joining(", "));
    return values.size() > SHOWN_VALUES
        ? "[" + shown + ", …] (" + values.size() + ")"
        : "[" + shown + "]";
  }

  private static String text(Value value) {
    return value instanceof Value.Bytes bytes ? bytes(bytes.bytes()) : value.toString();
  }

  private static String bytes(byte[] bytes) {
    int length = bytes.length;
    while (length > 0 && bytes[length - 1] == 0) {
      length--;
    }
    if (length == 0) {
      return bytes.length == 0 ? "" : "00 × " + bytes.length;
    }
    String text = new String(bytes, 0, length, ISO_8859_1);
    if (length > 2 && text.chars().allMatch(c -> c >= ' ' && c < 0x7F)) {
      return '"' + Printable.of(text) + '"';
    }
    return bytes.length <= SHOWN_BYTES
        ? HexFormat.of().formatHex(bytes)
        : "%s… (%d bytes)".formatted(HexFormat.of().formatHex(bytes, 0, SHOWN_BYTES), bytes.length);
  }
}
