package dev.godwit.channel.stream;

import dev.godwit.channel.stream.MachineDescription.Device;
import dev.godwit.channel.stream.StateDescription.Field;
import java.io.ByteArrayOutputStream;
import tools.jackson.core.JsonEncoding;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** Writes a description as QEMU does: compact, and its keys in QEMU's order. */
final class DescriptionWriter {
  private static final JsonFactory FACTORY = JsonFactory.builder().build();

  private final JsonGenerator json;

  private DescriptionWriter(JsonGenerator json) {
    this.json = json;
  }

  /** The JSON in UTF-8. */
  static byte[] write(MachineDescription machine) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JsonGenerator json =
        FACTORY.createGenerator(ObjectWriteContext.empty(), bytes, JsonEncoding.UTF8)) {
      new DescriptionWriter(json).machine(machine);
    }
    return bytes.toByteArray();
  }

  private void machine(MachineDescription machine) {
    json.writeStartObject();
    machine
        .configuration()
        .ifPresent(
            configuration -> {
              json.writeObjectPropertyStart("configuration");
              state(configuration);
              json.writeEndObject();
            });
    machine.pageBytes().ifPresent(bytes -> json.writeNumberProperty("page_size", bytes));
    json.writeArrayPropertyStart("devices");
    for (Device device : machine.devices()) {
      json.writeStartObject();
      json.writeStringProperty("name", device.name());
      json.writeNumberProperty("instance_id", device.instance());
      state(device.state());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  /** Into an object that is begun. */
  private void state(StateDescription state) {
    json.writeStringProperty("vmsd_name", state.name());
    json.writeNumberProperty("version", state.version());
    json.writeArrayPropertyStart("fields");
    state.fields().forEach(this::field);
    json.writeEndArray();
    if (!state.subsections().isEmpty()) {
      json.writeArrayPropertyStart("subsections");
      for (StateDescription subsection : state.subsections()) {
        json.writeStartObject();
        state(subsection);
        json.writeEndObject();
      }
      json.writeEndArray();
    }
  }

  private void field(Field field) {
    json.writeStartObject();
    int bracket = indexAt(field.name());
    if (bracket < 0) {
      json.writeStringProperty("name", field.name());
    } else {
      String index = field.name().substring(bracket + 1, field.name().length() - 1);
      json.writeStringProperty("name", field.name().substring(0, bracket));
      json.writeNumberProperty("index", Integer.parseInt(index));
    }
    if (field.elements() != 1) {
      json.writeNumberProperty("array_len", field.elements());
    }
    json.writeStringProperty("type", field.type());
    field
        .struct()
        .ifPresent(
            struct -> {
              json.writeObjectPropertyStart("struct");
              state(struct);
              json.writeEndObject();
            });
    json.writeNumberProperty("size", field.elementBytes());
    json.writeEndObject();
  }

  /** Where the index of a name begins, as {@code [7]} of {@code cmd[7]}; -1 if it has none. */
  private static int indexAt(String name) {
    int bracket = name.lastIndexOf('[');
    boolean indexed = bracket >= 0 && name.substring(bracket).matches("\\[(0|[1-9][0-9]{0,8})]");
    return indexed ? bracket : -1;
  }
}
